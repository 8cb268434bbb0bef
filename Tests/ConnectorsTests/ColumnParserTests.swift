import Config
import Operators
import TestSupport
import Testing

@testable import Connectors

@Suite("Parsed columns")
struct ColumnParserTests {
    /// What came out: each row's columns, time and weight, and what was rejected.
    private final class Output: OperatorOutput {
        var rows: [[String?]] = []
        var rejected: [[String]] = []

        func emit(_ batch: Batch) {
            let columns = batch.columns.indices.map { batch.column($0) }
            for row in 0..<batch.count {
                let place = batch.physicalRow(row)
                let weight = batch.weights?.pointer(to: Int32.self)[place] ?? 1
                rows.append(
                    columns.map { text($0, row) }
                        + ["\(batch.rowtime.integers[place])", "\(weight)"])
            }
        }
        func reject(_ batch: Batch, texts: Column, reasons: [String]) {
            for row in 0..<batch.count {
                rejected.append([
                    texts.isNull(row) ? "null" : texts.strings[row].string, reasons[row],
                    "\(batch.rowtime.integers[batch.physicalRow(row)])",
                ])
            }
        }
        func emitLate(_ batch: Batch, wasInTime: Bool) {}
        func countLate(_ count: Int, wasInTime: Bool) {}
        func emitUnmatched(_ batch: Batch) {}
        func reject(_ batch: Batch, schema: Schema, reasons: [String]) {}
    }

    private static let fields = [
        stringField("a", ordinal: 0), FieldSpec(name: "n", type: .bigint, path: ["n"], ordinal: 1),
    ]

    private static func format(_ name: String) -> FormatSpec {
        var csv = CSVOptions()
        csv.hasHeader = false
        csv.columnCount = 2
        switch name {
        case "json": return .json(JSONOptions())
        case "csv": return .csv(csv)
        case "logfmt": return .logfmt(LogfmtOptions())
        default: return .regex(RegexOptions(pattern: "^(?s:(?<a>.*)):(?<n>\\d*)$"))
        }
    }

    private static let texts: [String: [String]] = [
        "json": [
            "{\"a\":\"x\",\"n\":1}", "{\"n\":2,\n\"a\":\"é\\n\"}", "{\"a\":\"x\ny\"}", "{", "  ",
            "",
            "{\"a\":1}", "{} {}", "{\"n\":null}", "\u{feff}{\"n\":3}", "{\"n\":1}\n", "[]",
        ],
        "csv": [
            "x,1", "\"a\nb\",2", "\"open,3", "x", "x,1,2", "", " ", "x,y", "x,1\n", "x,1\ny,2",
            "\"a\"b,1", ",", "close\",4",
        ],
        "logfmt": [
            "a=x n=1", "n=2\na=\"y z\"", "a=\"open", "n=x", "", "\t", "z", "a n=3", "a=\"\\u00e9\"",
            "close\"",
        ],
        "regex": ["x:1", "two\nlines:2", "none", ":", "", " ", "x:99999999999999999999", "é:3"],
    ]

    /// One row by itself, through the parser of a source where its text is one line.
    private func expected(_ name: String, _ texts: [String?]) throws -> Output {
        let output = Output()
        for (row, text) in texts.enumerated() {
            let parser = try ColumnParser(
                column: 0, fields: Self.fields, format: Self.format(name))
            parser.process(
                batch([column([text])], times: [Int64(row)]), input: 0, now: 0, to: output)
        }
        return output
    }

    @Test("are those that sources read", arguments: ["json", "csv", "logfmt", "regex"])
    func sources(name: String) throws {
        for text in Self.texts[name] ?? []
        where !text.contains("\n") && !text.hasPrefix("\u{feff}") {
            let source = parse(
                try RowParserFactory.make(Self.format(name), fields: Self.fields),
                Array((text + "\n").utf8))
            let output = try expected(name, [text])
            #expect(output.rows.map { Array($0[1...2]) } == source.rows, "\(text)")
            #expect(output.rejected.count == 1 - source.rows.count, "\(text)")
            if let invalid = source.invalid.first, let rejected = output.rejected.first {
                #expect(invalid == "0: \(rejected[1]): \(text)")
            }
        }
    }

