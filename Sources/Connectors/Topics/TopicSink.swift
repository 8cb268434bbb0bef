import Config
import Operators
import Store

/// `topic:` of a sink: rows become visible in the topic with the checkpoint that they belong to, and
/// not before.
///
/// It writes a partition of its own, which goes on where the checkpoint's token says. An epoch's rows
/// are appended as they come; readers see them once its record is synced.
final class TopicSink: Sink {
    private let catalog: TopicCatalog
    private let spec: TopicSpec
    private let mode: SinkSpec.Mode
    private let inputKey: [Int]?
    private let partitionName: String
    private let writerName: String
    private let clock: @Sendable () -> Int64
    /// Whether the topic is made when the first row comes, and not before.
    private let isLazy: Bool
    private var writer: PartitionWriter?
    private var blocks: TopicBlocks
    private var watermark = Int64.min
    package private(set) var written = SinkProgress(rows: 0, bytes: 0)

    /// - Parameter pipeline: Whose sink it is: with the sink's name it names the partition.
    init(
        _ sink: SinkSpec, topic: TopicSpec, pipeline: String, catalog: TopicCatalog,
        clock: @escaping @Sendable () -> Int64, isLazy: Bool = false
    ) {
        self.isLazy = isLazy
        self.catalog = catalog
        spec = topic
        mode = sink.mode
        inputKey = sink.inputKey
        partitionName = "\(pipeline).\(sink.name)"
        writerName = TopicWriter.name(pipeline: pipeline, sink: sink.name)
        self.clock = clock
        blocks = TopicBlocks(topic: topic.name, schemaVersion: 0, clock: clock)
    }

    func recover(token bytes: [UInt8]?) throws(ConnectorError) {
        close()
        if isLazy, bytes == nil { return }
        try open(token: bytes)
    }

    private func open(token bytes: [UInt8]?) throws(ConnectorError) {
        // Dead letters are described by their pipeline, as a document would.
        let (entry, version) = try catalog.apply(spec, isDocumented: isLazy)
        var token: PartitionToken?
        if let bytes {
            guard let read = TopicSinkToken(bytes) else { throw .unknownToken(spec.name) }
            // A sink that goes to another topic now begins anew there.
            if read.topic.utf8.elementsEqual(spec.name.utf8) { token = read.partition }
        }
        let opened: (Partition, PartitionToken?)
        do throws(StoreError) {
            var partition = try entry.topic.partition(partitionName, writer: writerName)
            if let known = token, known.identifier != partition.identifier {
                // The topic was deleted, or the partition sealed, since: it begins anew.
                token = nil
            }
            if token == nil, partition.epoch > 0 {
                // Rows of another life of this pipeline stay, and are no longer its to cut.
                partition = try entry.topic.partition(
                    partitionName, writer: writerName, isNew: true)
            }
            opened = (partition, token)
        } catch {
            throw ConnectorError(error)
        }
        do throws(StoreError) {
            writer = try PartitionWriter.open(opened.0, token: opened.1)
        } catch {
            throw ConnectorError(error)
        }
        blocks = TopicBlocks(topic: spec.name, schemaVersion: version, clock: clock)
        blocks.advance(to: max(watermark, token?.watermark ?? .min))
    }

    func advance(watermark: Int64) {
        self.watermark = watermark
        blocks.advance(to: watermark)
    }

    func write(_ batch: Batch) throws(ConnectorError) {
        if writer == nil { try open(token: nil) }
        var rows = batch.compacted()
        var operations = RowOperation.operations(rows, mode: mode, inputKey: inputKey)
        if let bytes = operations?.pointer(to: UInt8.self) {
            let kept = (0..<rows.rowCount).filter { bytes[$0] != RowOperation.skip.rawValue }
            if kept.count < rows.rowCount {
                let selection = Buffer(capacity: kept.count * 4)
                let compact = Buffer(capacity: kept.count)
                for (place, row) in kept.enumerated() {
                    selection.pointer(to: Int32.self)[place] = Int32(row)
                    compact.pointer(to: UInt8.self)[place] = bytes[row]
                }
                rows = rows.selecting(Selection(rows: selection, count: kept.count)).compacted()
                operations = compact
            }
        }
        try blocks.add(rows, operations: operations)
        written.rows += Int64(rows.rowCount)
        if blocks.isFull { try append() }
    }

