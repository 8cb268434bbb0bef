/// `first`, `last`, `arg_min` and `arg_max` over rows that stay: the value of the row that is least or
/// greatest by another column. Of equal rows the first that came is kept, for `last` the last.
///
/// What rows are ordered by is kept as a number that sorts alike, text as its bytes.
final class PickAccumulator: Accumulator {
    private let isSet = GroupArray<UInt8>(0)
    private let ranks = GroupArray<Int128>(0)
    private var textRanks: [[UInt8]] = []
    private let values = GroupArray<Int128>(0)
    private var texts: [[UInt8]] = []
    private let type: ColumnType
    private let orderType: ColumnType
    private let isGreatest: Bool
    private let takesEqual: Bool

    init(_ call: AggregateCall) {
        type = call.type
        orderType = call.order?.type ?? .timestamp
        isGreatest = call.function == .last || call.function == .argMax
        takesEqual = call.function == .last
    }

    func reserve(_ count: Int) {
        isSet.reserve(count)
        ranks.reserve(count)
        values.reserve(count)
        func grow(_ array: inout [[UInt8]]) {
            array.append(contentsOf: Array(repeating: [], count: max(0, count - array.count)))
        }
        if orderType.storage == .view { grow(&textRanks) }
        if type.storage == .view { grow(&texts) }
    }

    func reset(_ group: Int) {
        isSet.reset(group)
        if orderType.storage == .view { textRanks[group] = [] }
        if type.storage == .view { texts[group] = [] }
    }

    func update(
        _ groups: UnsafePointer<Int32>, count: Int, argument: Column?,
        weights: UnsafePointer<Int32>?
    ) {
        preconditionFailure("arg_min and its like need what rows are ordered by")
    }

    func update(
        _ groups: UnsafePointer<Int32>, count: Int, argument: Column?, order: Column?,
        weights: UnsafePointer<Int32>?
    ) {
        guard let argument, let order else { return }
        switch order.storage {
        case .view: pickByText(groups, count, argument, order)
        case .boolean:
            let ranks = order.booleans
            pick(groups, count, argument, order) { Int128(ranks[$0]) }
        case .decimal:
            let ranks = order.decimals
            pick(groups, count, argument, order) { ranks[$0] }
        case .double:
            let ranks = order.doubles
            pick(groups, count, argument, order) { PickAccumulator.rank(ranks[$0]) }
        case .integer:
            let ranks = order.integers
            pick(groups, count, argument, order) { Int128(ranks[$0]) }
        }
    }

    /// Sorts as doubles do: −0 is 0, NaN is greater than every number.
    @inline(__always)
    private static func rank(_ value: Double) -> Int128 {
        if value.isNaN { return Int128(Int64.max) }
        let bits = Int64(bitPattern: (value + 0).bitPattern)
        return Int128(bits < 0 ? Int64.min &- bits : bits)
    }

    @inline(__always)
    private func pick(
        _ groups: UnsafePointer<Int32>, _ count: Int, _ argument: Column, _ order: Column,
        _ rank: (Int) -> Int128
    ) {
        let isSet = isSet.base
        let ranks = ranks.base
        for row in 0..<count {
            let group = Int(groups[row])
            if group < 0 || argument.isNull(row) || order.isNull(row) { continue }
            let new = rank(row)
            if isSet[group] != 0 {
                let old = ranks[group]
                let isBetter = isGreatest ? new > old : new < old
                if !isBetter && !(takesEqual && new == old) { continue }
            }
            isSet[group] = 1
            ranks[group] = new
            take(argument, row, group)
        }
    }

    private func pickByText(
        _ groups: UnsafePointer<Int32>, _ count: Int, _ argument: Column, _ order: Column
    ) {
        let ranks = order.strings
        for row in 0..<count {
            let group = Int(groups[row])
            if group < 0 || argument.isNull(row) || order.isNull(row) { continue }
            if isSet.base[group] != 0 {
                let compared = textRanks[group].withUnsafeBufferPointer {
                    StringView.compare(ranks[row], StringView($0))
                }
                let isBetter = isGreatest ? compared > 0 : compared < 0
                if !isBetter && !(takesEqual && compared == 0) { continue }
            }
            isSet.base[group] = 1
            textRanks[group] = Array(ranks[row].bytes)
            take(argument, row, group)
        }
    }

