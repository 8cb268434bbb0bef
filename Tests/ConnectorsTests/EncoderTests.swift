import Config
import Foundation
import Operators
import TestSupport
import Testing

@testable import Connectors

/// Encodes a whole batch.
func encode(
    _ format: FormatSpec, _ schema: Schema, _ batch: Batch, mode: SinkSpec.Mode = .append,
    inputKey: [Int]? = nil
) throws -> String {
    let encoder = try RowEncoderFactory.make(format, schema: schema, mode: mode)
    var output = OutputBytes()
    encoder.begin(
        batch, operations: RowOperation.operations(batch, mode: mode, inputKey: inputKey))
    _ = encoder.encode(rows: 0..<batch.rowCount, into: &output)
    encoder.end()
    return String(decoding: encoder.header + output.array, as: UTF8.self)
}

@Suite("JSON row encoder")
struct JSONRowEncoderTests {
    private func json(_ column: Column) throws -> [String] {
        try encode(.json(JSONOptions()), Schema([Field("v", column.type)]), batch([column]))
            .split(separator: "\n").map { String($0.dropFirst(5).dropLast()) }
    }

    @Test("writes integers exactly")
    func integers() throws {
        let values: [Int64] = [
            0, 7, 10, 99, 100, 101, -1, .min, .max, 9_007_199_254_740_993, 1_000_000, -12_345,
        ]
        #expect(try json(column(values)) == values.map { String($0) })
    }

    @Test("writes doubles so that they read back the same, and what JSON has not as null")
    func doubles() throws {
        let values = [
            0.1, 1, -0.0, 1e23, .leastNonzeroMagnitude, 1.7976931348623157e308, 123456.5, 1e15,
            3e-7,
        ]
        for (value, text) in zip(values, try json(column(doubles: values))) {
            #expect(Double(text)?.bitPattern == value.bitPattern, "\(text)")
        }
        let encoder = JSONRowEncoder(
            schema: Schema([Field("v", .double)]), writesOperations: false, deletionColumns: nil)
        encoder.begin(batch([column(doubles: [.nan, .infinity, 1])]), operations: nil)
        var output = OutputBytes()
        #expect(encoder.encode(rows: 0..<3, into: &output) == 3)
        #expect(
            String(decoding: output.array, as: UTF8.self)
                == "{\"v\":null}\n{\"v\":null}\n{\"v\":1.0}\n")
        #expect(encoder.nonFiniteCount == 2)
    }

    @Test("writes timestamps as RFC 3339 in UTC")
    func timestamps() throws {
        let values: [Int64?] = [
            0, 1_767_225_610_000_000, 1_500_000, 1, -1, -62_135_596_800_000_000,
            253_402_300_800_000_000, -62_198_755_200_000_000, nil,
        ]
        #expect(
            try json(column(values, .timestamp)) == [
                "\"1970-01-01T00:00:00Z\"", "\"2026-01-01T00:00:10Z\"",
                "\"1970-01-01T00:00:01.500Z\"", "\"1970-01-01T00:00:00.000001Z\"",
                "\"1969-12-31T23:59:59.999999Z\"", "\"0001-01-01T00:00:00Z\"",
                "\"+010000-01-01T00:00:00Z\"", "\"-000001-01-01T00:00:00Z\"", "null",
            ])
    }

    @Test("writes decimals exactly")
    func decimals() throws {
        let decimals: [Int128] = [0, 5, -5, 12345, -100, 170_141_183_460_469_231_731]
        let values = Buffer(capacity: decimals.count * 16)
        for (row, value) in decimals.enumerated() { values.pointer(to: Int128.self)[row] = value }
        let column = Column(
            type: .decimal(precision: 38, scale: 2), count: decimals.count, values: values)
        #expect(
            try json(column)
                == ["0.00", "0.05", "-0.05", "123.45", "-1.00", "1701411834604692317.31"])
    }

    @Test("writes booleans")
    func booleans() throws {
        #expect(try json(column([true, false])) == ["true", "false"])
    }

    @Test("escapes what must be escaped, and replaces what is not UTF-8")
    func escapes() throws {
        let text =
            "q\" b\\ n\n r\r t\t \u{8}\u{c}\u{1}\u{1f} é 😀 \u{7f} end, long enough to be scanned"
        #expect(
            try json(column([text])) == [
                "\"q\\\" b\\\\ n\\n r\\r t\\t \\b\\f\\u0001\\u001f é 😀 \u{7f} end, long enough to be scanned\""
            ])
        #expect(
            try json(column(bytes: [[0x61, 0xff, 0xc3, 0x28, 0xe2, 0x82]])) == [
                "\"a\u{fffd}\u{fffd}(\u{fffd}\u{fffd}\""
            ])
    }

    @Test("is read back by another reader", arguments: 0..<10)
    func oracle(_ round: Int) throws {
        let seed = testSeed &+ UInt64(round)
        var random = SeededRandom(seed: seed)
        let scalars = Array("ab\"\\\n\u{0}é😀/ \u{2028}".unicodeScalars)
        let strings = (0..<50).map { _ -> String? in
            guard Int.random(in: 0..<5, using: &random) > 0 else { return nil }
            var text = ""
            for _ in 0..<Int.random(in: 0..<40, using: &random) {
                text.unicodeScalars.append(scalars.randomElement(using: &random) ?? "a")
            }
            return text
        }
        let doubles = (0..<50).map { _ in
            Double(bitPattern: random.next() & 0xbfff_ffff_ffff_ffff)
        }
        let text = try encode(
            .json(JSONOptions()), Schema([Field("s\"ß", .string), Field("d", .double)]),
            batch([column(strings), column(doubles: doubles)]))
        for (row, line) in text.split(separator: "\n").enumerated() {
            let object = try #require(
                try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            #expect(object["s\"ß"] as? String == strings[row], "seed \(seed)")
            // That reader is off by a unit in the last place at times; the text is not.
            let number = line.split(separator: ":").last?.dropLast() ?? ""
            #expect(Double(number) == doubles[row], "seed \(seed)")
            #expect(object["d"] is Double)
        }
    }

    @Test("writes changes with their operation; an update is a pair beside each other")
    func operations() throws {
        let schema = Schema([Field("k", .bigint), Field("v", .bigint)])
        let changes = batch(
            [column([1, 1, 2, 3, 4]), column([10, 11, 20, 30, 40])],
            weights: [-1, 1, -1, 1, 1])
        #expect(
            try encode(.json(JSONOptions()), schema, changes, mode: .upsert(key: [0])) == """
                {"_op":"upsert","k":1,"v":11}
                {"_op":"delete","k":2}
                {"_op":"upsert","k":3,"v":30}
                {"_op":"upsert","k":4,"v":40}

                """)
        #expect(
            try encode(.json(JSONOptions()), schema, changes, mode: .changelog, inputKey: [0])
                == """
                {"_op":"update_before","k":1,"v":10}
                {"_op":"update_after","k":1,"v":11}
                {"_op":"delete","k":2,"v":20}
                {"_op":"insert","k":3,"v":30}
                {"_op":"insert","k":4,"v":40}

                """)
        #expect(
            try encode(.json(JSONOptions()), schema, changes, mode: .changelog).contains("update")
                == false)
        #expect(
            try encode(.csv(CSVOptions()), schema, changes, mode: .upsert(key: [0]))
                == "_op,k,v\nupsert,1,11\ndelete,2,20\nupsert,3,30\nupsert,4,40\n")
    }
}

