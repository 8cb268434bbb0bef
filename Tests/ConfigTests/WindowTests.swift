import Config
import Operators
import Testing

@Suite("Windows of aggregates")
struct WindowTests {
    @Test("grow from one start")
    func cumulative() throws {
        let result = load(
            pipeline(
                step: """
                    from: events
                    aggregate:
                      window: {cumulative: {size: 1d, every: 1h}}
                      offset: 25h
                      group_by: [kind]
                    """))
        #expect(result.diagnostics.rendered == "")
        let found = try #require(result.pipelines.first?.steps.first { $0.name == "out" })
        guard case .aggregate(let aggregate) = found.verb else {
            Issue.record("no aggregate")
            return
        }
        #expect(
            aggregate.window
                == .cumulative(
                    sizeMicros: 86_400_000_000, everyMicros: 3_600_000_000,
                    offsetMicros: 3_600_000_000))
        #expect(found.output.change == .append)
    }

    @Test("are sessions, days of a place, and say when they are given")
    func kinds() throws {
        func aggregate(_ text: String) throws -> (AggregateSpec, NodeOutput.Change) {
            let result = load(
                pipeline(step: "from: events\naggregate: {\(text), group_by: [kind]}"))
            #expect(result.diagnostics.rendered == "")
            let found = try #require(result.pipelines.first?.steps.first { $0.name == "out" })
            guard case .aggregate(let aggregate) = found.verb else { throw CancellationError() }
            return (aggregate, found.output.change)
        }
        let session = try aggregate("window: {session: {gap: 30m}}")
        #expect(session.0.window == .session(gapMicros: 1_800_000_000, maxMicros: nil))
        #expect(session.1 == .append)
        let days = try aggregate("window: {tumbling: 1d}, timezone: Europe/Berlin")
        #expect(days.0.timezone == "Europe/Berlin")
        #expect(days.1 == .append)
    }

    @Test("whose results change have the group and the window as their key")
    func emission() throws {
        let cases: [(String, AggregatePlan.Emission)] = [
            ("emit: changes", .changes), ("emit: {every: 2s}", .every(micros: 2_000_000)),
        ]
        for (text, emission) in cases {
            let step =
                "from: events\naggregate: {window: {tumbling: 1m}, \(text), group_by: [kind]}"
            #expect(
                messages(load(pipeline(step: step)))
                    == ["the rows of 'out' change, and this sink only appends"])
            let result = load(
                pipeline(
                    step: step, sink: "from: out, stdout: {}, format: json, mode: changelog"))
            #expect(result.diagnostics.rendered == "")
            let found = try #require(result.pipelines.first?.steps.first { $0.name == "out" })
            guard case .aggregate(let aggregate) = found.verb else {
                Issue.record("no aggregate")
                return
            }
            #expect(aggregate.emission == emission)
            #expect(
                found.output.change == .updating(key: ["kind", "window_start", "window_end"]))
        }
    }

    @Test("are those of the input, wherever its bounds stand")
    func inherited() throws {
        let text = pipeline(
            step: "from: views\naggregate: {window: inherit, compute: {most: max(n)}}"
        ).replacing(
            "  out:\n",
            with: """
                  views:
                    from: events
                    aggregate: {window: {tumbling: 1m}, group_by: [kind], compute: {n: count(*)}}
                    select: [n, {until: window_end}, kind, window_start]
                  out:

                """)
        let result = load(text)
        #expect(result.diagnostics.rendered == "")
        let found = try #require(result.pipelines.first?.steps.first { $0.name == "out" })
        guard case .aggregate(let aggregate) = found.verb else {
            Issue.record("no aggregate")
            return
        }
        #expect(aggregate.window == .inherited(start: 3, end: 1))
        #expect(
            found.output.schema.fields.map(\.name) == ["window_start", "window_end", "most"])
    }

    @Test(
        "refuse what cannot be",
        arguments: [
            ("{cumulative: {size: 1h, every: 7m}}", "'size' is no multiple of 'every'"),
            (
                "{cumulative: {size: 1h, every: 2h}}",
                "'every' is longer than 'size', so that rows would fall between windows"
            ),
            (
                "{cumulative: {size: 1h, every: 1m}, tumbling: 1m}",
                "'window' has one kind, not several"
            ),
            ("inherit", "'window: inherit' finds no window in the input"),
        ])
    func refused(_ window: String, _ message: String) {
        let text = pipeline(
            step: "from: events\naggregate: {window: \(window), group_by: [kind]}")
        #expect(messages(load(text)) == [message])
    }
}
