import Config
import Operators

/// What a row of an updating stream does to what stands, as sinks write it in `_op`.
enum RowOperation: UInt8 {
    /// Not written: the deletion half of an update in an upsert sink.
    case skip
    case insert
    case updateBefore
    case updateAfter
    case delete
    case upsert

    /// The word in `_op`.
    var word: StaticString {
        switch self {
        case .skip: return ""
        case .insert: return "insert"
        case .updateBefore: return "update_before"
        case .updateAfter: return "update_after"
        case .delete: return "delete"
        case .upsert: return "upsert"
        }
    }

    /// The operation of each row of a batch without a selection, one byte each.
    ///
    /// A −1 directly before a +1 of the same key is one update. Without a key nothing tells an
    /// update from a deletion beside an insertion, so that it is written as those.
    ///
    /// - Parameters:
    ///   - mode: `.upsert` or `.changelog`.
    ///   - inputKey: The key of the input in changelog mode.
    /// - Complexity: O(rows); one buffer.
    static func operations(_ batch: Batch, mode: SinkSpec.Mode, inputKey: [Int]?) -> Buffer? {
        let key: [Int]?
        let (plus, minus, before, after): (RowOperation, RowOperation, RowOperation, RowOperation)
        switch mode {
        case .append: return nil
        case .upsert(let columns):
            key = columns
            (plus, minus, before, after) = (.upsert, .delete, .skip, .upsert)
        case .changelog:
            key = inputKey
            (plus, minus, before, after) = (.insert, .delete, .updateBefore, .updateAfter)
        }
        let result = Buffer(capacity: batch.rowCount)
        let target = result.pointer(to: UInt8.self)
        guard let weights = batch.weights?.pointer(to: Int32.self) else {
            target.initialize(repeating: plus.rawValue, count: batch.rowCount)
            return result
        }
        let columns = key.map { $0.map { batch.columns[$0] } }
        var row = 0
        while row < batch.rowCount {
            let next = row + 1
            if weights[row] >= 0 {
                target[row] = plus.rawValue
            } else if next < batch.rowCount, weights[next] > 0, let columns,
                columns.allSatisfy({ isEqual($0, row, next) })
            {
                target[row] = before.rawValue
                target[next] = after.rawValue
                row = next
            } else {
                target[row] = minus.rawValue
            }
            row += 1
        }
        return result
    }

    /// Whether two rows of a column hold the same value; null equals null.
    private static func isEqual(_ column: Column, _ first: Int, _ second: Int) -> Bool {
        let isNull = column.isNull(first)
        guard isNull == column.isNull(second) else { return false }
        if isNull { return true }
        switch column.storage {
        case .boolean: return column.booleans[first] == column.booleans[second]
        case .integer:
            return column.integers[first] == column.integers[second]
        case .double: return column.doubles[first] == column.doubles[second]
        case .view: return column.strings[first] == column.strings[second]
        case .decimal: return column.decimals[first] == column.decimals[second]
        }
    }
}
