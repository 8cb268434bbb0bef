import Config
import Connectors
import Glibc
import Operators

/// Formats alone: bytes to columns, three of seven fields built.
enum ParseBenchmark {
    private static func field(_ name: String, _ ordinal: Int) -> FieldSpec {
        FieldSpec(name: name, type: .string, path: [name], ordinal: ordinal)
    }

    private static let fields = [
        field("ad_id", 2), field("event_type", 4),
        FieldSpec(
            name: "event_time", type: .timestamp, path: ["event_time"],
            timestamp: .integer(unitsPerSecond: 1000), ordinal: 5),
    ]

    static func json(_ data: EventData, runs: Int) throws(BenchmarkError) -> Measurement {
        try measure(
            "json-parse", path: data.eventsPath, bytes: data.bytes, rows: data.rows, runs: runs,
            format: .json(JSONOptions()))
    }

    static func csv(_ data: EventData, runs: Int) throws(BenchmarkError) -> Measurement {
        var options = CSVOptions()
        options.hasHeader = true
        return try measure(
            "csv-parse", path: data.csvPath, bytes: data.csvBytes, rows: data.rows, runs: runs,
            format: .csv(options))
    }

    private static func measure(
        _ name: String, path: String, bytes: Int, rows: Int, runs: Int, format: FormatSpec
    ) throws(BenchmarkError) -> Measurement {
        let seconds = try fastest(runs) { () throws(BenchmarkError) in
            let read = try parse(path, format)
            guard read == rows else {
                throw BenchmarkError(message: "\(name) gave \(read) of \(rows) rows")
            }
        }
        let megabytes = fixed(Double(bytes) / seconds / 1e6, 0)
        return Measurement(
            name: name, unit: "rows", amount: Double(rows), seconds: seconds,
            note: "\(megabytes) MB/s")
    }

    private static func parse(
        _ path: String, _ format: FormatSpec
    ) throws(BenchmarkError) -> Int {
        do {
            let parser = try RowParserFactory.make(format, fields: fields)
            let descriptor = open(path, O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else { throw BenchmarkError(message: "cannot open '\(path)'") }
            defer { close(descriptor) }
            let size = 1 << 19
            var rows = 0
            var kept = 0
            var chunk = Buffer(capacity: size)
            while true {
                let count = read(descriptor, chunk.base + kept, size - kept)
                let end = kept + max(0, count)
                var start = 0
                while start < end {
                    let (result, consumed) = parser.parse(
                        chunk, start..<end, position: 0, isLast: count <= 0)
                    rows += result.rowCount
                    start += consumed
                    if consumed == 0 { break }
                }
                if count <= 0 { return rows }
                let next = Buffer(capacity: size)
                memcpy(next.base, chunk.base + start, end - start)
                kept = end - start
                chunk = next
            }
        } catch let error as ConnectorError {
            throw BenchmarkError(message: error.message)
        } catch let error as BenchmarkError {
            throw error
        } catch {
            throw BenchmarkError(message: "\(error)")
        }
    }
}