@Suite("CSV row encoder")
struct CSVRowEncoderTests {
    @Test("is read back by the CSV parser", arguments: 0..<10)
    func roundTrip(_ round: Int) throws {
        let seed = testSeed &+ UInt64(round)
        var random = SeededRandom(seed: seed)
        let scalars = Array("ab\",\n\r; é".unicodeScalars)
        func strings() -> [String?] {
            (0..<40).map { _ in
                if Int.random(in: 0..<5, using: &random) == 0 { return nil }
                var text = ""
                for _ in 0..<Int.random(in: 0..<6, using: &random) {
                    text.unicodeScalars.append(scalars.randomElement(using: &random) ?? "a")
                }
                return text
            }
        }
        let columns = [strings(), strings()]
        let schema = Schema([Field("a,\"", .string), Field("b", .string)])
        let text = try encode(.csv(CSVOptions()), schema, batch(columns.map { column($0) }))
        let parser = try CSVRowParser(
            fields: schema.fields.map { stringField($0.name) }, options: CSVOptions())
        let parsed = parse(parser, Array(text.utf8))
        #expect(parsed.rows == (0..<40).map { [columns[0][$0], columns[1][$0]] }, "seed \(seed)")
    }

    @Test("writes other delimiters, nulls and numbers")
    func options() throws {
        var options = CSVOptions()
        options.delimiter = 0x3b
        options.null = Array("NA".utf8)
        options.hasHeader = false
        let schema = Schema([Field("s", .string), Field("d", .double), Field("t", .timestamp)])
        let rows = batch([
            column(["x;y", "NA", nil]), column(doubles: [1.5, .nan, -.infinity]),
            column([0, nil, 1_000_000], .timestamp),
        ])
        #expect(
            try encode(.csv(options), schema, rows)
                == "\"x;y\";1.5;1970-01-01T00:00:00Z\n\"NA\";NaN;NA\nNA;-Infinity;1970-01-01T00:00:01Z\n"
        )
    }
}

@Suite("Lines row encoder")
struct LinesRowEncoderTests {
    @Test("writes one column, and refuses more")
    func lines() throws {
        #expect(
            try encode(.lines, Schema([Field("l", .string)]), batch([column(["a", nil, "b"])]))
                == "a\n\nb\n")
        #expect(throws: ConnectorError.self) {
            try encode(
                .lines, Schema([Field("l", .string), Field("m", .string)]), batch([]))
        }
    }
}
