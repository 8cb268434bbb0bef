import Config
import Operators
import TestSupport
import Testing

@testable import Connectors

@Suite("Nexmark source")
struct NexmarkSourceTests {
    private func split(
        _ kind: NexmarkOptions.Kind, events: Int64 = 20_000, seed: UInt64 = 1,
        rowsMax: Int64? = nil, only: [NexmarkOptions.Column]? = nil,
        rate: Int64 = 10_000
    ) throws -> NexmarkSplit {
        let fields = kind.fields.filter { field in
            only?.contains { $0.rawValue == field.name } ?? true
        }
        return try NexmarkSplit(
            NexmarkOptions(kind: kind, seed: seed, events: events, rate: rate), fields: fields,
            metadata: RowMetadata(fields: fields, columns: []), rowsMax: rowsMax)
    }

    private func rows(
        _ kind: NexmarkOptions.Kind, events: Int64 = 20_000, only: [NexmarkOptions.Column]
    ) throws -> [[Int64]] {
        try drain(split(kind, events: events, only: only)).rows.map { row in
            row.compactMap { $0.flatMap { Int64($0) } }
        }
    }

    @Test(
        "has one person to three auctions and 46 bids, however many events there are",
        arguments: [
            (Int64(0), [0, 0, 0]), (1, [1, 0, 0]), (3, [1, 2, 0]), (4, [1, 3, 0]),
            (7, [1, 3, 3]), (50, [1, 3, 46]), (51, [2, 3, 46]), (20_000, [400, 1200, 18_400]),
        ] as [(Int64, [Int])])
    func proportions(_ events: Int64, _ expected: [Int]) throws {
        let counts = try NexmarkOptions.Kind.allCases.map { kind in
            try drain(split(kind, events: events, only: [.dateTime])).rows.count
        }
        #expect(counts == expected)
    }

    @Test("is one stream in three views: times rise together and identifiers agree")
    func agreement() throws {
        let persons = try rows(.person, only: [.id, .dateTime])
        let auctions = try rows(.auction, only: [.id, .dateTime, .expires, .seller, .category])
        let bids = try rows(.bid, only: [.auction, .bidder, .price, .dateTime])
        #expect(persons.map { $0[0] } == Array(1000..<1400))
        #expect(auctions.map { $0[0] } == Array(1000..<2200))
        var announced = 0
        var people = 0
        var wrong: [[Int64]] = []
        for bid in bids {
            while announced < auctions.count, auctions[announced][1] <= bid[3] { announced += 1 }
            while people < persons.count, persons[people][1] <= bid[3] { people += 1 }
            // At most ten ahead of what has been announced by then.
            let isRight =
                bid[0] >= 1000 && bid[0] < 1000 + Int64(announced) + 10 && bid[1] >= 1000
                && bid[1] < 1000 + Int64(people) + 10 && (100...100_000_000).contains(bid[2])
            if !isRight { wrong.append(bid) }
        }
        #expect(wrong.isEmpty)
        for auction in auctions {
            let open = auction[2] - auction[1]
            let isRight =
                open > 0 && open <= 2 * 167_000 && (10...14).contains(auction[4])
                && auction[3] >= 1000 && auction[3] < 1410
            if !isRight { wrong.append(auction) }
        }
        #expect(wrong.isEmpty)
    }

    @Test("is skewed towards the hot auctions, sellers, bidders and channels")
    func skew() throws {
        let bids = try drain(split(.bid, only: [.auction, .bidder, .channel])).rows
        func share(_ column: Int, _ isHot: (String) -> Bool) -> Double {
            Double(bids.count { isHot($0[column] ?? "") }) / Double(bids.count)
        }
        // A few of the others hit a hot one by chance.
        #expect((0.49...0.53).contains(share(0) { $0.hasSuffix("00") }))
        #expect((0.74...0.78).contains(share(1) { $0.hasSuffix("01") }))
        #expect((0.48...0.52).contains(share(2) { !$0.hasPrefix("channel-") }))
        let sellers = try drain(split(.auction, only: [.seller])).rows
        let hot = sellers.count { $0[0]?.hasSuffix("00") ?? false }
        #expect((0.70...0.82).contains(Double(hot) / Double(sellers.count)))
    }

