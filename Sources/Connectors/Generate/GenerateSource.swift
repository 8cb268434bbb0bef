import Config
import Operators

/// `generate:`: seeded rows, at a rate or as fast as they are taken. Row n is a function of the
/// seed and n alone, however often the pipeline restarts.
final class GenerateSource: Source {
    private let split: GenerateSplit
    private var isReturned = false

    /// - Throws: ``ConnectorError``, terminal, when a column gives another type than its field has.
    init(_ options: GenerateOptions, fields: [FieldSpec], metadata: RowMetadata)
        throws(ConnectorError)
    {
        split = try GenerateSplit(options, fields: fields, metadata: metadata)
        isBounded = options.count != nil
    }

    let isBounded: Bool
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

/// The rows of a `generate` source. Its position: version 1 (u8), seed (u64), the start of the times
/// (i64, microseconds), whether it has begun (u8), rows made (i64).
final class GenerateSplit: SourceSplit {
    /// Rows in a batch at most.
    static let rowsMax: Int64 = 8192
    /// At a rate, rows come together for this long, so that a lane is not woken for each.
    static let tickMicros = 20_000.0
    /// At a rate, how much is made up for after a pause.
    static let burstMicros: Int64 = 1_000_000
    private static let version: UInt8 = 1

    let id = "generate"
    private let options: GenerateOptions
    private let fields: [FieldSpec]
    private let metadata: RowMetadata
    private var columns: [GeneratedColumn]
    private var seed: UInt64
    private var made: Int64 = 0
    /// How many rows are made before it waits, while history is made once more.
    private var limit: Int64?
    /// The clock when the first row was made: where times begin if the options do not say.
    private var start: Int64?
    /// The rate counts from here.
    private var pace: (clock: Int64, made: Int64)?

    init(_ options: GenerateOptions, fields: [FieldSpec], metadata: RowMetadata)
        throws(ConnectorError)
    {
        self.options = options
        self.fields = fields
        self.metadata = metadata
        seed = options.seed
        columns = []
        columns = try makeColumns()
    }

    private func makeColumns() throws(ConnectorError) -> [GeneratedColumn] {
        var result: [GeneratedColumn] = []
        for (index, field) in fields.enumerated() {
            let ordinal = fields.count == options.columns.count ? index : field.ordinal
            guard options.columns.indices.contains(ordinal) else {
                throw .notGenerated(field.name)
            }
            let column = GeneratedColumn(options.columns[ordinal], seed: seed, ordinal: ordinal)
            guard column.type == field.type else {
                throw .generatesOther(field.name, column.type.name, field.type.name)
            }
            result.append(column)
        }
        return result
    }

    var progress: SplitProgress { SplitProgress(done: made, total: options.count) }

    func position() -> SplitPosition { position(at: made) }

    private func position(at made: Int64) -> SplitPosition {
        var writer = TokenWriter()
        writer.append(GenerateSplit.version)
        writer.append(seed)
        writer.append(start ?? 0)
        writer.append(UInt8(start == nil ? 0 : 1))
        writer.append(made)
        return SplitPosition(id: id, bytes: writer.bytes)
    }

    /// The start of the times is that of the first row.
    var beginning: SplitPosition? { start == nil ? nil : position(at: 0) }

    func limit(to position: SplitPosition) throws(ConnectorError) {
        limit = try read(position).made
    }

    var isAtLimit: Bool { limit.map { made >= $0 } ?? false }

    func restore(_ position: SplitPosition) throws(ConnectorError) {
        let saved = try read(position)
        (seed, start, made) = saved
        columns = try makeColumns()
    }

    private func read(_ position: SplitPosition) throws(ConnectorError)
        -> (seed: UInt64, start: Int64?, made: Int64)
    {
        var reader = TokenReader(position.bytes)
        guard reader.read(UInt8.self) == GenerateSplit.version,
            let seed = reader.read(UInt64.self), let start = reader.read(Int64.self),
            let hasBegun = reader.read(UInt8.self), let made = reader.read(Int64.self), made >= 0
        else { throw .unknownPosition(id) }
        return (seed, hasBegun == 0 ? nil : start, made)
    }

    func read(now: Int64) throws(ConnectorError) -> SplitRead {
        let left = options.count.map { $0 - made } ?? .max
        if left <= 0, limit == nil { return .ended }
        if isAtLimit { return .wait(until: nil) }
        let begin = start ?? now
        start = begin
        var count = min(GenerateSplit.rowsMax, limit.map { $0 - made } ?? left)
        if limit == nil, let rate = options.rate {
            let due = self.due(rate, now)
            if due <= 0 { return .wait(until: nextDue(rate, left: left)) }
            count = min(count, due)
        }
        let first = made
        made += count
        let rowCount = Int(count)
        let positions = Buffer(capacity: rowCount * 8)
        let target = positions.pointer(to: Int64.self)
        for row in 0..<rowCount { target[row] = first + Int64(row) }
        let rows = SourceRows(
            columns: columns.map { $0.column(first: first, count: rowCount, start: begin) },
            rowCount: rowCount, positions: positions, invalid: [], byteCount: 0)
        return .rows(metadata.complete(rows, path: nil, lines: nil, base: 0, now: now))
    }

    /// How many rows the rate allows now; the first one at once.
    private func due(_ rate: Double, _ now: Int64) -> Int64 {
        var from = pace ?? (clock: now, made: made)
        let elapsed = max(0, now - from.clock)
        let allowed = Double(elapsed) * rate / 1e6 + 1
        var due = min(allowed, 1e15) - Double(made - from.made)
        let burst = max(rate * Double(GenerateSplit.burstMicros) / 1e6, 1)
        if due > burst + 1 {
            // It was held up: what is missing is not made up for.
            from = (clock: now - GenerateSplit.burstMicros, made: made)
            due = burst
        }
        pace = from
        return Int64(min(max(due, 0), 1e15))
    }

    /// When the next few rows are due.
    private func nextDue(_ rate: Double, left: Int64) -> Int64? {
        guard let pace, rate > 0 else { return nil }
        let together = min(max(rate * GenerateSplit.tickMicros / 1e6, 1).rounded(), Double(left))
        let target = Double(made - pace.made) + together - 1
        return pace.clock + Int64(min((target * 1e6 / rate).rounded(.up), 1e17))
    }
}
