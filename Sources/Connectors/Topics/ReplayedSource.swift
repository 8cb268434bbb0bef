import Config
import Operators
import Store

/// A source with one more split: the rows that were set aside and are given to it once more
/// (SEMANTICS 10).
///
/// They come out of the topic `PIPELINE.replay`, which `dead-letters replay` writes: the row as it was,
/// and the node that could not read it. A split never holds the source's watermark back; rows whose
/// windows have fired meanwhile are late there as any others.
final class ReplayedSource: Source {
    private let inner: any Source
    private let log: TopicSource
    private let makeParser: () throws(ConnectorError) -> any RowParser
    private let metadata: RowMetadata
    private let name: String

    static let prefix = "replay:"
    /// The columns of the log.
    static let schema = Schema([Field("node", .string), Field("raw", .string)])

    /// - Parameters:
    ///   - inner: The source of this name.
    ///   - makeParser: Of the source's format, for rows that stand alone.
    init(
        _ inner: any Source, name: String, metadata: RowMetadata, topics: TopicConnection,
        makeParser: @escaping () throws(ConnectorError) -> any RowParser
    ) {
        self.inner = inner
        self.name = name
        self.metadata = metadata
        self.makeParser = makeParser
        log = TopicSource(
            TopicSourceOptions(name: TopicNames.replay(of: topics.pipeline)),
            fields: Self.schema.fieldSpecs, metadata: [], catalog: topics.catalog,
            reader: "\(topics.pipeline)/\(name)", clock: topics.clock)
    }

    var isBounded: Bool { inner.isBounded }
    var watchedPaths: [String] { inner.watchedPaths }

    func subscribe(_ changed: @escaping @Sendable () -> Void) {
        inner.subscribe(changed)
        log.subscribe(changed)
    }

    func discover() throws(ConnectorError) -> [any SourceSplit] {
        try inner.discover() + replaying(try log.discover())
    }

    func restore(_ positions: [SplitPosition]) throws(ConnectorError) -> [any SourceSplit] {
        let (own, replays) = Self.parts(positions)
        return try inner.restore(own) + replaying(try log.restore(replays))
    }

    func replay(_ beginnings: [SplitPosition]) throws(ConnectorError) -> [any SourceSplit] {
        let (own, replays) = Self.parts(beginnings)
        return try inner.replay(own) + replaying(try log.replay(replays))
    }

    /// The positions of the source's own splits, and those in the log by their names there.
    private static func parts(_ positions: [SplitPosition])
        -> (own: [SplitPosition], replays: [SplitPosition])
    {
        var own: [SplitPosition] = []
        var replays: [SplitPosition] = []
        for position in positions {
            if position.id.hasPrefix(Self.prefix) {
                replays.append(
                    SplitPosition(
                        id: String(position.id.dropFirst(Self.prefix.count)),
                        bytes: position.bytes))
            } else {
                own.append(position)
            }
        }
        return (own, replays)
    }

    private func replaying(_ splits: [any SourceSplit]) throws(ConnectorError) -> [any SourceSplit]
    {
        var result: [any SourceSplit] = []
        for split in splits {
            result.append(
                ReplaySplit(
                    split, node: name, parser: try makeParser(), metadata: metadata,
                    endsAtEnd: inner.isBounded))
        }
        return result
    }
}

/// The topic through which rows that were set aside come to their pipeline once more.
package enum ReplayLog {
    private static let retentionMicros: Int64 = 14 * 86_400_000_000

    /// The topic of that name; nil where it is none of these.
    package static func topic(named name: String) -> TopicSpec? {
        guard let pipeline = TopicNames.pipeline(ofReplay: name) else { return nil }
        return TopicSpec(
            name: name, description: "Rows that pipeline '\(pipeline)' is to read once more",
            path: "", line: 0, schema: ReplayedSource.schema,
            retention: TopicSpec.Retention(timeMicros: retentionMicros, bytes: nil))
    }
}

/// A partition of the replay log, as rows of the source that could not read them before.
private final class ReplaySplit: SourceSplit {
    private let inner: any SourceSplit
    private let node: [UInt8]
    private let parser: any RowParser
    private let metadata: RowMetadata
    /// Whether the source has an end, which is not waited for here.
    private let endsAtEnd: Bool

    init(
        _ inner: any SourceSplit, node: String, parser: any RowParser, metadata: RowMetadata,
        endsAtEnd: Bool
    ) {
        self.inner = inner
        self.node = Array(node.utf8)
        self.parser = parser
        self.metadata = metadata
        self.endsAtEnd = endsAtEnd
    }

    var id: String { ReplayedSource.prefix + inner.id }
    /// What is in the log is no part of what the source has to read.
    var progress: SplitProgress { SplitProgress(done: 0, total: 0) }
    var isPaused: Bool { true }

    func position() -> SplitPosition { SplitPosition(id: id, bytes: inner.position().bytes) }

    var beginning: SplitPosition? {
        inner.beginning.map { SplitPosition(id: id, bytes: $0.bytes) }
    }

    func limit(to position: SplitPosition) throws(ConnectorError) {
        try inner.limit(to: SplitPosition(id: inner.id, bytes: position.bytes))
    }

    var isAtLimit: Bool { inner.isAtLimit }

    func read(now: Int64) throws(ConnectorError) -> SplitRead {
        switch try inner.read(now: now) {
        case .ended: return .ended
        case .wait(let until): return endsAtEnd ? .ended : .wait(until: until)
        case .rows(let rows): return .rows(parsed(rows, now: now))
        }
    }

    private func parsed(_ logged: SourceRows, now: Int64) -> SourceRows {
        let nodes = logged.columns[0]
        let raws = logged.columns[1]
        let chosen = (0..<logged.rowCount).filter { row in
            !raws.isNull(row) && nodes.strings[row].bytes.elementsEqual(node)
        }
        let byteCount = chosen.reduce(0) { $0 + raws.strings[$1].count + 1 }
        let text = Buffer(capacity: byteCount)
        var end = 0
        for row in chosen {
            let raw = raws.strings[row]
            text.base.advanced(by: end).copyMemory(from: raw.base, byteCount: raw.count)
            end += raw.count
            text.pointer(to: UInt8.self)[end] = 0x0a
            end += 1
        }
        let first = logged.positions?.pointer(to: Int64.self)[0] ?? 0
        let rows = parser.parse(text, 0..<end, position: first, isLast: true).rows
        var result = metadata.complete(rows, path: nil, lines: nil, base: 0, now: now)
        result.byteCount = logged.byteCount
        return result
    }
}
