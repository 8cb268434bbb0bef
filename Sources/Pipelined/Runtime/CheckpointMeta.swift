import Operators

/// What a checkpoint's record holds beside the state of the operators: where sources stand, how far
/// watermarks have come, and the sinks' tokens. Encoded as docs/checkpoint-format.md says.
struct CheckpointMeta: Equatable, Sendable {
    struct Split: Equatable, Sendable {
        var id: String
        var position: [UInt8]
        var highest: Int64
        var hasEnded: Bool
        var isIdle: Bool
        /// The position of its first row; empty where that is not known.
        var beginning: [UInt8] = []
    }

    struct Source: Equatable, Sendable {
        var name: String
        var rows: Int64
        var invalid: Int64
        var splits: [Split]
    }

    struct Named<Value: Equatable & Sendable>: Equatable, Sendable {
        var name: String
        var value: Value
    }

    /// Figures of a node that survive a restart.
    struct Figures: Equatable, Sendable {
        var rowsIn: Int64
        var rowsOut: Int64
        var late: Int64
        var unmatched: Int64
        var invalid: Int64
        /// The node's watermark; of a step with several stages, its verb's.
        var watermark: Int64
    }

    static let version: UInt8 = 2

    var epoch: UInt64 = 0
    var generation: Int64 = 0
    /// Wall clock of the cut.
    var at: Int64 = 0
    /// Whether every source had ended and everything was written.
    var isFinished = false
    var deadLetters: Int64 = 0
    var sources: [Source] = []
    var nodes: [Named<Figures>] = []
    /// Opaque positions of tables: what their files looked like.
    var tables: [Named<[UInt8]>] = []
    var sinks: [Named<[UInt8]>] = []

    func encoded() -> [UInt8] {
        var bytes: [UInt8] = [CheckpointMeta.version]
        func add(_ value: Int64) {
            Swift.withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
        }
        func add(_ value: [UInt8]) {
            Swift.withUnsafeBytes(of: UInt32(value.count).littleEndian) {
                bytes.append(contentsOf: $0)
            }
            bytes.append(contentsOf: value)
        }
        func add(_ value: String) { add(Array(value.utf8)) }
        add(Int64(bitPattern: epoch))
        add(generation)
        add(at)
        bytes.append(isFinished ? 1 : 0)
        add(deadLetters)
        add(Int64(sources.count))
        for source in sources {
            add(source.name)
            add(source.rows)
            add(source.invalid)
            add(Int64(source.splits.count))
            for split in source.splits {
                add(split.id)
                add(split.position)
                add(split.highest)
                bytes.append((split.hasEnded ? 1 : 0) | (split.isIdle ? 2 : 0))
                add(split.beginning)
            }
        }
        add(Int64(nodes.count))
        for node in nodes {
            add(node.name)
            for value in [
                node.value.rowsIn, node.value.rowsOut, node.value.late, node.value.unmatched,
                node.value.invalid, node.value.watermark,
            ] { add(value) }
        }
        for list in [tables, sinks] {
            add(Int64(list.count))
            for item in list {
                add(item.name)
                add(item.value)
            }
        }
        return bytes
    }

    /// - Throws: ``StateError`` when the bytes are not what ``encoded()`` makes.
    init(decoding bytes: [UInt8]) throws(StateError) {
        self.init()
        var reader = Reader(bytes)
        let version = try reader.byte()
        guard (1...CheckpointMeta.version).contains(version) else {
            throw StateError(
                message:
                    "cannot read the checkpoint: its version is \(version), and \(CheckpointMeta.version) is "
                    + "the last one that is known")
        }
        epoch = UInt64(bitPattern: try reader.integer())
        generation = try reader.integer()
        at = try reader.integer()
        isFinished = try reader.byte() != 0
        deadLetters = try reader.integer()
        for _ in 0..<(try reader.count()) {
            var source = Source(
                name: try reader.string(), rows: try reader.integer(),
                invalid: try reader.integer(), splits: [])
            for _ in 0..<(try reader.count()) {
                let id = try reader.string()
                let position = try reader.bytes()
                let highest = try reader.integer()
                let flags = try reader.byte()
                source.splits.append(
                    Split(
                        id: id, position: position, highest: highest, hasEnded: flags & 1 != 0,
                        isIdle: flags & 2 != 0,
                        beginning: version > 1 ? try reader.bytes() : []))
            }
            sources.append(source)
        }
        for _ in 0..<(try reader.count()) {
            let name = try reader.string()
            let figures = Figures(
                rowsIn: try reader.integer(), rowsOut: try reader.integer(),
                late: try reader.integer(), unmatched: try reader.integer(),
                invalid: try reader.integer(), watermark: try reader.integer())
            nodes.append(Named(name: name, value: figures))
        }
        for _ in 0..<(try reader.count()) {
            tables.append(Named(name: try reader.string(), value: try reader.bytes()))
        }
        for _ in 0..<(try reader.count()) {
            sinks.append(Named(name: try reader.string(), value: try reader.bytes()))
        }
        guard reader.isAtEnd else { throw Reader.damaged }
    }

    init() {}

    /// Reads without trusting any length.
    private struct Reader {
        let encoded: [UInt8]
        var offset = 0

        init(_ encoded: [UInt8]) { self.encoded = encoded }

        static let damaged = StateError(
            message: "cannot read the checkpoint: its bytes are not of this form")

        var isAtEnd: Bool { offset == encoded.count }

        mutating func byte() throws(StateError) -> UInt8 {
            guard offset < encoded.count else { throw Reader.damaged }
            offset += 1
            return encoded[offset - 1]
        }

        mutating func integer() throws(StateError) -> Int64 {
            guard encoded.count - offset >= 8 else { throw Reader.damaged }
            var value: UInt64 = 0
            for index in 0..<8 { value |= UInt64(encoded[offset + index]) << UInt64(8 * index) }
            offset += 8
            return Int64(bitPattern: value)
        }

        /// How many items follow; each has a byte at least.
        mutating func count() throws(StateError) -> Int {
            let value = try integer()
            guard value >= 0, value <= Int64(encoded.count - offset) else { throw Reader.damaged }
            return Int(value)
        }

        mutating func bytes() throws(StateError) -> [UInt8] {
            guard encoded.count - offset >= 4 else { throw Reader.damaged }
            var length = 0
            for index in 0..<4 { length |= Int(encoded[offset + index]) << (8 * index) }
            offset += 4
            guard encoded.count - offset >= length else { throw Reader.damaged }
            defer { offset += length }
            return Array(encoded[offset..<offset + length])
        }

        mutating func string() throws(StateError) -> String {
            String(decoding: try bytes(), as: UTF8.self)
        }
    }
}
