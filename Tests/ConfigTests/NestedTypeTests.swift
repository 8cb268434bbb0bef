import Config
import Operators
import Testing

@Suite("Types in each other")
struct NestedTypeTests {
    private func spec(_ schema: String, _ step: String = "from: rows") throws -> PipelineSpec {
        func indented(_ text: String, _ blanks: Int) -> String {
            text.split(separator: "\n").map { String(repeating: " ", count: blanks) + $0 }
                .joined(separator: "\n")
        }
        let result = load(
            """
            pipeline: test
            sources:
              rows:
                file: {path: data/rows.ndjson}
                format: json
                schema:
            \(indented(schema, 6))
            steps:
              out:
            \(indented(step, 4))
            sinks:
              result: {from: out, stdout: {}, format: json, mode: changelog}
            """)
        #expect(result.diagnostics.rendered == "")
        return try #require(result.pipelines.first)
    }

    @Test("are read as YAML and in SQL's form alike")
    func forms() throws {
        let user = ColumnType.structure([
            Field("id", .bigint), Field("tags", .array(.string)),
            Field("at", .structure([Field("day", .date)])),
        ])
        let spec = try spec(
            """
            a: {id: bigint, tags: [string], at: {day: date}}
            b: 'struct<id bigint, tags array<string>, at struct<day date>>'
            c: {type: {id: bigint, tags: [string], at: {day: date}}, path: x.c, required: true}
            d: "decimal(20, 4)"
            e: {type: 'decimal(5,2)', default: 1.5}
            f: [[json]]
            g: {type: date, default: '2026-01-31'}
            h: 'struct<"type" string, path bytes>'
            """)
        let fields = spec.sources[0].fields
        #expect(fields[0..<3].map(\.type) == [user, user, user])
        #expect(fields[2].path == ["x", "c"] && fields[2].isRequired)
        #expect(fields[3].type == .decimal(precision: 20, scale: 4))
        #expect(fields[4].defaultValue == .decimal(unscaled: 150, scale: 2))
        #expect(fields[5].type == .array(.array(.json)))
        #expect(fields[6].defaultValue == .bigint(20484))
        #expect(fields[7].type == .structure([Field("type", .string), Field("path", .bytes)]))
    }

    @Test("give the columns that `unnest` is asked for")
    func unnest() throws {
        let schema = "id: bigint\nxs: [{k: string}]"
        func columns(_ unnest: String, _ more: String = "") throws -> [Field] {
            try spec(schema, "from: rows\nunnest: \(unnest)\n\(more)").steps[0].output.schema.fields
        }
        let element = ColumnType.structure([Field("k", .string)])
        #expect(try columns("{column: xs}") == [Field("id", .bigint), Field("xs", element)])
        #expect(
            try columns("{column: xs, as: x, position: n}")
                == [
                    Field("id", .bigint), Field("xs", .array(element)), Field("x", element),
                    Field("n", .bigint),
                ])
        #expect(
            try columns("{column: xs}", "select: [id, xs.k]")
                == [Field("id", .bigint), Field("k", .string)])
        let kept = try spec(schema, "from: rows\nunnest: {column: xs, keep_empty: true}").steps[0]
        #expect(
            kept.verb
                == .unnest(
                    UnnestSpec(column: 1, replaces: true, hasPosition: false, keepsEmpty: true)))
        #expect(kept.output.change == .append)
    }

    @Test("let a node's name go before a struct's")
    func ambiguity() throws {
        let step = """
            from: rows
            as: user
            select:
              - user.id
              - inner: user.user.id
              - name: user.name
            """
        let spec = try spec("id: string\nuser: {id: bigint, name: date}", step)
        #expect(
            spec.steps[0].output.schema.fields == [
                Field("id", .string), Field("inner", .bigint), Field("name", .date),
            ])
    }

    @Test("of a stream that changes leave it without a key")
    func updating() throws {
        let result = load(
            """
            pipeline: test
            sources:
              rows:
                file: {path: data/rows.ndjson}
                format: json
                schema: {id: bigint, x: string}
            steps:
              lists:
                from: rows
                aggregate: {group_by: [id], compute: {xs: array_agg(x)}}
              out:
                from: lists
                unnest: {column: xs}
            sinks:
              result: {from: out, stdout: {}, format: json, mode: changelog}
            """)
        #expect(result.diagnostics.rendered == "")
        #expect(result.pipelines.first?.steps[1].output.change == .updating(key: nil))
    }
}
