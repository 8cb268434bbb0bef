import TestSupport
import Testing

@testable import Operators

/// What an as-of join must give, from lists alone.
private struct AsOfModel {
    struct Version {
        var key: Int64
        var time: Int64
        var place: UInt64
        /// nil: the key has no row from then on.
        var rate: Int64?
    }
    var versions: [Version] = []

    /// The version of the key that is valid at a time: of equal times that of the highest place, and of
    /// one place the last.
    func rate(_ key: Literal, at asked: Literal) -> Int64? {
        guard case .bigint(let key) = key, case .timestamp(let time) = asked else { return nil }
        var best: Version?
        for version in versions where version.key == key && version.time <= time {
            if let known = best,
                (version.time, version.place) < (known.time, known.place)
            {
                continue
            }
            best = version
        }
        return best?.rate
    }
}

@Suite("As-of join")
struct AsOfJoinTests {
    private static let tableSchema = Schema.of(["id": .bigint, "rate": .bigint])
    private static let schema = Schema.of(["k": .bigint, "n": .bigint, "asked": .timestamp])

    private final class Node {
        var history: TableHistory
        var join: AsOfJoin
        private let settings: (String, Bool, Int64, Bool)
        private var keptRows = KeptState()
        private var keptVersions = KeptState()
        var watermark = Int64.min
        let output = Collected()

        init(asOf: String = "rowtime", isLeft: Bool = false, history: Int64, waits: Bool = true) {
            settings = (asOf, isLeft, history, waits)
            (self.history, join) = Self.make(settings)
        }

        private static func make(
            _ settings: (asOf: String, isLeft: Bool, history: Int64, waits: Bool)
        ) -> (TableHistory, AsOfJoin) {
            let history = TableHistory(
                schema: tableSchema, key: [0], historyMicros: settings.history)
            return (
                history,
                AsOfJoin(
                    history: history, historyMicros: settings.history,
                    match: [Plans.bind("k", schema)], asOf: Plans.bind(settings.asOf, schema),
                    tableColumns: [1], keepsUnmatched: settings.isLeft, waits: settings.waits,
                    inputSchema: schema)
            )
        }

        func add(_ versions: [AsOfModel.Version]) {
            for version in versions {
                let batch = Batch(
                    [
                        Row(
                            values: [
                                .bigint(version.key), version.rate.map { .bigint($0) } ?? .null,
                            ], time: version.time)
                    ], tableSchema)
                history.add(
                    batch.columns, times: batch.rowtime, count: 1,
                    isDeletion: [version.rate == nil ? 1 : 0], place: version.place)
            }
        }

        func process(_ rows: [Row], padding: Bool = false) {
            join.process(
                Batch(rows, schema, padding: padding), input: 0, now: 0, to: output)
        }

        func advance(to watermark: Int64) {
            guard watermark > self.watermark else { return }
            let before = output.rows.count
            let passed = self.passed
            join.advance(to: watermark, now: 0, to: output)
            for row in output.rows[before...] {
                #expect(row.time >= passed, "older than the operator's watermark")
            }
            self.watermark = watermark
            #expect(self.passed >= passed)
        }

        /// What has been passed on.
        var passed: Int64 { watermark == .min ? .min : watermark - join.holdMicros }

        /// Captures, throws everything away, and restores.
        func restart(_ random: inout SeededRandom) throws {
            var rows = StateChanges()
            join.capture(into: &rows)
            keptRows.apply(rows)
            var versions = StateChanges()
            history.capture(into: &versions)
            keptVersions.apply(versions)
            (history, join) = Self.make(settings)
            for (name, value) in keptVersions.entries.shuffled(using: &random) {
                try name.key.withUnsafeBufferPointer { key in
                    try value.withUnsafeBufferPointer { value in
                        try history.restore(
                            StateEntry(part: name.part, time: name.time, key: key, value: value))
                    }
                }
            }
            try keptRows.restore(into: join, watermark: watermark, using: &random)
            var more = StateChanges()
            join.capture(into: &more)
            history.capture(into: &more)
            #expect(more.isEmpty)
        }
    }

    private static func row(_ key: Int64?, _ n: Int64, at time: Int64, asked: Int64? = nil) -> Row {
        Row(
            values: [
                key.map { .bigint($0) } ?? .null, .bigint(n),
                asked.map { .timestamp($0) } ?? .null,
            ], time: time)
    }

    private static func version(_ key: Int64, _ time: Int64, _ rate: Int64?, place: UInt64 = 0)
        -> AsOfModel.Version
    {
        .init(key: key, time: time, place: place, rate: rate)
    }

