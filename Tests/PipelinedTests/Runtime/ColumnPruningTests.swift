import Config
import Store
import TestSupport
import Testing

@testable import Pipelined

@Suite("Column pruning")
struct ColumnPruningTests {
    private static let table = """
        tables:
          names:
            file: {path: names.csv}
            format: csv
            schema: {c: string, name: string, unread: string}
            key: [c]
        """

    private static func prune(
        _ steps: String, sink: String, tables: String = table
    ) throws -> PipelineSpec {
        let folder = try TemporaryFolder("pruning")
        return ColumnPruning.prune(
            try loadSpec(
                """
                pipeline: pruned
                sources:
                  events:
                    file: {path: in.ndjson}
                    format: json
                    schema:
                      a: bigint
                      b: bigint
                      c: string
                      d: {type: string, required: true}
                      at: timestamp(ms)
                    event_time: {column: at}
                \(tables)
                steps:
                \(steps)
                sinks:
                  out: {from: \(sink), file: {path: out.ndjson}, format: json}
                """, in: folder))
    }

    private static let join = """
          joined:
            from: events
            where: a > 1
            join: {table: names, match: [c], type: inner}
        """

    @Test("keeps what is selected, filtered on, matched, required and the event time")
    func source() throws {
        let spec = try Self.prune(Self.join + "\n    select: [name]", sink: "joined")
        #expect(spec.sources[0].fields.map(\.name) == ["a", "c", "d", "at"])
        #expect(spec.steps[0].inputSchema.fields.map(\.name) == ["a", "c"])
        #expect(spec.steps[0].verbSchema.fields.map(\.name) == ["a", "c", "name"])
        #expect(spec.steps[0].output.schema.fields.map(\.name) == ["name"])
    }

    @Test("keeps of what is unnested the array, and what is read beside its elements")
    func unnest() throws {
        let spec = try Self.prune(
            """
              lists:
                from: events
                add: {list: "string_to_array(c, ',')"}
              parts:
                from: lists
                unnest: {column: list, as: part, position: place}
                where: a > 1
                select: [b, place, {size: length(part)}]
            """, sink: "parts", tables: "")
        let step = spec.steps[1]
        #expect(step.inputSchema.fields.map(\.name) == ["a", "b", "list"])
        #expect(step.verbSchema.fields.map(\.name) == ["a", "b", "list", "part", "place"])
        #expect(
            step.verb
                == .unnest(
                    UnnestSpec(column: 2, replaces: false, hasPosition: true, keepsEmpty: false)))
        #expect(step.output.schema.fields.map(\.name) == ["b", "place", "size"])
        #expect(spec.sources[0].fields.map(\.name) == ["a", "b", "c", "d", "at"])
    }

    @Test("keeps all columns of tables, which are state")
    func table() throws {
        let spec = try Self.prune(Self.join + "\n    select: [name]", sink: "joined")
        #expect(spec.tables[0].fields.map(\.name) == ["c", "name", "unread"])
    }

    @Test("keeps all of a step's input when its late or unmatched rows are read")
    func ports() throws {
        let spec = try Self.prune(
            Self.join + "\n    select: [name]", sink: "joined.unmatched")
        #expect(spec.steps[0].inputSchema.fields.map(\.name) == ["a", "b", "c", "d", "at"])
    }

    @Test("drops an added column that nothing reads, and what only it read")
    func additions() throws {
        let spec = try Self.prune(
            """
              more:
                from: events
                add:
                  x: a + 1
                  y: b + 1
                  a: x * 2
                select: [a]
            """, sink: "more", tables: "")
        #expect(spec.steps[0].additions.map(\.name) == ["x", "a"])
        #expect(spec.sources[0].fields.map(\.name) == ["a", "d", "at"])
    }

    @Test("gives the same rows as the spec that was not pruned")
    func sameRows() throws {
        let folder = try TemporaryFolder("pruning-rows")
        var input = ""
        for row in 0..<200 {
            input +=
                "{\"a\":\(row % 7),\"b\":\(row),\"c\":\"k\(row % 3)\",\"d\":\"d\",\"at\":\(row * 100)}\n"
        }
        _ = try folder.write(input, to: "in.ndjson")
        _ = try folder.write("c,name,unread\nk0,zero,x\nk1,one,y\n", to: "names.csv")
        let spec = try loadSpec(
            """
            pipeline: rows
            sources:
              events:
                file: {path: "\(folder.path)/in.ndjson"}
                format: json
                schema: {a: bigint, b: bigint, c: string, d: string, at: timestamp(ms)}
                event_time: {column: at}
            tables:
              names:
                file: {path: "\(folder.path)/names.csv"}
                format: csv
                schema: {c: string, name: string, unread: string}
                key: [c]
            steps:
              joined:
                from: events
                where: a > 1
                join: {table: names, match: [c], type: left}
                add:
                  b: b * 2
                  label: coalesce(name, c)
                having: b % 3 = 0
                select: [label, b]
            sinks:
              out: {from: joined, file: {path: "\(folder.path)/out.ndjson"}, format: json}
            """, in: folder)
        let outcome = EngineRun(
            spec: spec, fileSystem: SystemFileSystem(), statePath: folder.path(of: "state")
        ).run()
        guard case .finished = outcome else {
            Issue.record("\(outcome)")
            return
        }
        var expected = ""
        for row in 0..<200 where row % 7 > 1 && (row * 2) % 3 == 0 {
            let label = ["zero", "one", "k2"][row % 3]
            expected += "{\"label\":\"\(label)\",\"b\":\(row * 2)}\n"
        }
        #expect(try folder.read("out.ndjson") == expected)
    }

    @Test("leaves the columns of a topic at the places that they have in its schema")
    func topic() throws {
        let spec = ColumnPruning.prune(
            try loadSpec(
                """
                pipeline: pruned
                sources:
                  orders: {topic: orders, metadata: {number: topic.offset, seen: topic.appended_at}}
                steps:
                  out: {from: orders, where: a > 1, select: [d, seen]}
                sinks:
                  written: {from: out, topic: result}
                ---
                topic: orders
                schema: {a: bigint, b: string, c: {type: string, required: true}, d: double}
                """, in: try TemporaryFolder("pruning")))
        let source = spec.sources[0]
        #expect(source.fields.map(\.name) == ["a", "d"])
        #expect(source.fields.map(\.ordinal) == [0, 3])
        #expect(source.metadata.map(\.origin) == [.topicAppendedAt])
        #expect(source.output.schema.fields.map(\.name) == ["a", "d", "seen"])
    }
}
