/// One change to a pipeline's state, as it stands in a block of a journal.
///
/// The bytes are where they lie in the block's payload, and valid as long as it is.
enum JournalChange {
    /// The changes that follow in this block are of this node. Not counted as a row.
    case node(UnsafeRawBufferPointer)
    case put(time: Int64, key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer)
    case delete(time: Int64, key: UnsafeRawBufferPointer)
    case deleteBelow(time: Int64)
    case dropNode
    /// What the pipeline wants to know besides its entries. Not counted as a row.
    case meta(UnsafeRawBufferPointer)
}

/// The bytes of changes, which docs/checkpoint-format.md explains.
enum JournalFormat {
    enum Code: UInt8 {
        case node = 1
        case put = 2
        case delete = 3
        case deleteBelow = 4
        case dropNode = 5
        case meta = 6
    }

    static let nodeBytesMax = Int(UInt16.max)
    /// The most that the key and the value of an entry have together, and that a meta has.
    static let entryBytesMax = 32 << 20
    static let putHeadBytes = 17
    static let deleteHeadBytes = 13
}

/// Reads the changes of one block in order.
struct JournalChanges {
    private var reader: ByteReader
    private(set) var rowCount: UInt32 = 0

    init(_ payload: UnsafeRawBufferPointer) { reader = ByteReader(payload) }

    /// Where in the payload the next change begins.
    var position: Int { reader.position }
    var isAtEnd: Bool { reader.remaining == 0 }

    /// The next change; `nil` where there is none that can be read.
    @inline(__always)
    mutating func next() -> JournalChange? {
        guard let code = reader.number(UInt8.self).flatMap(JournalFormat.Code.init(rawValue:))
        else { return nil }
        switch code {
        case .node:
            guard let count = reader.number(UInt16.self), let name = reader.bytes(Int(count))
            else { return nil }
            return .node(name)
        case .put:
            guard let time = reader.number(Int64.self), let keyCount = reader.number(UInt32.self),
                let valueCount = reader.number(UInt32.self),
                let key = reader.bytes(Int(keyCount)), let value = reader.bytes(Int(valueCount))
            else { return nil }
            rowCount &+= 1
            return .put(time: time, key: key, value: value)
        case .delete:
            guard let time = reader.number(Int64.self), let keyCount = reader.number(UInt32.self),
                let key = reader.bytes(Int(keyCount))
            else { return nil }
            rowCount &+= 1
            return .delete(time: time, key: key)
        case .deleteBelow:
            guard let time = reader.number(Int64.self) else { return nil }
            rowCount &+= 1
            return .deleteBelow(time: time)
        case .dropNode:
            rowCount &+= 1
            return .dropNode
        case .meta:
            guard let count = reader.number(UInt32.self), let meta = reader.bytes(Int(count))
            else { return nil }
            return .meta(meta)
        }
    }
}
