import Config
import Operators

/// Stands in for the connector of a source or table while its spec is tested: rows as a test has
/// them, and lines through the source's own format.
///
/// Has one split, which never ends.
package final class GivenSource: Source {
    private let input: GivenInput
    private let split: GivenSplit
    private var isReturned = false

    /// - Parameter spec: With the fields that are read.
    /// - Throws: ``ConnectorError``, terminal, for a format, a time zone or a pattern that cannot be.
    package convenience init(_ spec: SourceSpec, input: GivenInput) throws(ConnectorError) {
        try self.init(
            input, connector: spec.connector, format: spec.format, fields: spec.fields,
            metadata: spec.metadata)
    }

    /// A table's rows as they are given.
    package convenience init(_ spec: TableSpec, input: GivenInput) throws(ConnectorError) {
        try self.init(
            input, connector: spec.connector, format: spec.format, fields: spec.fields,
            metadata: [])
    }

    private init(
        _ input: GivenInput, connector: SourceConnector, format: FormatSpec, fields: [FieldSpec],
        metadata: [MetadataColumn]
    ) throws(ConnectorError) {
        self.input = input
        var isTopic = false
        if case .topic = connector { isTopic = true }
        split = GivenSplit(
            input,
            rowParser: try JSONRowParser(
                fields: fields.map { Self.given($0, isTopic: isTopic) }, options: JSONOptions()),
            lineParser: format == .none ? nil : try RowParserFactory.make(format, fields: fields),
            metadata: RowMetadata(fields: fields, columns: metadata), isTopic: isTopic)
    }

    /// A field as a test's row has it: by the column's name, times in microseconds. A deletion in a
    /// topic has no more than its key.
    private static func given(_ field: FieldSpec, isTopic: Bool) -> FieldSpec {
        var given = field
        given.path = [field.name]
        given.timestamp = .integer(unitsPerSecond: 1_000_000)
        if isTopic { given.isRequired = false }
        return given
    }

    package let isBounded = true
    package let watchedPaths: [String] = []

    package func discover() throws(ConnectorError) -> [any SourceSplit] {
        if isReturned { return [] }
        isReturned = true
        return [split]
    }

    package func restore(_ positions: [SplitPosition]) throws(ConnectorError) -> [any SourceSplit] {
        guard let position = positions.first(where: { $0.id == split.id }) else { return [] }
        try split.restore(position)
        isReturned = true
        return [split]
    }

    package func subscribe(_ changed: @escaping @Sendable () -> Void) { input.subscribe(changed) }
}

/// The portions of an input, one after the other.
///
/// Its position: version (u8), the portion (u32), how many of its batches were read (u32), byte (i64)
/// and line (i64) where the portion begins, and what the format's parser knew there.
final class GivenSplit: SourceSplit {
    private static let version: UInt8 = 1

    let id = "given"
    private let input: GivenInput
    private let rowParser: any RowParser
    private let lineParser: (any RowParser)?
    private let metadata: RowMetadata
    private let isTopic: Bool

    /// Where the portion begins that is being read.
    private struct Place {
        var portion = 0
        var position: Int64 = 0
        var line: Int64 = 1
        var parserState: [UInt8] = []
    }
    private var place = Place()
    private var behind = Place()
    /// The batches of the portion that have not been read yet.
    private var batches: [SourceRows] = []
    private var readCount = 0
    private var rowCount: Int64 = 0
    /// The portion, and how many of its batches, before which it waits while history is read again.
    private var limit: (portion: Int, readCount: Int)?

    init(
        _ input: GivenInput, rowParser: any RowParser, lineParser: (any RowParser)?,
        metadata: RowMetadata, isTopic: Bool
    ) {
        self.input = input
        self.rowParser = rowParser
        self.lineParser = lineParser
        self.metadata = metadata
        self.isTopic = isTopic
    }

    var reachedTime: Int64? { input.reachedTime }
    var progress: SplitProgress { SplitProgress(done: rowCount, total: nil) }

    func position() -> SplitPosition {
        SplitPosition(id: id, bytes: Self.bytes(place, readCount: readCount))
    }

    private static func bytes(_ place: Place, readCount: Int) -> [UInt8] {
        var writer = TokenWriter()
        writer.append(GivenSplit.version)
        writer.append(UInt32(place.portion))
        writer.append(UInt32(readCount))
        writer.append(place.position)
        writer.append(place.line)
        writer.append(place.parserState)
        return writer.bytes
    }

    var beginning: SplitPosition? {
        SplitPosition(id: id, bytes: Self.bytes(Place(), readCount: 0))
    }

