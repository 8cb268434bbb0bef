import Config
import Operators

/// `generate: {nexmark: …}`: the rows of one kind, as fast as they are taken.
final class NexmarkSource: Source {
    private let split: NexmarkSplit
    private var isReturned = false

    /// - Throws: ``ConnectorError``, terminal, when a field is none of the kind's columns.
    init(_ options: NexmarkOptions, fields: [FieldSpec], metadata: RowMetadata)
        throws(ConnectorError)
    {
        split = try NexmarkSplit(options, fields: fields, metadata: metadata)
    }

    let isBounded = true
    let watchedPaths: [String] = []

    func discover() throws(ConnectorError) -> [any SourceSplit] {
        if isReturned { return [] }
        isReturned = true
        return [split]
    }

    func restore(_ positions: [SplitPosition]) throws(ConnectorError) -> [any SourceSplit] {
        guard let position = positions.first else { return [] }
        try split.restore(position)
        isReturned = true
        return [split]
    }
}

/// The rows of a `nexmark` source. Its position: version 1 (u8), seed (u64), rate (i64), the first
/// event's time (i64, microseconds), rows made (i64).
final class NexmarkSplit: SourceSplit {
    private static let version: UInt8 = 1

    let id = "nexmark"
    private var options: NexmarkOptions
    private let columns: [NexmarkOptions.Column]
    private let metadata: RowMetadata
    private let layout: NexmarkLayout
    private let rowsMax: Int64
    private let total: Int64
    private var made: Int64 = 0
    /// How many rows are made before it waits, while history is made once more.
    private var limit: Int64?
    /// Made with the first rows, since a restored position may have another seed.
    private var maker: NexmarkColumns?

    init(
        _ options: NexmarkOptions, fields: [FieldSpec], metadata: RowMetadata,
        rowsMax: Int64? = nil
    ) throws(ConnectorError) {
        self.options = options
        self.metadata = metadata
        self.rowsMax = rowsMax ?? options.batchRowsMax
        layout = NexmarkLayout(options.kind)
        total = layout.rowCount(events: options.events)
        var columns: [NexmarkOptions.Column] = []
        for field in fields {
            guard let name = field.path.first, let column = NexmarkOptions.Column(rawValue: name),
                options.kind.columns.contains(column)
            else { throw .notGenerated(field.name) }
            guard column.type == field.type else {
                throw .generatesOther(field.name, column.type.name, field.type.name)
            }
            columns.append(column)
        }
        self.columns = columns
    }

    var progress: SplitProgress { SplitProgress(done: made, total: total) }

    func position() -> SplitPosition { position(at: made) }

    var beginning: SplitPosition? { position(at: 0) }

    func limit(to position: SplitPosition) throws(ConnectorError) {
        limit = try read(position).made
    }

    var isAtLimit: Bool { limit.map { made >= $0 } ?? false }

    private func position(at made: Int64) -> SplitPosition {
        var writer = TokenWriter()
        writer.append(NexmarkSplit.version)
        writer.append(options.seed)
        writer.append(options.rate)
        writer.append(options.startMicros)
        writer.append(made)
        return SplitPosition(id: id, bytes: writer.bytes)
    }

    func restore(_ position: SplitPosition) throws(ConnectorError) {
        (options.seed, options.rate, options.startMicros, made) = try read(position)
        maker = nil
    }

    private func read(_ position: SplitPosition) throws(ConnectorError)
        -> (seed: UInt64, rate: Int64, start: Int64, made: Int64)
    {
        var reader = TokenReader(position.bytes)
        guard reader.read(UInt8.self) == NexmarkSplit.version,
            let seed = reader.read(UInt64.self), let rate = reader.read(Int64.self), rate > 0,
            let start = reader.read(Int64.self), let made = reader.read(Int64.self), made >= 0
        else { throw .unknownPosition(id) }
        return (seed, rate, start, made)
    }

    func read(now: Int64) throws(ConnectorError) -> SplitRead {
        if isAtLimit { return .wait(until: nil) }
        if made >= total { return .ended }
        let first = made
        let rowCount = Int(min(rowsMax, (limit ?? total) - made))
        made += Int64(rowCount)
        let maker = self.maker ?? NexmarkColumns(options, columns: columns)
        self.maker = maker
        let events = layout.events(first: first, count: rowCount)
        let positions = Buffer(capacity: rowCount * 8)
        let target = positions.pointer(to: Int64.self)
        for row in 0..<rowCount { target[row] = first + Int64(row) }
        let rows = SourceRows(
            columns: columns.map { maker.column($0, events: events, count: rowCount) },
            rowCount: rowCount, positions: positions, invalid: [], byteCount: 0)
        return .rows(metadata.complete(rows, path: nil, lines: nil, base: 0, now: now))
    }
}
