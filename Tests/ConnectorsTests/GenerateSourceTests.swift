import Config
import Operators
import TestSupport
import Testing

@testable import Connectors

@Suite("Generate source")
struct GenerateSourceTests {
    static let columns: [GenerateOptions.Column] = [
        .sequence(start: 5), .integer(low: -3, high: 3), .double(low: 1, high: 2), .boolean,
        .choice([Array("a".utf8), Array("bb".utf8)]), .key(prefix: Array("k-".utf8), count: 3),
        .key(prefix: Array("big-".utf8), count: 1_000_000_000), .uuid(count: 4), .uuid(count: nil),
        .time(startMicros: nil, stepMicros: 10, jitterMicros: 5), .integer(low: .min, high: .max),
    ]
    static let types: [ColumnType] = [
        .bigint, .bigint, .double, .boolean, .string, .string, .string, .string, .string,
        .timestamp, .bigint,
    ]

    private func source(
        count: Int64? = 9000, rate: Double? = nil, only: [Int]? = nil, seed: UInt64 = 7
    ) throws -> GenerateSource {
        let fields = (only ?? Array(Self.columns.indices)).map { index in
            FieldSpec(
                name: "c\(index)", type: Self.types[index], path: ["c\(index)"], ordinal: index)
        }
        return try GenerateSource(
            GenerateOptions(seed: seed, count: count, rate: rate, columns: Self.columns),
            fields: fields, metadata: RowMetadata(fields: fields, columns: []))
    }

    private func split(_ source: GenerateSource) throws -> any SourceSplit {
        try #require(try source.discover().first)
    }

    @Test("gives the same rows for the same seed, and others for another")
    func deterministic() throws {
        let first = try drain(split(try source()), now: 1000)
        let second = try drain(split(try source()), now: 1000)
        #expect(first.rows.count == 9000)
        #expect(first.rows == second.rows)
        #expect(first.hasEnded)
        #expect(first.positions.last == 8999)
        let other = try drain(split(try source(seed: 8)), now: 1000)
        #expect(first.rows[0] != other.rows[0])
        // Held here so that an upgrade does not change what people have generated.
        #expect(
            first.rows[2].compactMap { $0 } == [
                "7", "3", "1.2782005908968055", "false", "a", "k-0", "big-433127030",
                "3be93a50-2059-4490-a7c2-7f2173505399", "86686654-5e6d-4772-83a9-fb04622411e2",
                "1019", "-8266126824548063557",
            ])
    }

    @Test("keeps to the columns' bounds")
    func bounds() throws {
        let rows = try drain(split(try source()), now: 1000).rows
        var keys: Set<String> = []
        var uuids: Set<String> = []
        var fresh: Set<String> = []
        for (index, row) in rows.enumerated() {
            let values = row.compactMap { $0 }
            guard values.count == Self.columns.count, let integer = Int64(values[1]),
                let double = Double(values[2]), let time = Int64(values[9])
            else {
                Issue.record("row \(index): \(row)")
                return
            }
            let isRight =
                values[0] == String(5 + index) && (-3...3).contains(integer)
                && (1..<2).contains(double) && ["a", "bb"].contains(values[4])
                && (1000 + Int64(index) * 10 - 4...1000 + Int64(index) * 10).contains(time)
                && values[6].hasPrefix("big-") && values[8].utf8.count == 36
                && Array(values[8].utf8)[14] == 0x34
            if !isRight { Issue.record("row \(index): \(row)") }
            keys.insert(values[5])
            uuids.insert(values[7])
            fresh.insert(values[8])
        }
        #expect(keys == ["k-0", "k-1", "k-2"])
        #expect(uuids.count == 4)
        #expect(fresh.count == rows.count)
    }

    @Test("gives a column the same values when others are left out")
    func pruned() throws {
        let all = try drain(split(try source()), now: 1000).rows
        let some = try drain(split(try source(only: [6, 1])), now: 1000).rows
        #expect(some == all.map { [$0[6], $0[1]] })
    }

    @Test("goes on where it was, with the same times")
    func restart() throws {
        let whole = try drain(split(try source()), now: 1000)
        let first = try split(try source())
        let begin = try drain(first, now: 1000, readsMax: 1)
        let again = try source()
        let restored = try #require(try again.restore([first.position()]).first)
        let rest = try drain(restored, now: 99_000)
        #expect(begin.rows + rest.rows == whole.rows)
        #expect(try again.discover().isEmpty)
        #expect(restored.progress.done == 9000)
    }

    @Test("keeps to a rate, and makes up for at most a second")
    func rate() throws {
        let split = try split(try source(count: nil, rate: 1000, only: [0]))
        var rows = 0
        var now: Int64 = 0
        while now < 2_000_000 {
            switch try split.read(now: now) {
            case .rows(let read): rows += read.rowCount
            case .wait(let until):
                let next = try #require(until)
                #expect(next > now && next <= now + 25_000)
                now = next
            case .ended: Issue.record("ended")
            }
        }
        #expect((1980...2001).contains(rows))
        rows = 0
        now += 3_600_000_000
        while case .rows(let read) = try split.read(now: now) { rows += read.rowCount }
        #expect((900...1001).contains(rows))
        #expect(split.progress.total == nil)
    }

    @Test("keeps to slow rates too")
    func slowRate() throws {
        let split = try split(try source(count: 3, rate: 0.5, only: [0]))
        var times: [Int64] = []
        var now: Int64 = 0
        loop: while times.count < 10 {
            switch try split.read(now: now) {
            case .rows(let read): for _ in 0..<read.rowCount { times.append(now) }
            case .wait(let until): now = try #require(until)
            case .ended: break loop
            }
        }
        #expect(times == [0, 2_000_000, 4_000_000])
    }

    @Test("refuses a column of another type than its field")
    func otherType() throws {
        let field = FieldSpec(name: "c", type: .string, path: ["c"])
        #expect(throws: ConnectorError.self) {
            try GenerateSource(
                GenerateOptions(seed: 1, count: 1, rate: nil, columns: [.boolean]),
                fields: [field], metadata: RowMetadata(fields: [field], columns: []))
        }
    }
}