    func limit(to position: SplitPosition) throws(ConnectorError) {
        let (place, readCount) = try read(position)
        limit = (place.portion, readCount)
    }

    var isAtLimit: Bool {
        limit.map { ($0.portion, $0.readCount) <= (place.portion, readCount) } ?? false
    }

    func restore(_ position: SplitPosition) throws(ConnectorError) {
        let (place, readCount) = try read(position)
        self.place = place
        self.readCount = readCount
        if !place.parserState.isEmpty { lineParser?.state = place.parserState }
        if readCount > 0 {
            batches = Array(parse(now: 0).dropFirst(readCount))
            if batches.isEmpty { finishPortion() }
        }
    }

    private func read(
        _ position: SplitPosition
    ) throws(ConnectorError) -> (Place, readCount: Int) {
        var reader = TokenReader(position.bytes)
        guard reader.read(UInt8.self) == GivenSplit.version,
            let portion = reader.read(UInt32.self), let readCount = reader.read(UInt32.self),
            let byte = reader.read(Int64.self), let line = reader.read(Int64.self),
            let state = reader.readBytes(), Int(portion) <= input.count
        else { throw .unknownPosition(id) }
        let place = Place(
            portion: Int(portion), position: byte, line: line, parserState: state)
        return (place, Int(readCount))
    }

    func read(now: Int64) throws(ConnectorError) -> SplitRead {
        if isAtLimit { return .wait(until: nil) }
        while batches.isEmpty {
            guard input.portion(place.portion) != nil else { return .wait(until: nil) }
            batches = parse(now: now)
            if batches.isEmpty { finishPortion() }
        }
        let rows = batches.removeFirst()
        readCount += 1
        rowCount += Int64(rows.rowCount)
        if batches.isEmpty { finishPortion() }
        return .rows(rows)
    }

    private func finishPortion() {
        place = behind
        readCount = 0
    }

    /// The batches of the portion at ``place``.
    private func parse(now: Int64) -> [SourceRows] {
        behind = place
        behind.portion += 1
        switch input.portion(place.portion) {
        case .rows(let rows): return parse(rows, now: now)
        case .lines(let lines):
            guard let lineParser else { return [] }
            let parsed = parse(lines, by: lineParser)
            behind.parserState = lineParser.state
            return parsed.map { rows, lines in
                metadata.complete(rows, path: nil, lines: lines, base: 0, now: now)
            }
        case nil: return []
        }
    }

    private func parse(_ lines: [String], by parser: any RowParser) -> [(SourceRows, Buffer?)] {
        let byteCount = lines.reduce(0) { $0 + $1.utf8.count + 1 }
        let buffer = Buffer(capacity: byteCount)
        let target = buffer.pointer(to: UInt8.self)
        var end = 0
        for line in lines {
            for byte in line.utf8 {
                target[end] = byte
                end += 1
            }
            target[end] = 0x0a
            end += 1
        }
        var records = RecordReader(
            parser: parser, position: place.position, line: place.line,
            countsLines: metadata.countsLines, recordBytesMax: RecordReader.recordBytesMax)
        records.take(buffer, 0..<end)
        var result: [(SourceRows, Buffer?)] = []
        while let next = records.next(isLast: true) { result.append((next.rows, next.lines)) }
        behind.position = records.position
        behind.line = records.line
        return result
    }

    private func parse(_ rows: [TestRow], now: Int64) -> [SourceRows] {
        let texts = rows.map(\.jsonText)
        // Where each row begins, to find it again by its position.
        var starts: [Int64: Int] = [:]
        var start = place.position
        for (index, text) in texts.enumerated() {
            starts[start] = index
            start += Int64(text.utf8.count) + 1
        }
        return parse(texts, by: rowParser).map { parsed, lines in
            var result = metadata.complete(parsed, path: nil, lines: lines, base: 0, now: now)
            guard isTopic, let positions = parsed.positions?.pointer(to: Int64.self) else {
                return result
            }
            let times = Buffer(capacity: parsed.rowCount * 8)
            let weights = Buffer(capacity: parsed.rowCount * 4)
            for row in 0..<parsed.rowCount {
                let given = starts[positions[row]].map { rows[$0] }
                times.pointer(to: Int64.self)[row] = given?.rowtimeMicros ?? now
                weights.pointer(to: Int32.self)[row] = given?.isLeaving == true ? -1 : 1
            }
            result.stored = StoredTimes(
                rowtime: Column(type: .timestamp, count: parsed.rowCount, values: times),
                watermark: nil, rowWatermarks: nil)
            if rows.contains(where: \.isLeaving) { result.weights = weights }
            return result
        }
    }
}
