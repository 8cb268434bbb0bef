/// The numbers of the encoding of rows, which docs/row-blocks.md explains byte by byte.
///
/// A payload is a head of 40 bytes, a directory with an entry of 16 bytes for each column and
/// section, and their data. All numbers are little-endian. What is written here never changes for a
/// version that has been released.
package enum RowBlockFormat {
    /// The version that is written, and the only one so far.
    package static let version: UInt8 = 1
    /// More rows are not written, and not believed: it bounds what a small payload decodes to.
    package static let rowsMax = 1 << 20
    package static let columnsMax = Int(UInt16.max)
    static let headBytes = 40
    static let entryBytes = 16

    /// Which sections follow the columns and the rowtime in the directory, in this order.
    static let hasOperations: UInt8 = 1
    static let hasRowWatermarks: UInt8 = 2
    static let hasOffsets: UInt8 = 4
    static let flagsMax: UInt8 = 7
}

/// How the values of a column are written.
enum ColumnEncoding: UInt8 {
    /// Not at all: no value is there.
    case none = 0
    /// One value for all rows.
    case constant = 1
    /// The values one behind the other; strings are lengths and then bytes.
    case plain = 2
    /// The lowest value and what each lies above it.
    case frame = 3
    /// The first value, the smallest step, and what each step lies above it.
    case delta = 4
    /// The distinct strings, and a code for each row.
    case dictionary = 5
    /// A bit a row.
    case bits = 6
    /// Those of another column.
    case sameAs = 7
}

/// Which of a column's values are there.
enum ValidityKind: UInt8 {
    case all = 0
    case noValue = 1
    /// A bit a row, 1 where the value is there, before the values.
    case bits = 2
}

/// An entry of the directory: where a column lies and how it is written.
struct RowBlockEntry {
    /// See ``ColumnType/blockCode``; 0 for operations, which are bytes.
    var type: UInt8
    var precision: UInt8 = 0
    var scale: UInt8 = 0
    var encoding: ColumnEncoding
    var validity = ValidityKind.all
    /// Bytes of a delta, length or code.
    var width = 0
    /// The column that this one equals.
    var reference: UInt16 = 0
    /// The first byte of the data, from the payload's first.
    var position = 0
    var length = 0
}

extension ColumnType {
    /// The number that stands for the type in a payload.
    var blockCode: UInt8 {
        switch self {
        case .boolean: return 1
        case .bigint: return 2
        case .double: return 3
        case .string: return 4
        case .timestamp: return 5
        case .decimal: return 6
        case .interval: return 7
        case .date: return 8
        case .bytes: return 9
        case .json: return 10
        case .array, .structure: return 11
        }
    }

    /// What a block's directory says of an array or a struct: that it is one. What it is made of
    /// stands in the topic's schema.
    package static let nestedInBlock = ColumnType.structure([])

    /// The type as a block's directory has it.
    package var inBlock: ColumnType { isNested ? .nestedInBlock : self }

    /// The type that a directory entry names; nil when there is none such.
    init?(blockCode: UInt8, precision: Int, scale: Int) {
        switch blockCode {
        case 1: self = .boolean
        case 2: self = .bigint
        case 3: self = .double
        case 4: self = .string
        case 5: self = .timestamp
        case 6:
            guard (1...38).contains(precision) && scale <= precision else { return nil }
            self = .decimal(precision: precision, scale: scale)
            return
        case 7: self = .interval
        case 8: self = .date
        case 9: self = .bytes
        case 10: self = .json
        case 11: self = .nestedInBlock
        default: return nil
        }
        guard precision == 0 && scale == 0 else { return nil }
    }
}