    @Test("of a text are its own, whatever stands in others", arguments: texts.keys.sorted())
    func isolation(name: String) throws {
        var random = SeededRandom(seed: testSeed)
        for round in 0..<60 {
            let count = Int.random(in: 1...40, using: &random)
            let texts = (0..<count).map { _ in
                Int.random(in: 0..<6, using: &random) == 0
                    ? nil : Self.texts[name]?.randomElement(using: &random)
            }
            let weights: [Int32]? =
                round % 3 == 0 ? texts.map { _ in Bool.random(using: &random) ? 1 : -1 } : nil
            let times = texts.indices.map { Int64($0) }
            var input = batch([column(texts)], times: times, weights: weights)
            var kept = Array(texts.indices)
            if round % 2 == 0 {
                kept = kept.filter { _ in Bool.random(using: &random) }
                let rows = Buffer(capacity: 4 * kept.count)
                for (index, row) in kept.enumerated() {
                    rows.pointer(to: Int32.self)[index] = Int32(row)
                }
                input = input.selecting(Selection(rows: rows, count: kept.count))
            }
            let output = Output()
            let parser = try ColumnParser(
                column: 0, fields: Self.fields, format: Self.format(name))
            parser.process(input, input: 0, now: 0, to: output)

            let alone = try expected(name, texts)
            let wanted = Set(kept.map(String.init))
            func weight(_ time: String) -> Int32 { weights?[Int(time) ?? 0] ?? 1 }
            let rows = alone.rows.filter { wanted.contains($0[3] ?? "") }
                .map { Array($0.dropLast()) + ["\(weight($0[3] ?? ""))"] }
            let rejected = alone.rejected.filter { wanted.contains($0[2]) && weight($0[2]) > 0 }
            #expect(output.rows == rows, "seed \(testSeed), round \(round): \(texts)")
            #expect(output.rejected == rejected, "seed \(testSeed), round \(round): \(texts)")
        }
    }

    @Test("read what is right and say what is not")
    func outcomes() throws {
        let json = try expected("json", (Self.texts["json"] ?? []) + [nil])
        #expect(
            json.rows.map { Array($0[1...2]) } == [
                ["x", "1"], ["é\n", "2"], [nil, nil], [nil, "1"], [nil, nil],
            ])
        let csv = try expected("csv", Self.texts["csv"] ?? [])
        #expect(
            csv.rows.map { Array($0[1...2]) }
                == [["x", "1"], ["a\nb", "2"], ["x", "1"], [nil, nil], ["close\"", "4"]])
        #expect(csv.rejected.contains { $0[1] == "cannot read the row: text goes on behind it" })
        #expect(
            csv.rejected.contains { $0[0] == "" && $0[1] == "cannot read the text: it is blank" })
        let regex = try expected("regex", Self.texts["regex"] ?? [])
        #expect(
            regex.rows.map { Array($0[1...2]) }
                == [["x", "1"], ["two\nlines", "2"], [nil, nil], ["é", "3"]])
    }

    @Test("of a null are null, unless one is required")
    func nulls() throws {
        var fields = Self.fields
        let output = Output()
        let input = batch([column([nil, "n=1"] as [String?])], times: [0, 1])
        let parser = try ColumnParser(column: 0, fields: fields, format: Self.format("logfmt"))
        parser.process(input, input: 0, now: 0, to: output)
        #expect(output.rows.map { Array($0[0...2]) } == [[nil, nil, nil], ["n=1", nil, "1"]])
        fields[1].isRequired = true
        let strict = try ColumnParser(column: 0, fields: fields, format: Self.format("logfmt"))
        strict.process(input, input: 0, now: 0, to: output)
        #expect(output.rejected == [["null", "cannot read field 'n': it is required", "0"]])
    }

    @Test("of more rows than are parsed at once keep their order")
    func slices() throws {
        let texts: [String?] = (0..<20_000).map { $0 % 7 == 0 ? nil : "a=x n=\($0)" }
        let output = Output()
        let parser = try ColumnParser(
            column: 0, fields: Self.fields, format: Self.format("logfmt"))
        parser.process(batch([column(texts)]), input: 0, now: 0, to: output)
        #expect(
            output.rows.map { $0[2] } == (0..<20_000).map { $0 % 7 == 0 ? nil : "\($0)" })
    }
}