    private func append() throws(ConnectorError) {
        guard let writer else { return }
        written.bytes += Int64(blocks.blocks.byteCount)
        do throws(StoreError) {
            try writer.append(&blocks.blocks)
        } catch {
            throw ConnectorError(error)
        }
        blocks.blocks.removeAll()
    }

    func cut(epoch: UInt64) throws(ConnectorError) -> any SinkCut {
        try blocks.finish()
        if !blocks.blocks.isEmpty { try append() }
        guard let writer else { return NothingCut() }
        do throws(StoreError) {
            let cut = try writer.cut(epoch: epoch, watermark: blocks.watermark)
            return TopicSinkCut(cut, topic: spec.name)
        } catch {
            throw ConnectorError(error)
        }
    }

    func close() {
        blocks.removeAll()
        writer?.close()
        writer = nil
    }
}

/// The share of an epoch in a sink that has not had a row yet.
private final class NothingCut: SinkCut {
    let token: [UInt8] = []
    func sync() throws(ConnectorError) {}
    func commit() throws(ConnectorError) {}
}

/// An epoch's rows on their way to being visible in a topic.
private final class TopicSinkCut: SinkCut {
    private let cut: PartitionCut
    let token: [UInt8]

    init(_ cut: PartitionCut, topic: String) {
        self.cut = cut
        token = cut.token.map { TopicSinkToken(topic: topic, partition: $0).encoded } ?? []
    }

    func sync() throws(ConnectorError) {
        do throws(StoreError) { try cut.sync() } catch { throw ConnectorError(error) }
    }

    func commit() throws(ConnectorError) {
        do throws(StoreError) { try cut.commit() } catch { throw ConnectorError(error) }
    }
}

/// What a checkpoint keeps of a topic sink.
package struct TopicSinkToken: Equatable, Sendable {
    package var topic: String
    package var partition: PartitionToken

    private static let kind: UInt8 = 0x74
    private static let version: UInt8 = 1

    package var encoded: [UInt8] {
        var writer = TokenWriter()
        writer.append(Self.kind)
        writer.append(Self.version)
        writer.append(topic)
        writer.append(partition.encoded)
        return writer.bytes
    }

    /// Whether the bytes are a topic sink's token, of whatever version.
    package static func isKind(_ bytes: [UInt8]) -> Bool { bytes.first == kind }

    package init(topic: String, partition: PartitionToken) {
        self.topic = topic
        self.partition = partition
    }

    /// Reads a token; nil where the bytes are those of another sink.
    package init?(_ bytes: [UInt8]) {
        var reader = TokenReader(bytes)
        guard reader.read(UInt8.self) == Self.kind, reader.read(UInt8.self) == Self.version,
            let topic = reader.readString(),
            let partition = reader.readBytes().flatMap({ PartitionToken($0) }), reader.isAtEnd
        else { return nil }
        self.init(topic: topic, partition: partition)
    }
}

/// How a partition's writer is named in the store.
package enum TopicWriter {
    package static func name(pipeline: String, sink: String) -> String { "\(pipeline)/\(sink)" }

    /// The pipeline and the sink; nil for the ingest path.
    package static func parts(_ name: String) -> (pipeline: String, sink: String)? {
        guard let slash = name.utf8.firstIndex(of: UInt8(ascii: "/")) else { return nil }
        return (String(name[..<slash]), String(name[name.utf8.index(after: slash)...]))
    }

    /// The partition of rows that come from outside, by `produce`.
    package static let ingestPartition = "ingest"
}
