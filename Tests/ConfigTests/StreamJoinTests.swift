import Config
import Operators
import TestSupport
import Testing

@Suite("Joins of streams in specs")
struct StreamJoinTests {
    private static func read(_ steps: String) -> PipelineSpec? {
        let result = load(
            """
            pipeline: joins
            sources:
              l:
                file: {path: data/l.ndjson}
                format: json
                schema: {id: string, n: bigint, x: double, at: timestamp(ms)}
                event_time: {column: at}
              r:
                file: {path: data/r.ndjson}
                format: json
                schema: {id: string, n: bigint, name: string}
                event_time: arrival
            steps:
              changing:
                from: l
                aggregate: {group_by: [id], compute: {total: sum(n)}}
            \(steps)
            sinks:
              out: {from: joined, stdout: {}, format: json, mode: changelog}
              rest: {from: changing, stdout: {}, format: json, mode: changelog}
            """)
        #expect(result.diagnostics.rendered == "")
        return result.pipelines.first
    }

    private static func join(_ fields: String, from: String = "l") throws -> (
        StreamJoinSpec, StepSpec
    ) {
        let spec = try #require(
            Self.read(
                """
                  joined:
                    from: \(from)
                    join: {stream: r, \(fields)}
                """))
        let step = try #require(spec.steps.first { $0.name == "joined" })
        guard case .streamJoin(let join) = step.verb else {
            throw Mismatch(verb: "\(step.verb)")
        }
        return (join, step)
    }

    private struct Mismatch: Error { let verb: String }

    @Test("reads how near rows must be")
    func bounds() throws {
        let match = "match: [id, n]"
        #expect(
            try Self.join("\(match), within: 1s").0.bounds
                == .around(beforeMicros: 1_000_000, afterMicros: 1_000_000))
        #expect(
            try Self.join("\(match), within: {after: 1m}").0.bounds
                == .around(beforeMicros: 0, afterMicros: 60_000_000))
        #expect(
            try Self.join("\(match), within: unbounded").0.bounds
                == .unbounded(timeToLiveMicros: nil))
        guard
            case .between(let from, let to) = try Self.join(
                "\(match), within: {from: l.at, to: l.at + interval '1 hour'}"
            ).0.bounds
        else { return #expect(Bool(false), "no bounds of columns") }
        #expect(from.plainColumn == 3 && to.columns == [3])
    }

    @Test("gives left columns, then right ones, and a matched name once: the one that is there")
    func columns() throws {
        let (inner, step) = try Self.join("match: [id, n], within: 1s")
        #expect(inner.columns == [.left(0), .left(1), .left(2), .left(3), .right(2)])
        #expect(step.output.schema.fields.map(\.name) == ["id", "n", "x", "at", "name"])
        let full = try Self.join("match: [id, n], within: 1s, type: full").0
        #expect(
            full.columns == [
                .either(left: 0, right: 0), .either(left: 1, right: 1), .left(2), .left(3),
                .right(2),
            ])
    }

    @Test("matches expressions of both sides, and widens numbers")
    func match() throws {
        let join = try Self.join(
            "match: {lower(id): lower(name), x: n, n: n, id: id}, within: 1s"
        ).0
        #expect(join.leftMatch.map(\.type) == [.string, .double, .bigint, .string])
        #expect(join.leftMatch.map(\.type) == join.rightMatch.map(\.type))
    }

    @Test("binds its own condition to the columns of both sides")
    func condition() throws {
        let join = try Self.join("match: [id, n], within: 1s, where: x > 1 and r.name <> l.id").0
        #expect(join.condition?.columns == [0, 2, 6])
    }

    @Test("knows what changes, and by which key")
    func change() throws {
        let match = "match: [id], within: unbounded"
        #expect(try Self.join("match: [id, n], within: 1s, type: full").1.output.change == .append)
        #expect(try Self.join("match: [id, n], within: unbounded").1.output.change == .append)
        #expect(
            try Self.join("match: [id, n], within: unbounded, type: left").1.output.change
                == .updating(key: nil))
        #expect(try Self.join(match, from: "changing").1.output.change == .updating(key: nil))
        let spec = try #require(
            Self.read(
                """
                  other: {from: r, aggregate: {group_by: [id, name], compute: {m: count(*)}}}
                  joined: {from: changing, join: {stream: other, \(match)}}
                """))
        #expect(spec.steps.last?.output.change == .updating(key: ["id", "name"]))
    }

    @Test("is part of what the state was made by, as is its right side")
    func fingerprints() throws {
        func state(_ fields: String, _ filter: String = "n > 0") throws -> String? {
            let spec = try #require(
                Self.read(
                    """
                      right: {from: r, where: \(filter)}
                      joined: {from: l, join: {stream: right, match: [id, n], \(fields)}}
                    """))
            return spec.stateFingerprints()["joined"]
        }
        let plain = try state("within: 1s")
        #expect(try plain != nil && plain == state("within: {before: 1s, after: 1s}"))
        #expect(try plain != state("within: 2s"))
        #expect(try plain != state("within: 1s, type: left"))
        #expect(try plain != state("within: 1s, where: x > 0"))
        #expect(try plain != state("within: 1s", "n > 1"))
    }
}