    @Test("gives each row the version of its time, wherever the versions come in between")
    func versions() {
        let node = Node(history: 1000)
        node.add([Self.version(1, 10, 100), Self.version(1, 30, 300)])
        node.process([
            Self.row(1, 1, at: 35), Self.row(1, 2, at: 20), Self.row(1, 3, at: 9),
            Self.row(2, 4, at: 20),
        ])
        #expect(node.output.rows.isEmpty)
        node.add([Self.version(1, 20, 200), Self.version(1, 33, nil)])
        node.advance(to: 35)
        #expect(
            node.output.rows.map { [$0.values[1], $0.values[3]] } == [[.bigint(2), .bigint(200)]])
        #expect(node.output.unmatched.map { $0.values[1] } == [.bigint(3), .bigint(4)])
        node.advance(to: 36)
        #expect(node.output.unmatched.last?.values[1] == .bigint(1), "it was deleted by then")
    }

    @Test("waits for nothing where the table was read to its end")
    func complete() {
        let node = Node(isLeft: true, history: 0, waits: false)
        node.add([Self.version(1, 10, 100)])
        node.process([Self.row(1, 1, at: 50), Self.row(1, 2, at: 9), Self.row(1, 3, at: 10)])
        #expect(
            node.output.rows.map { $0.values[3] } == [.bigint(100), .null, .bigint(100)])
        #expect(node.output.unmatched.count == 1)
    }

    @Test("of equal times the later row stands, and between places that of the higher one")
    func ties() {
        let node = Node(history: 1000, waits: false)
        node.add([
            Self.version(1, 10, 1, place: 5), Self.version(1, 10, 2, place: 5),
            Self.version(1, 10, 3, place: 4),
        ])
        node.process([Self.row(1, 1, at: 10)])
        #expect(node.output.rows.map { $0.values[3] } == [.bigint(2)])
    }

    @Test("lets late rows through at once, and keeps what their split says of them")
    func late() {
        let node = Node(history: 1000)
        node.add([Self.version(1, 10, 100)])
        node.advance(to: 50)
        var row = Self.row(1, 1, at: 20)
        row.watermark = 40
        node.process([row])
        #expect(node.output.rows.count == 1)
        node.process([Self.row(1, 2, at: 49), Self.row(1, 3, at: 50)])
        #expect(node.output.rows.count == 2)
    }

    @Test("counts rows apart that ask for what is no longer kept")
    func forgotten() {
        let node = Node(asOf: "asked", history: 20)
        node.add([Self.version(1, 10, 1), Self.version(1, 20, 2), Self.version(1, 90, 3)])
        node.advance(to: 100)
        #expect(node.history.count == 2)
        node.process([
            Self.row(1, 1, at: 99, asked: 15), Self.row(1, 2, at: 99, asked: 70),
            Self.row(2, 3, at: 99, asked: 95),
        ])
        #expect(node.output.rows.map { $0.values[3] } == [.bigint(2)])
        #expect(node.output.unmatched.map { $0.values[1] } == [.bigint(1), .bigint(3)])
        #expect(node.join.forgottenCount == 1)
        node.add([Self.version(1, 95, nil), Self.version(1, 12, 9)])
        node.advance(to: 200)
        #expect(node.history.count == 0, "a deletion at the beginning says nothing")
    }

    @Test("holds its watermark for rows that ask for a time to come")
    func hold() {
        let node = Node(asOf: "asked", history: 1000)
        node.process([Self.row(1, 1, at: 10, asked: 40), Self.row(1, 2, at: 20, asked: 15)])
        node.advance(to: 30)
        #expect(node.passed == 10)
        #expect(node.output.unmatched.count == 1)
        node.add([Self.version(1, 40, 4)])
        node.advance(to: 41)
        #expect(node.output.rows.map { $0.values[3] } == [.bigint(4)])
        #expect(node.passed == 41)
    }

    @Test(
        "agrees with lists, whatever comes first, with restarts anywhere",
        arguments: [("rowtime", 0), ("asked", 60)])
    func random(_ asOf: String, _ history: Int64) throws {
        for round in 0..<60 {
            let seed = testSeed &+ UInt64(round)
            var random = SeededRandom(seed: seed)
            let isLeft = Bool.random(using: &random)
            let node = Node(asOf: asOf, isLeft: isLeft, history: history)
            var model = AsOfModel()
            var rows: [Row] = []
            var left = (highest: Int64(0), watermark: Int64.min)
            var table = (highest: Int64(0), watermark: Int64.min)
            for _ in 0..<60 {
                switch Int.random(in: 0..<5, using: &random) {
                case 0, 1:
                    let added = (0..<Int.random(in: 1...4, using: &random)).map { _ in
                        table.highest += Int64.random(in: 0...4, using: &random)
                        return Self.version(
                            Int64.random(in: 0...2, using: &random),
                            table.highest - Int64.random(in: 0...6, using: &random),
                            Int.random(in: 0..<5, using: &random) == 0
                                ? nil : Int64.random(in: 0...999, using: &random),
                            place: UInt64.random(in: 0...1, using: &random))
                    }
                    model.versions += added
                    node.add(added)
                    table.watermark = table.highest - 6
                case 2, 3:
                    let batch = (0..<Int.random(in: 1...5, using: &random)).map { n -> Row in
                        left.highest += Int64.random(in: 0...4, using: &random)
                        let time = left.highest - Int64.random(in: 0...5, using: &random)
                        let asked =
                            Int.random(in: 0..<8, using: &random) == 0
                            ? nil : time + Int64.random(in: -50...20, using: &random)
                        let key = Int64.random(in: 0...3, using: &random)
                        return Self.row(
                            key == 3 && n == 0 ? nil : key, Int64(rows.count + n), at: time,
                            asked: asked)
                    }
                    rows += batch
                    node.process(batch, padding: Bool.random(using: &random))
                    left.watermark = left.highest - 5
                default: try node.restart(&random)
                }
                node.advance(to: min(left.watermark, table.watermark))
            }
            try node.restart(&random)
            node.advance(to: .max)
            func asked(_ row: Row) -> Literal {
                asOf == "rowtime" ? .timestamp(row.time) : row.values[2]
            }
            func due(_ row: Row) -> Int64 {
                if case .timestamp(let time) = asked(row) { return max(row.time, time) }
                return row.time
            }
            let ordered = rows.enumerated().sorted {
                (due($0.element), $0.element.time, $0.offset)
                    < (due($1.element), $1.element.time, $1.offset)
            }.map(\.element)
            var expected: [Row] = []
            var unmatched: [Row] = []
            for row in ordered {
                let rate = model.rate(row.values[0], at: asked(row))
                if rate == nil { unmatched.append(row) }
                if rate == nil && !isLeft { continue }
                var joined = row
                joined.values.append(rate.map { .bigint($0) } ?? .null)
                expected.append(joined)
            }
            #expect(node.output.rows == expected, "seed \(seed)")
            #expect(node.output.unmatched == unmatched, "seed \(seed)")
            #expect(node.join.stateSize.entries == 0)
        }
    }

    @Test("a key that was absent once and is back was never gone")
    func absentOnce() {
        let node = Node(history: 1000, waits: false)
        node.add([Self.version(1, 10, 1), Self.version(2, 10, 2)])
        node.history.removeAbsent(at: 50) { _ in false }
        node.add([Self.version(1, 10, 1)])
        node.process([Self.row(1, 1, at: 60), Self.row(2, 2, at: 60)])
        #expect(node.output.rows.map { $0.values[1] } == [.bigint(1)])
    }

    @Test("does not wait for times far ahead of the clock, which have no partner")
    func farAhead() {
        let node = Node(asOf: "asked", history: 1000, waits: true)
        node.add([Self.version(1, 10, 1)])
        let rows = [Int64.max / 2, 90].enumerated().map { index, asked in
            Row(values: [.bigint(1), .bigint(Int64(index)), .timestamp(asked)], time: 60)
        }
        node.process(rows)
        node.advance(to: 1000)
        #expect(node.output.rows.map { $0.values[1] } == [.bigint(1)])
        #expect(node.output.unmatched.map { $0.values[1] } == [.bigint(0)])
        #expect(node.join.holdMicros == 0)
    }

    @Test("ends what a file no longer has, and refuses state that is none")
    func absence() throws {
        let node = Node(history: 1000, waits: false)
        node.add([Self.version(1, 10, 1), Self.version(2, 10, 2)])
        node.history.removeAbsent(at: 50) { _ in false }
        node.process([Self.row(1, 1, at: 49), Self.row(1, 2, at: 50), Self.row(2, 3, at: 60)])
        #expect(node.output.rows.map { $0.values[1] } == [.bigint(1)])
        var changes = StateChanges()
        node.history.capture(into: &changes)
        var kept = KeptState()
        kept.apply(changes)
        let fresh = TableHistory(schema: Self.tableSchema, key: [0], historyMicros: 0)
        for (name, value) in kept.entries {
            for length in 0..<value.count where value[8] == 0 || length < 9 {
                _ = name.key.withUnsafeBufferPointer { key in
                    value[..<length].withUnsafeBufferPointer { part in
                        #expect(throws: StateError.self) {
                            try fresh.restore(
                                StateEntry(
                                    part: name.part, time: name.time, key: key, value: part))
                        }
                    }
                }
            }
        }
    }
}
