import Config
import Operators
import TestSupport
import Testing

/// A topic of each mode.
private let topics: [String: KnownTopic] = [
    "orders": KnownTopic(
        schema: Schema([
            Field("id", .string), Field("amount", .bigint), Field("at", .timestamp),
        ]), mode: .append, origin: "the store"),
    "users": KnownTopic(
        schema: Schema([Field("name", .string), Field("id", .string)]), key: [1], mode: .upsert,
        origin: "the store"),
    "counts": KnownTopic(
        schema: Schema([Field("id", .string), Field("n", .bigint)]), key: [0], mode: .changelog,
        origin: "the store"),
]

private func read(_ text: String, topics: [String: KnownTopic] = topics) -> LoadResult {
    let environment = SpecEnvironment(workingDirectory: "/usr")
    let loader = SpecLoader(
        environment: environment, options: SpecLoadOptions(topics: topics))
    return loader.load(bytes: Array(text.utf8), path: "test.yaml")
}

/// The one source of a pipeline that passes it on.
private func source(_ fields: String, mode: String = "append") throws -> SourceSpec {
    let result = read(
        """
        pipeline: test
        sources: {rows: {\(fields)}}
        sinks: {out: {from: rows, topic: result, mode: \(mode)}}
        """)
    #expect(result.diagnostics.rendered == "")
    return try #require(result.pipelines.first?.sources.first)
}

private func options(_ source: SourceSpec) throws -> TopicSourceOptions {
    guard case .topic(let options) = source.connector else {
        throw Unexpected(connector: source.connector)
    }
    return options
}

private struct Unexpected: Error { let connector: SourceConnector }

@Suite("Topics in specs")
struct TopicTests {
    @Test("bring their columns, in order, and their event times")
    func wholeTopic() throws {
        let source = try source("topic: orders")
        #expect(source.fields.map(\.name) == ["id", "amount", "at"])
        #expect(source.fields.map(\.ordinal) == [0, 1, 2])
        #expect(source.format == .none)
        #expect(source.output.change == .append)
        #expect(try options(source) == TopicSourceOptions(name: "orders"))
    }

    @Test("give the columns that a schema picks, at their places, with wider types")
    func partOfTopic() throws {
        let source = try source("topic: orders, schema: {at: timestamp, amount: double}")
        #expect(source.fields.map(\.name) == ["at", "amount"])
        #expect(source.fields.map(\.ordinal) == [2, 1])
        #expect(source.fields.map(\.type) == [.timestamp, .double])
    }

    @Test("may be unknown where a schema stands for them")
    func unknownTopic() throws {
        let source = try source("topic: elsewhere, schema: {id: string, n: bigint}")
        #expect(source.fields.map(\.ordinal) == [0, 1])
        #expect(try options(source).mode == .append)
    }

    @Test("are streams of changes by their key when they are changelogs")
    func changelog() throws {
        let whole = try source("topic: counts", mode: "upsert")
        #expect(whole.output.change == .updating(key: ["id"]))
        let part = try source("topic: counts, schema: {n: bigint}", mode: "changelog")
        #expect(part.output.change == .updating(key: nil))
    }

