import Config
import Operators
import TestSupport
import Testing

@testable import Connectors

private let fields = [
    FieldSpec(name: "n", type: .bigint, path: ["deep", "n"], ordinal: 0),
    FieldSpec(
        name: "at", type: .timestamp, path: ["at"], timestamp: .integer(unitsPerSecond: 1000),
        ordinal: 1),
]

private func source(_ input: GivenInput, format: FormatSpec) throws -> GivenSource {
    let output = Schema(fields.map { Field($0.name, $0.type) })
    return try GivenSource(
        SourceSpec(
            name: "s", connector: .file(FileSourceOptions(path: "", isFollowed: true)),
            format: format, fields: fields, metadata: [],
            eventTime: EventTimeSpec(value: .arrival),
            output: NodeOutput(schema: output, change: .append)), input: input)
}

private func row(_ n: Int64) -> TestRow {
    TestRow(
        values: [("at", .timestamp(n * 7)), ("n", .integer(n))], rowtimeMicros: nil,
        isLeaving: false)
}

/// What a split gives, until it has no more: `n:at` of rows, `!` of what was set aside.
private func drain(_ split: any SourceSplit) throws -> [String] {
    var result: [String] = []
    while case .rows(let rows) = try split.read(now: 0) {
        for index in 0..<rows.rowCount {
            result.append("\(rows.columns[0].integers[index]):\(rows.columns[1].integers[index])")
        }
        result += rows.invalid.map { _ in "!" }
    }
    return result
}

@Suite("Sources that a test gives")
struct GivenSourceTests {
    @Test("give rows by their columns' names, and lines by the format with its paths and units")
    func rowsAndLines() throws {
        let input = GivenInput()
        input.give(.rows([row(1), row(2)]))
        input.give(.lines([#"{"deep": {"n": 3}, "at": 5}"#, "nonsense"]))
        let source = try source(input, format: .json(JSONOptions()))
        let split = try #require(try source.discover().first)
        #expect(try drain(split) == ["1:7", "2:14", "3:5000", "!"])
        #expect(try source.discover().isEmpty)
        input.give(.rows([row(4)]))
        #expect(try drain(split) == ["4:28"])
    }

    @Test("go on at any position as if there had been no stop")
    func positions() throws {
        var random = SeededRandom(seed: testSeed)
        for round in 0..<60 {
            var csv = CSVOptions()
            csv.hasHeader = Bool.random(using: &random)
            let input = GivenInput()
            var number: Int64 = 0
            if csv.hasHeader { input.give(.lines(["at,n"])) }
            for _ in 0..<Int.random(in: 1...8, using: &random) {
                let count = Int64.random(in: 0...3, using: &random)
                let numbers = (number..<number + count)
                number += count
                if Bool.random(using: &random) {
                    input.give(.rows(numbers.map(row)))
                } else {
                    input.give(
                        .lines(
                            numbers.map {
                                $0 == 3
                                    ? "x,y" : csv.hasHeader ? "\($0 * 7),\($0)" : "\($0),\($0 * 7)"
                            }))
                }
            }
            let whole = try drain(
                try #require(try source(input, format: .csv(csv)).discover().first))
            var pieces: [String] = []
            var split = try #require(try source(input, format: .csv(csv)).discover().first)
            while case .rows(let rows) = try split.read(now: 0) {
                for index in 0..<rows.rowCount {
                    pieces.append(
                        "\(rows.columns[0].integers[index]):\(rows.columns[1].integers[index])")
                }
                pieces += rows.invalid.map { _ in "!" }
                let reopened = try source(input, format: .csv(csv))
                split = try #require(try reopened.restore([split.position()]).first)
                #expect(try reopened.discover().isEmpty)
            }
            #expect(pieces == whole, "seed \(testSeed), round \(round)")
        }
    }

    @Test("go on in the middle of a portion that is more than a batch")
    func largePortion() throws {
        let input = GivenInput()
        input.give(.lines((0..<40_000).map { "\($0),\($0)" }))
        var csv = CSVOptions()
        csv.hasHeader = false
        var split = try #require(try source(input, format: .csv(csv)).discover().first)
        var counts: [Int] = []
        while case .rows(let rows) = try split.read(now: 0) {
            counts.append(rows.rowCount)
            let position = split.position()
            split = try #require(try source(input, format: .csv(csv)).restore([position]).first)
        }
        #expect(counts.count > 1 && counts.reduce(0, +) == 40_000)
    }

    @Test("tell how far event time has come, and never back")
    func reachedTime() throws {
        let input = GivenInput()
        let split = try #require(
            try source(input, format: .lines).discover().first)
        #expect(split.reachedTime == nil)
        input.reach(50)
        input.reach(20)
        #expect(split.reachedTime == 50)
    }

    @Test("a sink keeps rows as they are written, and none behind its checkpoint")
    func sink() throws {
        let schema = Schema([Field("n", .bigint)])
        let output = GivenOutput()
        let spec = SinkSpec(
            name: "s", input: NodeReference(node: "x", port: .main), inputSchema: schema,
            inputKey: [0], connector: .stdout, format: .json(JSONOptions()), mode: .changelog,
            deleteWhen: nil)
        func batch(_ values: [Int64], _ weights: [Int32]) -> Batch {
            var builder = ColumnBuilder(type: .bigint, capacity: values.count)
            for value in values { builder.append(integer: value) }
            let buffer = Buffer(capacity: weights.count * 4)
            for (index, weight) in weights.enumerated() {
                buffer.pointer(to: Int32.self)[index] = weight
            }
            return Batch(
                columns: [builder.finish()], rowtime: .repeating(0, count: values.count),
                rowCount: values.count, weights: buffer)
        }
        let sink = try GivenSink(spec, output: output)
        try sink.recover(token: nil)
        try sink.write(batch([1, 1, 2], [-1, 1, 1]))
        let kept = [
            #"{"_op":"update_before","n":1}"#, #"{"_op":"update_after","n":1}"#,
            #"{"_op":"insert","n":2}"#,
        ]
        #expect(output.rows == kept)
        let token = try sink.cut(epoch: 1).token
        try sink.write(batch([3], [1]))
        #expect(output.rows.count == 4)
        let next = try GivenSink(spec, output: output)
        try next.recover(token: token)
        #expect(output.rows == kept)
        // Of what other sinks keep there, nothing must be taken for theirs.
        #expect(FileSinkToken(token) == nil && TopicSinkToken(token) == nil)
    }
}
