import Config
import Connectors
import Operators

/// Rows as JSON text, for taps and dead letters.
enum RowText {
    /// One JSON object a row, without a line end.
    static func json(_ batch: Batch, schema: Schema) -> [String] {
        let dense = batch.compacted()
        let encoder: any RowEncoder
        do {
            encoder = try RowEncoderFactory.make(
                .json(JSONOptions()), schema: schema, mode: .append)
        } catch {
            return Array(repeating: "{}", count: dense.rowCount)
        }
        encoder.begin(dense, operations: nil)
        defer { encoder.end() }
        return (0..<dense.rowCount).map { row in
            var output = OutputBytes()
            _ = encoder.encode(rows: row..<row + 1, into: &output)
            let bytes = output.bytes
            let count = bytes.last == 0x0a ? bytes.count - 1 : bytes.count
            return String(decoding: bytes.prefix(count), as: UTF8.self)
        }
    }
}
