import TestSupport
import Testing

@testable import Operators

/// The table that DISTINCT calls share, against a set for each group and call.
@Suite("Values seen by DISTINCT")
struct DistinctValuesTests {
    private struct Seen: Hashable {
        let group: Int
        let call: Int
        let number: Int64
    }

    /// A row: its group, its value (nil for null) and the bits of the calls that count it.
    private struct Asked {
        let group: Int32
        let number: Int64?
        let asking: UInt32
    }

    private static func text(_ number: Int64) -> [UInt8] {
        // Of several lengths, one of them 0.
        number == 0
            ? [] : Array(String(repeating: "v", count: Int(number % 19)).utf8) + [UInt8(number)]
    }

    private static func column(_ rows: [Asked], _ type: ColumnType) -> Column {
        var builder = ColumnBuilder(type: type, capacity: rows.count)
        var arena = ByteArena()
        for row in rows {
            guard let number = row.number else {
                builder.appendNull()
                continue
            }
            if type == .bigint {
                builder.append(integer: number)
            } else {
                let bytes = text(number)
                bytes.withUnsafeBufferPointer {
                    builder.append(
                        view: arena.store($0.baseAddress ?? StringView.empty.base, count: $0.count))
                }
            }
        }
        return builder.finish(retained: arena.blocks)
    }

    private static let calls = [1, 3, 4]

    /// What is new to whom, the slow way.
    private static func expected(_ rows: [Asked], _ seen: inout Set<Seen>) -> [UInt32] {
        rows.map { row in
            guard row.group >= 0, let number = row.number else { return 0 }
            var fresh: UInt32 = 0
            for call in 0..<calls.count where row.asking & (1 << UInt32(call)) != 0 {
                let name = Seen(group: Int(row.group), call: call, number: number)
                if seen.insert(name).inserted { fresh |= 1 << UInt32(call) }
            }
            return fresh
        }
    }

    private static func add(_ rows: [Asked], to set: DistinctValues, _ type: ColumnType) -> [UInt32]
    {
        let groups = rows.map(\.group)
        var asking = rows.map(\.asking)
        let column = column(rows, type)
        asking.withUnsafeMutableBufferPointer { asking in
            guard let base = asking.baseAddress else { return }
            set.add(groups, count: rows.count, column: column, asking: base)
        }
        return asking
    }

    /// Puts what is new in a state, under the groups' numbers as keys.
    private static func capture(_ set: DistinctValues, groups: Int, into state: inout KeptState) {
        var changes = StateChanges()
        changes.retain([set.beginCapture((0..<Int32(groups)).map { $0 })])
        for group in 0..<groups {
            let key = [UInt8(group)]
            key.withUnsafeBufferPointer {
                set.capture(group: group, key: StringView($0), time: Int64(group), into: &changes)
            }
        }
        state.apply(changes)
    }

    private static func restored(
        _ state: KeptState, groups: Int, _ type: ColumnType
    ) throws -> DistinctValues {
        let set = DistinctValues(type: type, calls: calls)
        set.reserve(groups)
        for (name, value) in state.entries {
            let isTaken = name.key.withUnsafeBufferPointer { key -> Bool in
                guard let (group, call, rest) = ValueSets.split(key) else { return false }
                return value.withUnsafeBufferPointer {
                    set.restore(rest, value: $0, call: call, group: Int(group.base[0]))
                }
            }
            try #require(isTaken)
        }
        return set
    }

    @Test(
        "tells each call what it has not seen, over checkpoints, restarts and groups that go",
        arguments: [ColumnType.bigint, .string])
    func random(_ type: ColumnType) throws {
        let seed = testSeed
        var random = SeededRandom(seed: seed)
        let groupCount = 6
        var set = DistinctValues(type: type, calls: Self.calls)
        set.reserve(groupCount)
        var seen: Set<Seen> = []
        var state = KeptState()
        for step in 0..<120 {
            let values = Int64.random(in: 1...90, using: &random)
            let rows = (0..<Int.random(in: 0...70, using: &random)).map { _ in
                Asked(
                    group: Int32.random(in: -1..<Int32(groupCount), using: &random),
                    number: Int.random(in: 0..<9, using: &random) == 0
                        ? nil : Int64.random(in: 0..<values, using: &random),
                    asking: UInt32.random(in: 0..<8, using: &random))
            }
            let expected = Self.expected(rows, &seen)
            #expect(Self.add(rows, to: set, type) == expected, "seed \(seed), step \(step)")
            if Int.random(in: 0..<4, using: &random) == 0 {
                Self.capture(set, groups: groupCount, into: &state)
                if Bool.random(using: &random) {
                    set = try Self.restored(state, groups: groupCount, type)
                }
            }
            if Int.random(in: 0..<5, using: &random) == 0 {
                // As a window that has fired: its entries go by their time.
                let group = Int.random(in: 0..<groupCount, using: &random)
                set.reset(group)
                seen = seen.filter { $0.group != group }
                state.remove { $0.time == Int64(group) }
            }
        }
    }

    @Test("a checkpoint has one entry for a group, and none for one that has seen nothing new")
    func entries() {
        let set = DistinctValues(type: .bigint, calls: Self.calls)
        set.reserve(2)
        let rows = (0..<500).map { Asked(group: 0, number: $0 % 100, asking: 7) }
        _ = Self.add(rows, to: set, .bigint)
        var state = KeptState()
        Self.capture(set, groups: 2, into: &state)
        #expect(state.entries.count == 1)
        #expect(state.entries.values.first?.count == 100 * 12)
        _ = Self.add(rows, to: set, .bigint)
        Self.capture(set, groups: 2, into: &state)
        #expect(state.entries.count == 1)
    }

    @Test("takes back the entries of earlier checkpoints, one for each value and call")
    func earlierFormat() throws {
        let set = DistinctValues(type: .bigint, calls: Self.calls)
        set.reserve(1)
        let keys = KeyCodec(types: [.bigint]).encode(
            [Self.column([Asked(group: 0, number: 7, asking: 0)], .bigint)], count: 1)
        let none = UnsafeBufferPointer<UInt8>(start: nil, count: 0)
        #expect(set.restore(keys.strings[0], value: none, call: 3, group: 0))
        #expect(!set.restore(keys.strings[0], value: none, call: 2, group: 0))
        let asked = Self.add([Asked(group: 0, number: 7, asking: 7)], to: set, .bigint)
        #expect(asked == [0b101])
    }

    @Test("refuses an entry that is cut or names other calls")
    func damaged() {
        let set = DistinctValues(type: .string, calls: Self.calls)
        set.reserve(1)
        let name = [UInt8](repeating: 0, count: 8)
        func isTaken(_ value: [UInt8], call: Int = 1) -> Bool {
            name.withUnsafeBufferPointer { name in
                value.withUnsafeBufferPointer {
                    set.restore(StringView(name), value: $0, call: call, group: 0)
                }
            }
        }
        #expect(isTaken([1, 0, 0, 0, 1, 0, 0, 0, 0x61]))
        #expect(!isTaken([1, 0, 0, 0, 1, 0, 0, 0, 0x61], call: 3))
        #expect(!isTaken([8, 0, 0, 0, 1, 0, 0, 0, 0x61]))
        #expect(!isTaken([0, 0, 0, 0, 1, 0, 0, 0, 0x61]))
        #expect(!isTaken([1, 0, 0, 0, 2, 0, 0, 0, 0x61]))
        #expect(!isTaken([1, 0, 0, 0, 255, 255, 255, 255, 0x61]))
        #expect(!isTaken([1, 0]))
    }
}