    @Test("lend tables their key, and columns from outside the row to sources")
    func tableAndMetadata() throws {
        let result = read(
            """
            pipeline: test
            sources:
              rows:
                topic: orders
                metadata: {partition: topic.partition, number: topic.offset, seen: topic.appended_at}
            tables:
              users: {topic: users}
              prices: {topic: orders, schema: {id: string, amount: bigint}, key: [id]}
            steps:
              named: {from: rows, join: {table: users, match: [id]}}
              priced: {from: named, join: {table: prices, match: [id]}, select: [id, name]}
            sinks: {out: {from: priced, topic: result}}
            """)
        #expect(result.diagnostics.rendered == "")
        let spec = try #require(result.pipelines.first)
        #expect(spec.tables.map(\.key) == [[1], [0]])
        #expect(
            spec.sources[0].output.schema.fields.dropFirst(3).map(\.type) == [
                .string, .bigint, .timestamp,
            ])
        #expect(result.topicsRead == ["orders", "users"])
    }

    @Test(
        "are read from a place to a place",
        arguments: [
            ("earliest", TopicPosition.earliest), ("latest", .latest),
            ("{offset: 12}", .offset(partition: nil, 12)),
            ("{offset: ad-views/counts:12}", .offset(partition: "ad-views/counts", 12)),
            ("{timestamp: 2026-01-01T00:00:00Z}", .timestamp(1_767_225_600_000_000)),
            ("{since: 90d}", .since(7_776_000_000_000)),
        ])
    func positions(_ text: String, _ position: TopicPosition) throws {
        let started = try options(source("topic: orders, start: \(text), on_gap: skip"))
        #expect(started.start == position)
        #expect(started.onGap == .skip)
        guard position != .earliest else { return }
        #expect(try options(source("topic: orders, stop: \(text)")).stop == position)
    }

    @Test("use their own event time only where the source states one")
    func eventTime() throws {
        let stated = try options(source("topic: orders, event_time: {column: at}"))
        #expect(!stated.usesStoredTime)
        #expect(try options(source("topic: orders")).usesStoredTime)
    }

    @Test("hold every pipeline's dead letters, whether there are any or not")
    func deadLetters() throws {
        let source = try source("topic: other.dead-letters")
        #expect(source.fields.map(\.name) == ["raw", "error", "node", "source", "position"])
    }

    @Test("have documents, with all that they say")
    func document() throws {
        let result = read(
            """
            topic: shop.customers
            description: The latest of each customer
            owner: shop@example.org
            schema:
              name: string
              id: {type: string, path: customer.id, required: true}
              at: timestamp(ms)
            key: [id]
            retention: {time: 90d, size: 10GiB}
            compact: {within: 1h}
            evolution: none
            event_time: at
            """)
        #expect(result.diagnostics.rendered == "")
        let topic = try #require(result.topics.first)
        #expect(topic.name == "shop.customers")
        #expect(topic.owner == "shop@example.org")
        #expect(topic.mode == .upsert)
        #expect(topic.keyNames == ["id"])
        #expect(topic.fields[1].path == ["customer", "id"])
        #expect(topic.fields[2].timestamp == .integer(unitsPerSecond: 1000))
        #expect(topic.retention == .init(timeMicros: 7_776_000_000_000, bytes: 10 << 30))
        #expect(
            topic.compaction
                == .init(withinMicros: 3_600_000_000, tombstonesMicros: 604_800_000_000))
        #expect(topic.evolution == .none)
        #expect(topic.eventTime == "at")
        #expect(topic.writer == nil)
    }

    @Test("keep rows for ever, uncompacted, unless a document says otherwise")
    func defaults() throws {
        let result = read("topic: a\nschema: {id: string}\nretention: forever\ncompact: false\n")
        let topic = try #require(result.topics.first)
        #expect(topic.retention == .forever)
        #expect(topic.compaction == nil)
        #expect(topic.mode == .append)
        #expect(topic.evolution == .compatible)
    }

    @Test("are implied by sinks")
    func implied() throws {
        let result = read(
            """
            pipeline: test
            sources: {rows: {topic: counts}}
            sinks:
              every: {from: rows, topic: changes, mode: changelog}
              latest: {from: rows, topic: latest, mode: upsert}
            """)
        let topics = try #require(result.pipelines.first).topicsWritten
        #expect(topics.map(\.name) == ["changes", "latest"])
        #expect(topics.map(\.mode) == [.changelog, .upsert])
        #expect(topics.map(\.keyNames) == [["id"], ["id"]])
        #expect(topics[0].origin == "sink 'every' of 'test'")
    }

    @Test("are asked for exactly once, and give it")
    func guarantee() {
        let result = read(
            """
            pipeline: test
            sources: {rows: {topic: orders}}
            sinks:
              one: {from: rows, topic: result, guarantee: exactly_once}
              two: {from: rows, stdout: {}, format: json, guarantee: at_least_once}
            """)
        #expect(result.diagnostics.rendered == "")
    }

    @Test("are explained")
    func explained() throws {
        let result = read(
            """
            pipeline: topics
            sources:
              rows: {topic: orders, start: {since: 90d}, on_gap: skip}
              changes: {topic: counts}
            tables: {users: {topic: users}}
            steps:
              named: {from: rows, join: {table: users, match: [id]}}
            sinks:
              names: {from: named, topic: named-orders, guarantee: exactly_once}
              latest: {from: changes, topic: latest, mode: upsert}
            """)
        let explanation = PipelineExplanation(try #require(result.pipelines.first))
        expectGolden(explanation.text, "explain/topics.txt")
        expectGolden(explanation.json + "\n", "explain/topics.json")
    }

    @Test("change what a source means by what changes its rows")
    func fingerprints() throws {
        func prints(_ fields: String) throws -> [String: String] {
            let text = """
                pipeline: test
                sources: {rows: {\(fields)}}
                sinks: {out: {from: rows, topic: result}}
                """
            return try #require(read(text).pipelines.first).fingerprints()
        }
        let plain = try prints("topic: orders")
        #expect(try prints("topic: orders, start: earliest, stop: latest, on_gap: skip") == plain)
        #expect(
            try prints("topic: orders, schema: {id: string, amount: bigint, at: timestamp}")
                == plain
        )
        #expect(try prints("topic: orders, start: latest") != plain)
        #expect(try prints("topic: orders, event_time: arrival") != plain)
        #expect(try prints("topic: orders, schema: {id: string}") != plain)
    }
}
