import Config
import Operators

@testable import Connectors

/// What a JSON parser makes of a text.
struct JSONOutcome: Equatable, CustomStringConvertible {
    var rows: [[String?]] = []
    var positions: [Int64] = []
    var errors: [String] = []
    var errorPositions: [Int64] = []
    var raw: [[UInt8]] = []

    var description: String {
        "rows \(rows) at \(positions), errors \(errors) at \(errorPositions)"
    }
}

enum JSONFixture {
    /// Fields from names and types; timestamps are integers of milliseconds.
    static func fields(_ fields: KeyValuePairs<String, ColumnType>) -> [FieldSpec] {
        fields.enumerated().map { index, field in
            FieldSpec(
                name: field.key, type: field.value,
                path: field.key.split(separator: ".").map(String.init),
                timestamp: .integer(unitsPerSecond: 1_000), ordinal: index)
        }
    }

    static func parser(_ fields: [FieldSpec], onMissing: JSONOptions.OnMissing = .null) throws
        -> JSONRowParser
    {
        var options = JSONOptions()
        options.onMissing = onMissing
        return try JSONRowParser(fields: fields, options: options)
    }

    /// Input in the middle of a buffer, with digits, spaces and quotes around it that must not be
    /// taken for a part of it.
    static func chunk(_ bytes: some Collection<UInt8>, behind: UInt8) -> (Buffer, Range<Int>) {
        let buffer = Buffer(capacity: bytes.count + 7)
        let target = buffer.pointer(to: UInt8.self)
        target.update(repeating: behind, count: buffer.capacity + Buffer.paddingBytes)
        for (index, byte) in bytes.enumerated() { target[7 + index] = byte }
        return (buffer, 7..<7 + bytes.count)
    }

    /// All of a text, offered in pieces that end at `cuts`.
    static func parse(
        _ text: [UInt8], with parser: JSONRowParser, cuts: [Int] = [], behind: UInt8 = 0x37
    ) -> JSONOutcome {
        var outcome = JSONOutcome()
        var done = 0
        for end in cuts + [text.count] {
            let isLast = end == text.count
            while done < end {
                let (buffer, range) = chunk(text[done..<end], behind: behind)
                let (rows, consumed) = parser.parse(
                    buffer, range, position: Int64(done), isLast: isLast)
                precondition(consumed <= range.count && rows.byteCount == consumed)
                take(rows, into: &outcome)
                done += consumed
                if consumed == 0 {
                    precondition(!isLast, "nothing was consumed at the end")
                    break
                }
            }
        }
        return outcome
    }

    static func parse(
        _ text: String, _ fields: [FieldSpec], onMissing: JSONOptions.OnMissing = .null
    ) throws -> JSONOutcome {
        parse(Array(text.utf8), with: try parser(fields, onMissing: onMissing))
    }

    private static func take(_ rows: SourceRows, into outcome: inout JSONOutcome) {
        outcome.rows += texts(rows)
        let positions = rows.positions?.pointer(to: Int64.self)
        outcome.positions += (0..<rows.rowCount).map { positions?[$0] ?? -1 }
        outcome.errors += rows.invalid.map(\.error)
        outcome.errorPositions += rows.invalid.map(\.position)
        outcome.raw += rows.invalid.map(\.raw)
    }
}
