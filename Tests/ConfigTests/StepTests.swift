import Config
import Operators
import TestSupport
import Testing

/// The step `out` of a sound pipeline.
private func step(_ text: String, sink: String? = nil) throws -> StepSpec {
    let result = sink.map { load(pipeline(step: text, sink: $0)) } ?? load(pipeline(step: text))
    #expect(result.diagnostics.rendered == "")
    let spec = try #require(result.pipelines.first)
    return try #require(spec.steps.first { $0.name == "out" })
}

private func columns(_ schema: Schema) -> [String] {
    schema.fields.map { "\($0.name) \($0.type.name)" }
}

private let changes = "from: out, stdout: {}, format: json, mode: changelog"

@Suite("Steps")
struct StepTests {
    @Test(
        "give the columns that their clauses say",
        arguments: [
            ("from: events", "id kind amount price at"),
            ("from: events\ndrop: [kind, events.price]", "id amount at"),
            ("from: events\nselect: [id, events.amount]", "id amount"),
            ("from: events\nselect: [\"*\", {big: amount > 1}]", "id kind amount price at big"),
            ("from: events\ndrop: [at]\nselect: [events.*]", "id kind amount price"),
            ("from: events\nselect: {n: amount + 1, id: id}", "n id"),
            ("from: events\nas: e\nselect: [e.id, {k: e.kind}]", "id k"),
            (
                "from: events\nadd: {kind: amount, twice: amount * 2}",
                "id kind amount price at twice"
            ),
            (
                "from: events\nadd: [{a: amount}, {b: a + 1}]\nhaving: b > 1",
                "id kind amount price at a b"
            ),
            ("from: events\njoin: {table: users, match: [id]}", "id kind amount price at name"),
            (
                "from: events\njoin: {table: users, match: {kind: id}}\nselect: [kind, events.id, {user: users.id}, name]",
                "kind id user name"
            ),
            (
                "from: events\njoin: {table: users, match: {kind: id}}\ndrop: [users.id]",
                "id kind amount price at name"
            ),
            (
                "from: events\njoin: {table: users, match: {kind: id}}\ndrop: [events.id]",
                "kind amount price at id name"
            ),
            ("from: [events, known.unmatched]", "id kind amount price at"),
            ("from: events.invalid", "raw error node source position"),
            ("from: known.unmatched", "id kind amount price at"),
        ])
    func outputs(_ text: String, _ names: String) throws {
        let found = try step(text)
        #expect(found.output.schema.fields.map(\.name).joined(separator: " ") == names)
        #expect(found.output.change == .append)
    }

