import TestSupport
import Testing

@testable import Operators

@Suite("Key codec")
struct KeyCodecTests {
    private static let typeLists: [[ColumnType]] = [
        [.string], [.bigint], [.double], [.boolean], [.timestamp, .string], [.string, .string],
        [.decimal(precision: 38, scale: 2), .boolean, .string, .double], [],
        [.bytes], [.date, .array(.bigint), .structure([Field("a", .string)])],
    ]

    private static func value(_ type: ColumnType, using random: inout SeededRandom) -> Literal {
        if Int.random(in: 0..<5, using: &random) == 0 { return .null }
        switch type {
        case .boolean: return .boolean(Bool.random(using: &random))
        case .bigint: return .bigint([.min, -1, 0, 1, .max].randomElement(using: &random) ?? 0)
        case .timestamp: return .timestamp(Int64.random(in: -3...3, using: &random))
        case .interval: return .interval(Int64.random(in: -3...3, using: &random))
        case .double:
            return .double(
                [
                    -.infinity, -1.5, -.leastNonzeroMagnitude, 0, .leastNonzeroMagnitude, 2,
                    .infinity,
                ].randomElement(using: &random)
                    ?? 0)
        case .decimal(_, let scale):
            let bound = Int128(10).power(38) - 1
            let values: [Int128] = [-bound, -1, 0, 1, bound]
            return .decimal(unscaled: values.randomElement(using: &random) ?? 0, scale: scale)
        case .date: return .bigint(Int64.random(in: -3...3, using: &random))
        case .string, .bytes, .json, .array, .structure:
            let words = [
                "", "\u{0}", "\u{0}\u{0}", "a", "a\u{0}", "a\u{0}b", "a\u{1}", "ab", "b", "é",
                "\u{10FFFF}",
            ]
            return .text(words.randomElement(using: &random) ?? "")
        }
    }

    @Test("gives the values back, and bytes that sort as they do", arguments: typeLists)
    func roundTrip(_ types: [ColumnType]) throws {
        var random = SeededRandom(seed: testSeed)
        let codec = KeyCodec(types: types)
        let rows = (0..<120).map { _ in types.map { Self.value($0, using: &random) } }
        let columns = types.indices.map { index in
            ExpressionFixture.column(types[index], rows.map { $0[index] })
        }
        let keys = codec.encode(columns, count: rows.count)
        let views = (0..<rows.count).map { keys.strings[$0] }
        let decoded = try #require(codec.decode(views, retained: keys.retained))
        for (row, values) in rows.enumerated() {
            #expect(decoded.map { ExpressionFixture.literal($0, row) } == values)
            #expect(codec.isKey(views[row]))
        }
        for a in rows.indices {
            for b in rows.indices {
                let order = StringView.compare(views[a], views[b])
                let isNullAlone = types == [.string] && (rows[a] == [.null] || rows[b] == [.null])
                let isRight =
                    (order == 0) == (rows[a] == rows[b])
                    && (views[a] == views[b]) == (order == 0)
                    && (order == 0 || isNullAlone
                        || (order < 0) == Reference.isLess(rows[a], rows[b]))
                if !isRight { Issue.record("\(rows[a]) and \(rows[b]), seed \(testSeed)") }
            }
        }
    }

    @Test("treats both zeros as one and every NaN as one")
    func doubles() {
        let codec = KeyCodec(types: [.double])
        let column = ExpressionFixture.column(
            .double, [.double(0), .double(-0.0), .double(.nan), .double(-.nan)])
        let keys = codec.encode([column], count: 4)
        #expect(keys.strings[0] == keys.strings[1])
        #expect(keys.strings[2] == keys.strings[3])
        #expect(StringView.compare(keys.strings[0], keys.strings[2]) < 0)
    }

    @Test("refuses bytes that are no key, whatever they are", arguments: typeLists)
    func damaged(_ types: [ColumnType]) {
        guard types != [.string] else { return }
        var random = SeededRandom(seed: testSeed)
        let codec = KeyCodec(types: types)
        for _ in 0..<1_000 {
            let bytes = (0..<Int.random(in: 0...24, using: &random)).map { _ in
                [0, 1, 0xff, UInt8.random(in: 0...255, using: &random)].randomElement(
                    using: &random) ?? 0
            }
            // Exactly as long as the bytes, so that a read behind them is seen by a sanitizer.
            bytes.withUnsafeBufferPointer { bytes in
                let key = StringView(bytes)
                #expect(codec.isKey(key) == (codec.decode([key], retained: []) != nil))
            }
        }
    }
}

extension Int128 {
    fileprivate func power(_ count: Int) -> Int128 {
        (0..<count).reduce(1) { value, _ in value * self }
    }
}

@Suite("Key table")
struct KeyTableTests {
    @Test("finds what a dictionary finds, one by one and many at once")
    func agrees() {
        var random = SeededRandom(seed: testSeed)
        let table = KeyTable()
        var reference: [[UInt8]: Int32] = [:]
        for _ in 0..<6 {
            let keys = (0..<1_000).map { _ -> [UInt8] in
                let count = Int.random(in: 0...20, using: &random)
                return (0..<count).map { _ in UInt8.random(in: 0...3, using: &random) }
            }
            let column = ExpressionFixture.column(.string, keys.map { .string($0) })
            var found = [Int32](repeating: 0, count: keys.count)
            table.find(column.strings, rows: 0..<keys.count, into: &found)
            let expected = keys.map { reference[$0] ?? -1 }
            #expect(found == expected, "seed \(testSeed)")
            for (row, key) in keys.enumerated() {
                let view = column.strings[row]
                if let known = reference[key] {
                    if table.find(view) != known { Issue.record("\(key), seed \(testSeed)") }
                } else {
                    table.insert(view, hash: view.hash, value: Int32(reference.count))
                    reference[key] = Int32(reference.count)
                }
            }
        }
        #expect(table.count == reference.count)
        // Keys are copies that stand in the order in which they came.
        for index in 0..<table.count {
            let isInPlace = reference[Array(table.entries[index].key.bytes)] == Int32(index)
            if !isInPlace { Issue.record("entry \(index), seed \(testSeed)") }
        }
    }

    @Test("keeps keys apart whose hashes meet")
    func collisions() {
        let table = KeyTable()
        let keys = ["one", "two", "three", "a longer one", "a longer two", ""]
        let column = ExpressionFixture.column(.string, keys.map { .text($0) })
        for row in keys.indices { table.insert(column.strings[row], hash: 7, value: Int32(row)) }
        for row in keys.indices {
            #expect(table.find(column.strings[row], hash: 7) == Int32(row))
        }
        let other = ExpressionFixture.column(.string, [.text("six")])
        #expect(table.find(other.strings[0], hash: 7) == -1)
    }
}
