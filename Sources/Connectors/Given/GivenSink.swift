import Config
import Operators
import Synchronization

/// The rows that a ``GivenSink`` was given, as JSON objects; outlives the sinks that write it.
package final class GivenOutput: Sendable {
    private let lines = Mutex<[String]>([])

    package init() {}

    package var rows: [String] { lines.withLock { $0 } }

    func append(_ rows: [String]) { lines.withLock { $0 += rows } }
    func truncate(to count: Int) { lines.withLock { $0.removeLast(max(0, $0.count - count)) } }
    var count: Int { lines.withLock { $0.count } }
}

/// Stands in for the connector of a sink while its spec is tested: keeps the rows, with `_op` where
/// the sink would write it.
package final class GivenSink: Sink {
    /// How its tokens begin, as those of no other sink do.
    private static let tokenTag: UInt8 = 0xf1

    private let output: GivenOutput
    private let encoder: any RowEncoder
    private let mode: SinkSpec.Mode
    private let inputKey: [Int]?
    package private(set) var written = SinkProgress(rows: 0, bytes: 0)

    package init(_ spec: SinkSpec, output: GivenOutput) throws(ConnectorError) {
        self.output = output
        mode = spec.mode
        inputKey = spec.inputKey
        encoder = try RowEncoderFactory.make(
            .json(JSONOptions()), schema: spec.inputSchema, mode: spec.mode)
    }

    package func recover(token: [UInt8]?) throws(ConnectorError) {
        guard let token else { return }
        var reader = TokenReader(token)
        guard reader.read(UInt8.self) == Self.tokenTag, let count = reader.read(Int64.self) else {
            throw .unknownPosition("the rows of a test")
        }
        output.truncate(to: Int(count))
    }

    package func write(_ batch: Batch) throws(ConnectorError) {
        let rows = batch.compacted()
        encoder.begin(
            rows, operations: RowOperation.operations(rows, mode: mode, inputKey: inputKey))
        defer { encoder.end() }
        var lines: [String] = []
        for row in 0..<rows.rowCount {
            var bytes = OutputBytes()
            guard encoder.encode(rows: row..<row + 1, into: &bytes) > 0 else { continue }
            lines.append(String(decoding: bytes.bytes.dropLast(), as: UTF8.self))
            written.bytes += Int64(bytes.count)
        }
        written.rows += Int64(lines.count)
        output.append(lines)
    }

    package func cut(epoch: UInt64) throws(ConnectorError) -> any SinkCut {
        var writer = TokenWriter()
        writer.append(Self.tokenTag)
        writer.append(Int64(output.count))
        return GivenCut(token: writer.bytes)
    }

    package func close() {}
}

/// Nothing is left to be done for rows in memory.
private final class GivenCut: SinkCut {
    let token: [UInt8]

    init(token: [UInt8]) { self.token = token }

    func sync() throws(ConnectorError) {}
    func commit() throws(ConnectorError) {}
}