    @Test("replace a column in place, and later items see the new one")
    func replacement() throws {
        let found = try step("from: events\nadd: {kind: amount, more: kind + 1}")
        #expect(
            columns(found.addedSchema) == [
                "id string", "kind bigint", "amount bigint", "price double", "at timestamp",
                "more bigint",
            ])
        #expect(found.additions[1].expression.columns == [1])
        #expect(columns(found.verbSchema)[1] == "kind string")
    }

    @Test("give a table's columns of a shared name one of their own until select renames them")
    func sharedColumns() throws {
        let found = try step(
            """
            from: events
            join: {table: users, match: {kind: id}, type: left}
            select: [{left: events.id}, {right: users.id}]
            """)
        #expect(columns(found.verbSchema).suffix(2) == ["users.id string", "name string"])
        #expect(found.projection.map { $0.expression.plainColumn } == [0, 5])
        guard case .join(let join) = found.verb else {
            Issue.record("no join")
            return
        }
        #expect(join.kind == .left)
        #expect(join.tableColumns == [0, 1])
        #expect(join.match.map(\.plainColumn) == [1])
    }

    @Test("match by an expression")
    func matchExpression() throws {
        let found = try step(
            "from: events\njoin: {table: users, match: {\"lower(kind)\": id}}\ndrop: [users.id]")
        guard case .join(let join) = found.verb else {
            Issue.record("no join")
            return
        }
        #expect(join.match.map(\.text) == ["lower(kind)"])
    }

    @Test("aggregate by windows, append only")
    func windowed() throws {
        let found = try step(
            """
            from: events
            aggregate:
              window: {hopping: {size: 1h, every: 5m}}
              offset: 7m
              grace: 5s
              emit: final
              group_by: [kind, {day: "date_trunc('day', at)"}]
              compute:
                rows: count(*)
                mean: sum(amount) / count(*)
                views: count(*) filter (where kind = 'view')
                people: count(distinct id)
            having: rows > 1
            """)
        guard case .aggregate(let aggregate) = found.verb else {
            Issue.record("no aggregate")
            return
        }
        #expect(
            aggregate.window
                == .hopping(
                    sizeMicros: 3_600_000_000, everyMicros: 300_000_000,
                    offsetMicros: 120_000_000))
        #expect(aggregate.graceMicros == 5_000_000)
        // count(*) is shared between rows and mean.
        #expect(aggregate.calls.map(\.function) == [.countRows, .sum, .countRows, .count])
        #expect(aggregate.compute.map { $0.expression.columns } == [[4], [4, 5], [6], [7]])
        #expect(
            columns(found.output.schema) == [
                "kind string", "day timestamp", "window_start timestamp", "window_end timestamp",
                "rows bigint", "mean bigint", "views bigint", "people bigint",
            ])
        #expect(found.output.change == .append)
    }

    @Test(
        "aggregate without a window into rows that change, by the groups",
        arguments: [
            ("group_by: [kind], compute: {n: count(*)}", [] as [String], ["kind"]),
            ("compute: {n: count(*)}", [], []),
            ("group_by: [kind, id]", [], ["kind", "id"]),
            ("group_by: [kind], compute: {n: count(*)}", ["select: [{k: kind}, n]"], ["k"]),
            ("group_by: [kind], compute: {n: count(*)}", ["drop: [kind]"], nil),
            ("group_by: [kind], compute: {n: count(*)}", ["add: {kind: lower(kind)}"], nil),
        ])
    func running(_ aggregate: String, _ clauses: [String], _ key: [String]?) throws {
        let text = (["from: events", "aggregate: {\(aggregate)}"] + clauses)
            .joined(separator: "\n")
        #expect(try step(text, sink: changes).output.change == .updating(key: key))
    }

    @Test("unite inputs by name in the order of the first")
    func union() throws {
        let text = pipeline(step: "from: [turned, events]").replacing(
            "  out:\n",
            with: "  turned: {from: events, select: [at, price, amount, kind, id]}\n  out:\n")
        let spec = try #require(load(text).pipelines.first)
        let found = try #require(spec.steps.first { $0.name == "out" })
        #expect(found.inputs.map(\.text) == ["turned", "events"])
        #expect(found.inputSchema.fields.map(\.name) == ["at", "price", "amount", "kind", "id"])
    }

    @Test(
        "refuse what cannot be",
        arguments: [
            ("from: events\nadd: [kind]", "'kind' has no expression"),
            ("from: events\nas: E", "'E' cannot be the name of a input"),
            ("from: events\nadd: {x: \"interval '1 hour'\"}", "an interval cannot be a column"),
            ("from: events\nselect: [nobody.*]", "no input is called 'nobody'"),
            ("from: events\nselect: []", "'select' is an empty list"),
            ("from: [events, events]", "'events' is listed twice"),
            ("from: []", "'from' is an empty list"),
            ("from: events\ndrop: [id, kind, amount, price, at]", "'drop' leaves no columns"),
            (
                "from: events\naggregate: {window: {tumbling: 1m}}",
                "'aggregate' has neither 'group_by' nor 'compute'"
            ),
            (
                "from: events\njoin: {table: users, match: [id]}\naggregate: {compute: {n: count(*)}}",
                "a step has one verb: 'join' or 'aggregate', not both"
            ),
            (
                "from: events\naggregate: {compute: {n: amount}}",
                "column 'amount' is neither grouped nor inside an aggregate function"
            ),
            (
                "from: events\njoin: {table: users, match: {amount: id}}\nselect: [name]",
                "expected string, found bigint"
            ),
            ("from: events\njoin: {table: users, match: []}", "'match' is an empty list"),
            ("from: events\nwhere: now() > at and", "expected a value, found the end"),
            ("from: events\nwhere: ", "'where' has no value"),
            ("from: events\nwhere: ''", "an expression is expected here"),
            ("from: events\nwhere: 1", "expected boolean, found bigint"),
        ])
    func refused(_ text: String, _ message: String) {
        let result = load(pipeline(step: text))
        #expect(messages(result).contains(message), "\(messages(result))")
        #expect(result.pipelines.isEmpty)
    }

    @Test("do not report what follows from another mistake")
    func noCascades() {
        let text = pipeline(
            step: """
                from: events
                where: nothing = 1
                add: {bad: lower(amount), good: bad || 'x', fine: amount}
                having: good = 'y' and fine > 1 and unheard
                select: [bad, good, fine]
                """)
        #expect(
            messages(load(text)) == [
                "unknown column 'nothing'", "'lower' needs string here, found bigint",
            ])
        let broken = text.replacing("amount: bigint", with: "amount: int")
        #expect(messages(load(broken)) == ["unknown type 'int'", "unknown column 'nothing'"])
    }

    @Test("keep their order in the file where feeding leaves a choice")
    func order() throws {
        let text = """
            pipeline: test
            sources:
              s: {generate: {columns: {n: sequence}}, schema: {n: bigint}}
            steps:
              d: {from: [b, c]}
              b: {from: a}
              c: {from: s}
              a: {from: s}
            sinks:
              out: {from: d, stdout: {}, format: json}
            """
        let spec = try #require(load(text).pipelines.first)
        #expect(spec.steps.map(\.name) == ["c", "a", "b", "d"])
    }

    @Test("refuse the clock over rows that change")
    func clock() {
        let text = pipeline(
            step: """
                from: events
                aggregate: {group_by: [kind], compute: {n: count(*)}}
                add: {seen: now()}
                """, sink: changes)
        #expect(messages(load(text)) == ["now() cannot be read over rows that change"])
    }
}
