/// What an entry of the directory is for; `description` is what errors call it.
enum RowBlockPart: CustomStringConvertible {
    case column(Int)
    case rowtime
    case operations
    case rowWatermarks
    case offsets

    /// The part that the `index`-th entry is for, in a payload whose flags name its sections.
    init(_ index: Int, columnCount: Int, flags: UInt8) {
        guard index > columnCount else {
            self = index < columnCount ? .column(index) : .rowtime
            return
        }
        var sections: [RowBlockPart] = []
        if flags & RowBlockFormat.hasOperations != 0 { sections.append(.operations) }
        if flags & RowBlockFormat.hasRowWatermarks != 0 { sections.append(.rowWatermarks) }
        if flags & RowBlockFormat.hasOffsets != 0 { sections.append(.offsets) }
        self = sections[index - columnCount - 1]
    }

    var description: String {
        switch self {
        case .column(let index): return "column \(index)"
        case .rowtime: return "the rowtime"
        case .operations: return "the section of operations"
        case .rowWatermarks: return "the section of watermarks"
        case .offsets: return "the section of offsets"
        }
    }

    var isColumn: Bool {
        if case .column = self { return true }
        return false
    }

    /// The type of the entry where that is given: that of the part, 0 for bytes.
    var typeCode: UInt8 {
        switch self {
        case .column, .operations: return 0
        case .rowtime: return ColumnType.timestamp.blockCode
        case .rowWatermarks, .offsets: return ColumnType.bigint.blockCode
        }
    }
}

extension RowBlockEntry {
    /// The type of a column's values.
    func columnType(_ part: RowBlockPart) throws(RowBlockError) -> ColumnType {
        guard
            let type = ColumnType(
                blockCode: type, precision: Int(precision), scale: Int(scale))
        else {
            throw .init("\(part) has the unknown type \(type) (\(precision), \(scale))")
        }
        return type
    }
}

extension RowBlockError {
    init(_ message: String) { self.init(message: message) }

    static func noHead(_ bytes: Int) -> RowBlockError {
        .init("its \(bytes) bytes are too few for a head of \(RowBlockFormat.headBytes)")
    }

    static func version(_ found: UInt8) -> RowBlockError {
        .init(
            "it has format version \(found) and this program reads \(RowBlockFormat.version)")
    }
}