    @Test(
        "gives the same rows however they are cut, and others for another seed",
        arguments: NexmarkOptions.Kind.allCases)
    func deterministic(_ kind: NexmarkOptions.Kind) throws {
        let whole = try drain(split(kind, events: 2000)).rows
        for rowsMax: Int64 in [1, 7, 46, 1000] {
            #expect(try drain(split(kind, events: 2000, rowsMax: rowsMax)).rows == whole)
        }
        // More events are more rows, and none of the first changes.
        #expect(try drain(split(kind, events: 3000)).rows.starts(with: whole))
        let other = try drain(split(kind, events: 2000, seed: 2)).rows
        #expect(other.count == whole.count)
        #expect(!zip(whole, other).contains { $0 == $1 })
    }

    @Test(
        "goes on where it was, by the seed, rate and start of its position",
        arguments: NexmarkOptions.Kind.allCases)
    func restart(_ kind: NexmarkOptions.Kind) throws {
        let whole = try drain(split(kind, events: 3000, rowsMax: 7)).rows
        let first = try split(kind, events: 3000, rowsMax: 7)
        for reads in [1, 2, 3] {
            let begun = try drain(first, readsMax: reads).rows
            let again = try split(kind, events: 3000, seed: 99, rate: 3)
            try again.restore(first.position())
            let made = Int(again.progress.done)
            #expect(begun.count == 7 * reads)
            #expect(try drain(again).rows == Array(whole[made...]))
            #expect(again.progress.total == Int64(whole.count))
        }
        #expect(throws: ConnectorError.self) {
            try split(kind).restore(SplitPosition(id: "nexmark", bytes: [9]))
        }
    }

    @Test("gives a column the same values when others are left out")
    func pruned() throws {
        let all = try drain(split(.bid, events: 1000)).rows
        let some = try drain(split(.bid, events: 1000, only: [.price, .url])).rows
        #expect(some == all.map { [$0[2], $0[4]] })
    }

    @Test("goes by its rate in event time")
    func rate() throws {
        let rows = try drain(split(.person, events: 200, only: [.dateTime], rate: 50)).rows
        let start = NexmarkOptions.defaultStartMicros
        #expect(rows.map { $0[0] } == (0..<4).map { String(start + $0 * 1_000_000) })
    }

    @Test("gives the rows that docs/nexmark.md defines", arguments: NexmarkOptions.Kind.allCases)
    func definition(_ kind: NexmarkOptions.Kind) throws {
        let text = try #require(golden("nexmark/rows.txt"), "scripts/nexmark-oracle.py writes it")
        let expected = text.split(separator: "\n").filter { $0.hasPrefix("\(kind.rawValue) ") }
        let drained = try drain(split(kind, events: 20_000, rate: 200)).rows
        let isTime = kind.columns.map { $0.type == .timestamp }
        let lines = drained.map { row in
            zip(row, isTime).map { value, isTime in
                // Milliseconds, as the suite has them.
                isTime ? String((value ?? "").dropLast(3)) : value ?? ""
            }.joined(separator: "|")
        }
        for (line, expected) in zip(lines, expected.dropLast()) {
            #expect("\(kind.rawValue) \(line)" == expected)
        }
        let checksum = lines.reduce(UInt64(0)) { $0 &+ MD5.low64(Array($1.utf8)) }
        let hexadecimal = String(checksum, radix: 16)
        let padded = String(repeating: "0", count: 16 - hexadecimal.count) + hexadecimal
        #expect("\(kind.rawValue) \(lines.count):\(padded)" == expected.last.map(String.init))
    }

    @Test("refuses a field that is none of its columns")
    func foreignField() throws {
        let fields = [FieldSpec(name: "price", type: .bigint, path: ["price"])]
        #expect(throws: ConnectorError.self) {
            try NexmarkSource(
                NexmarkOptions(kind: .person, seed: 1, events: 1), fields: fields,
                metadata: RowMetadata(fields: fields, columns: []))
        }
    }
}
