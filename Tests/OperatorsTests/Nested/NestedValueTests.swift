import TestSupport
import Testing

@testable import Operators

@Suite("Values of arrays and structs")
struct NestedValueTests {
    private static func bytes(_ json: String, _ type: ColumnType) -> [UInt8]? {
        var reading = JSONReading(type)
        return Array(json.utf8).withUnsafeBufferPointer { reading.bytes($0) }
    }

    private static func json(_ bytes: [UInt8], _ type: ColumnType) -> String {
        var writing = JSONWriting()
        bytes.withUnsafeBufferPointer { writing.append(StringView($0), type) }
        return String(decoding: writing.text, as: UTF8.self)
    }

    @Test("are the same bytes exactly when they are equal, and give their JSON back")
    func canonical() throws {
        for seed in testSeed..<testSeed + 60 {
            var maker = RandomNested(random: SeededRandom(seed: seed))
            let type = ColumnType.array(maker.type(depth: 3))
            var known: [Tree: [UInt8]] = [:]
            for _ in 0..<20 {
                let tree = maker.tree(type)
                if tree == .null { continue }
                let text = RandomNested.json(tree, type)
                let bytes = try #require(Self.bytes(text, type), "seed \(seed): \(text)")
                #expect(Self.json(bytes, type) == text, "seed \(seed)")
                let naughty = RandomNested.json(tree, type, isNaughty: true)
                #expect(Self.bytes(naughty, type) == bytes, "seed \(seed): \(naughty)")
                for (other, otherBytes) in known {
                    #expect((other == tree) == (otherBytes == bytes), "seed \(seed): \(text)")
                }
                known[tree] = bytes
            }
        }
    }

    @Test("give flat columns of their elements that make the same arrays again")
    func flat() throws {
        for seed in testSeed..<testSeed + 40 {
            var maker = RandomNested(random: SeededRandom(seed: seed))
            let element = maker.type(depth: 2)
            let type = ColumnType.array(element)
            let literals = (0..<15).map { _ -> Literal in
                let tree = maker.tree(type)
                return tree == .null
                    ? .null : .string(Self.bytes(RandomNested.json(tree, type), type) ?? [])
            }
            let column = ExpressionFixture.column(type, literals)
            let flat = try #require(FlatElements(column))
            #expect(flat.values.type == element && flat.starts.count == 16)
            for row in literals.indices {
                var writer = NestedWriter()
                for index in flat.starts[row]..<flat.starts[row + 1] {
                    writer.append(flat.values, Int(index))
                }
                writer.endArray()
                let expected = literals[row] == .null ? .string([0]) : literals[row]
                #expect(Literal.string(writer.bytes) == expected, "seed \(seed)")
            }
        }
    }

    @Test("that are damaged read as something, within their bounds")
    func damaged() throws {
        var random = SeededRandom(seed: testSeed)
        for seed in testSeed..<testSeed + 200 {
            var maker = RandomNested(random: SeededRandom(seed: seed))
            let type = ColumnType.structure([Field("x", .array(maker.type(depth: 2)))])
            var bytes = Self.bytes(RandomNested.json(maker.tree(type), type), type) ?? [1, 1, 2, 0]
            for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.removeSubrange(place...)
                default: bytes.insert(UInt8.random(in: 0...3, using: &random), at: place)
                }
            }
            _ = Self.json(bytes, type)
            let column = ExpressionFixture.column(type, [.string(bytes), .null])
            let scope = ExpressionScope(owner: "input", schema: Schema([Field("s", type)]))
            let time = ExpressionFixture.column(.timestamp, [.timestamp(0), .timestamp(0)])
            let batch = Batch(columns: [column], rowtime: time, rowCount: 2)
            for text in [
                "s.x", "s.x[1]", "cardinality(s.x)", "array_sort(s.x)", "array_distinct(s.x)",
                "array_max(s.x)", "s.x || s.x", "array_join(s.x, ',')", "s::string", "s = s",
                "slice(s.x, 1, 2)", "s::json ->> 'x'",
            ] {
                _ = ExpressionFixture.outcome(text, in: scope, batch)
            }
        }
    }

    @Test("sort as PostgreSQL sorts arrays, in keys too")
    func order() {
        let type = ColumnType.array(.bigint)
        let texts = ["[]", "[-5]", "[-5,0]", "[-5,null]", "[0]", "[7,-1]", "[7,7]", "[null]"]
        let column = ExpressionFixture.column(
            type, texts.map { .string(Self.bytes($0, type) ?? []) })
        let keys = KeyCodec(types: [type, .bigint]).encode(
            [column, ExpressionFixture.column(.bigint, texts.map { _ in .bigint(1) })],
            count: texts.count)
        for row in 1..<texts.count {
            #expect(StringView.compare(column.strings[row - 1], column.strings[row]) < 0)
            #expect(StringView.compare(keys.strings[row - 1], keys.strings[row]) < 0)
        }
    }

    @Test("are refused where the JSON is another, or no JSON at all")
    func refused() {
        let type = ColumnType.structure([
            Field("n", .bigint), Field("d", .decimal(precision: 5, scale: 2)),
            Field("a", .array(.string)), Field("t", .timestamp), Field("j", .json),
            Field("b", .bytes),
        ])
        let good = [
            "{}", "{\"n\": 1.0e2}", "{\"d\": 999.99}", "{\"d\": \"1.50\"}", "{\"d\": 1.500}",
            "{\"j\": [1, {\"x\": null}]}", "{\"a\": [null]}", "{\"t\": \"2026-01-31T00:00:00Z\"}",
            "{\"n\": 9223372036854775807}", "{\"b\": \"AAE=\"}", "{\"a\": null, \"zz\": 1e999}",
        ]
        let bad = [
            "", "[]", "null", "{", "{\"n\": 1.5}", "{\"n\": 9223372036854775808}",
            "{\"n\": \"1\"}", "{\"d\": 1000}", "{\"d\": 0.001}", "{\"d\": \"x\"}", "{\"a\": [1]}",
            "{\"a\": {}}", "{\"t\": 5}", "{\"t\": \"2026-13-01\"}", "{\"j\": [1,}",
            "{\"b\": \"A\"}",
            "{\"n\": 1e400}", "{} {}", "{\"a\": [\"\\ud800\"]}", "{\"n\": 01}",
            "{\"a\": [\"\u{1}\"]}",
        ]
        for text in good { #expect(Self.bytes(text, type) != nil, "\(text)") }
        for text in bad { #expect(Self.bytes(text, type) == nil, "\(text)") }
        let deep = String(repeating: "[", count: 5000)
        #expect(Self.bytes(deep, .json) == nil)
        #expect(Self.bytes("{\"j\": \(deep)", type) == nil)
        let invalid: [UInt8] = Array("{\"a\": [\"".utf8) + [0xc0, 0x80] + Array("\"]}".utf8)
        var reading = JSONReading(type)
        #expect(invalid.withUnsafeBufferPointer { reading.bytes($0) } == nil)
    }

    @Test("have types that are read as they are written")
    func typeNames() throws {
        for seed in testSeed..<testSeed + 50 {
            var maker = RandomNested(random: SeededRandom(seed: seed))
            let type = maker.type(depth: 5)
            #expect(try ExpressionBinder.type(type.name).get() == type, "\(type.name)")
        }
        var deep = ColumnType.bigint
        for _ in 0..<17 { deep = .array(deep) }
        #expect(throws: ExpressionDiagnostic.self) { try ExpressionBinder.type(deep.name).get() }
    }
}