    @inline(__always)
    private func take(_ argument: Column, _ row: Int, _ group: Int) {
        switch argument.storage {
        case .boolean: values.base[group] = Int128(argument.booleans[row])
        case .integer, .double: values.base[group] = Int128(argument.integers[row])
        case .decimal: values.base[group] = argument.decimals[row]
        case .view: texts[group] = Array(argument.strings[row].bytes)
        }
    }

    func result(_ groups: [Int32], failed: inout [Int: String]) -> Column {
        var builder = ColumnBuilder(type: type, capacity: groups.count)
        var arena = ByteArena()
        for group in groups {
            let group = Int(group)
            guard isSet.base[group] != 0 else {
                builder.appendNull()
                continue
            }
            switch builder.storage {
            case .boolean: builder.append(boolean: values.base[group] != 0)
            case .decimal: builder.append(decimal: values.base[group])
            case .double:
                let bits = UInt64(truncatingIfNeeded: values.base[group])
                builder.append(double: Double(bitPattern: bits))
            case .integer:
                builder.append(integer: Int64(truncatingIfNeeded: values.base[group]))
            case .view:
                texts[group].withUnsafeBufferPointer { bytes in
                    let view = StringView(bytes)
                    builder.append(view: arena.store(view.base, count: view.count))
                }
            }
        }
        return builder.finish(retained: arena.blocks)
    }

    func merge(_ source: Int, into target: Int) {
        guard isSet.base[source] != 0 else { return }
        if isSet.base[target] != 0 {
            let isLess: Bool
            let isEqual: Bool
            if orderType.storage == .view {
                isLess = textRanks[source].lexicographicallyPrecedes(textRanks[target])
                isEqual = textRanks[source] == textRanks[target]
            } else {
                isLess = ranks.base[source] < ranks.base[target]
                isEqual = ranks.base[source] == ranks.base[target]
            }
            guard isEqual ? takesEqual : isLess != isGreatest else { return }
        }
        isSet.base[target] = 1
        ranks.base[target] = ranks.base[source]
        values.base[target] = values.base[source]
        if orderType.storage == .view { textRanks[target] = textRanks[source] }
        if type.storage == .view { texts[target] = texts[source] }
    }

    func write(_ group: Int, to bytes: inout [UInt8]) {
        bytes.append(isSet.base[group])
        guard isSet.base[group] != 0 else { return }
        func write(_ number: Int128, _ text: [UInt8]?) {
            guard let text else { return bytes.append(littleEndian: number) }
            bytes.append(littleEndian: UInt32(text.count))
            bytes.append(contentsOf: text)
        }
        write(ranks.base[group], orderType.storage == .view ? textRanks[group] : nil)
        write(values.base[group], type.storage == .view ? texts[group] : nil)
    }

    func read(_ group: Int, from reader: inout ByteReader) -> Bool {
        guard let flag = reader.read(UInt8.self), flag <= 1 else { return false }
        isSet.base[group] = flag
        guard flag == 1 else { return true }
        func text() -> [UInt8]? {
            guard let count = reader.read(UInt32.self) else { return nil }
            return reader.readBytes(Int(count)).map { Array($0) }
        }
        if orderType.storage == .view {
            guard let rank = text() else { return false }
            textRanks[group] = rank
        } else {
            guard let rank = reader.read(Int128.self) else { return false }
            ranks.base[group] = rank
        }
        if type.storage == .view {
            guard let value = text() else { return false }
            texts[group] = value
        } else {
            guard let value = reader.read(Int128.self) else { return false }
            values.base[group] = value
        }
        return true
    }
}
