import Config
import Operators
import TestSupport
import Testing

private func source(_ text: String) -> String {
    """
    pipeline: test
    sources:
      s:
    \(text.split(separator: "\n").map { "    " + $0 }.joined(separator: "\n"))
    sinks:
      out: {from: s, stdout: {}, format: json}
    """
}

@Suite("Sources, tables and sinks")
struct EndTests {
    @Test("read schemas with paths, defaults, patterns and metadata")
    func schema() throws {
        let result = load(
            source(
                """
                file: {path: "logs/*.log", follow: true}
                format: {csv: {delimiter: "\\t", header: false, quote: "", null: "-", missing: null, extra: join}}
                timezone: +02:00
                schema:
                  id: {type: bigint, required: true}
                  user: {type: string, path: user.id, default: nobody}
                  score: {type: double, default: 1}
                  day: timestamp('dd/MMM/yyyy')
                  "@at": timestamp(s)
                metadata: {file: file.path, line: file.line, seen: arrival}
                event_time: {expression: '"@at" + interval ''1 hour''', idle_timeout: 30s}
                """))
        #expect(result.diagnostics.rendered == "")
        let found = try #require(result.pipelines.first?.sources.first)
        var csv = CSVOptions()
        csv.delimiter = 9
        csv.hasHeader = false
        csv.quote = nil
        csv.null = [0x2d]
        csv.onMissing = .null
        csv.onExtra = .join
        csv.timezone = "+02:00"
        csv.columnCount = 5
        #expect(found.format == .csv(csv))
        #expect(found.connector == .file(FileSourceOptions(path: "logs/*.log", isFollowed: true)))
        #expect(found.fields[0].isRequired)
        #expect(found.fields[1].path == ["user", "id"])
        #expect(found.fields[1].defaultValue == .string(Array("nobody".utf8)))
        #expect(found.fields[2].defaultValue == .double(1))
        #expect(found.fields[3].timestamp == .pattern("dd/MMM/yyyy"))
        #expect(found.fields[4].timestamp == .integer(unitsPerSecond: 1))
        #expect(
            found.output.schema.fields.map(\.name)
                == ["id", "user", "score", "day", "@at", "file", "line", "seen"])
        #expect(found.eventTime.idleTimeoutMicros == 30_000_000)
    }

    @Test("read generated columns in the order of the schema")
    func generate() throws {
        let result = load(
            source(
                """
                generate:
                  rate: 500
                  count: 10000
                  seed: 42
                  columns:
                    ad: {key: {prefix: ad-, count: 1000}}
                    user: uuid
                    page: {uuid: 100}
                    kind: {choice: [view, click]}
                    n: {sequence: 5}
                    price: {range: [0.5, 2]}
                    size: {range: [1, 6]}
                    new: boolean
                    at: {time: {start: 2026-01-01T00:00:00Z, jitter: 1s}}
                schema: {n: bigint, ad: string, user: string, page: string, kind: string, price: double, size: bigint, new: boolean, at: timestamp}
                event_time: {column: at}
                """))
        #expect(result.diagnostics.rendered == "")
        let options = GenerateOptions(
            seed: 42, count: 10000, rate: 500,
            columns: [
                .sequence(start: 5), .key(prefix: Array("ad-".utf8), count: 1000),
                .uuid(count: nil), .uuid(count: 100),
                .choice([Array("view".utf8), Array("click".utf8)]), .double(low: 0.5, high: 2),
                .integer(low: 1, high: 6), .boolean,
                .time(
                    startMicros: 1_767_225_600_000_000, stepMicros: 2000, jitterMicros: 1_000_000),
            ])
        let found = try #require(result.pipelines.first?.sources.first)
        #expect(found.connector == .generate(options))
        #expect(found.format == .none)
    }

    @Test("read a view of the nexmark stream with its columns and event time")
    func nexmark() throws {
        let result = load(source("generate: {nexmark: bid, events: 500, seed: 3, rate: 200}"))
        #expect(result.diagnostics.rendered == "")
        let found = try #require(result.pipelines.first?.sources.first)
        #expect(
            found.connector
                == .nexmark(NexmarkOptions(kind: .bid, seed: 3, events: 500, rate: 200)))
        #expect(
            found.output.schema.fields.map(\.name)
                == ["auction", "bidder", "price", "channel", "url", "dateTime", "extra"])
        #expect(found.eventTime.value == .expression(.column(5, Field("dateTime", .timestamp))))

        let other = load(
            source(
                """
                generate: {nexmark: auction, events: 5, start: 2026-06-01T00:00:00Z}
                event_time: {column: expires}
                metadata: {seen: arrival}
                """))
        #expect(other.diagnostics.rendered == "")
        let auctions = try #require(other.pipelines.first?.sources.first)
        #expect(
            auctions.connector
                == .nexmark(
                    NexmarkOptions(
                        kind: .auction, seed: 0, events: 5, startMicros: 1_780_272_000_000_000)))
        #expect(
            auctions.eventTime.value == .expression(.column(6, Field("expires", .timestamp))))
        #expect(auctions.output.schema.fields.last?.name == "seen")
        let arrival = load(
            source("generate: {nexmark: person, events: 5}\nevent_time: arrival"))
        #expect(arrival.pipelines.first?.sources.first?.eventTime.value == .arrival)
    }

    @Test(
        "write rows that change by key or as a changelog",
        arguments: [
            ("mode: upsert", SinkSpec.Mode.upsert(key: [0])),
            ("mode: upsert, key: [n]", .upsert(key: [1])),
            ("mode: changelog", .changelog),
        ])
    func modes(_ mode: String, _ expected: SinkSpec.Mode) throws {
        let result = load(
            pipeline(
                step: "from: events\naggregate: {group_by: [kind], compute: {n: count(*)}}",
                sink: "from: out, stdout: {}, format: json, \(mode), delete_when: n = 0"))
        #expect(result.diagnostics.rendered == "")
        let sink = try #require(result.pipelines.first?.sinks.last)
        #expect(sink.mode == expected)
        #expect(sink.inputKey == [0])
        #expect(sink.deleteWhen?.text == "n = 0")
    }

    @Test(
        "refuse what cannot be",
        arguments: [
            ("from: out, stdout: {}, format: json, key: [id]", "'key' goes with 'mode: upsert'"),
            (
                "from: out, stdout: {}, format: json, delete_when: amount = 0",
                "'delete_when' needs 'mode: upsert' or 'mode: changelog'"
            ),
            (
                "from: out, stdout: {}, format: lines",
                "'lines' writes one string column, and the input has id, kind, amount, price, at"
            ),
            ("from: out, stdout: yes, format: json", "'stdout' takes no options"),
            (
                "from: out, file: {path: 'out/%Q.json'}, format: json",
                "'%Q' cannot stand in the path of a sink"
            ),
            (
                "from: out, file: {path: 'out/*.json'}, format: json",
                "'path' of a sink cannot hold * ? [, which match many files"
            ),
            (
                "from: out, file: {path: o, partition_by: [id]}, format: json",
                "'id' must be a timestamp, and is string"
            ),
            (
                "from: out, file: {path: o, roll: {}}, format: json",
                "'roll' says neither a size nor an age"
            ),
            (
                "from: result, stdout: {}, format: json",
                "'result' is a sink, and nothing can read from it"
            ),
        ])
    func refusedSinks(_ sink: String, _ message: String) {
        let result = load(pipeline(step: "from: events", sink: sink))
        #expect(messages(result).contains(message), "\(messages(result))")
    }

    @Test(
        "refuse sources that cannot be",
        arguments: [
            (
                "file: {path: a, refresh: 1m}\nformat: lines\nschema: {line: string}",
                "'refresh' is for tables"
            ),
            (
                "file: {path: a/}\nformat: lines\nschema: {line: string}", "'path' names no file"
            ),
            (
                "file: {path: ''}\nformat: lines\nschema: {line: string}", "'path' is empty"
            ),
            (
                "stdin:\nformat: json\nschema: {rowtime: timestamp}",
                "no column can be named 'rowtime' here"
            ),
            (
                "stdin:\nformat: json\nschema: {a: {type: bigint, default: x}}",
                "the default of 'a' is no bigint"
            ),
            (
                "stdin:\nformat: json\nschema: {a: {type: bigint, path: a..b}}",
                "'a..b' has an empty name"
            ),
            (
                "stdin:\nformat: json\nschema: {a: bigint}\nevent_time: {expression: rowtime}",
                "'event_time' is what makes rowtime, and cannot read it"
            ),
            (
                "stdin:\nformat: json\nschema: {a: bigint}\nmetadata: {a: arrival, b: topic}",
                "metadata 'topic' is not supported by this version"
            ),
            (
                "generate: {columns: {a: sequence}}\nformat: json\nschema: {a: bigint}",
                "'format' does not go with 'generate', which makes rows itself"
            ),
            (
                "generate: {columns: {a: {range: [5, 1]}}}\nschema: {a: bigint}",
                "'range' goes from a number to one not below it"
            ),
        ])
    func refusedSources(_ text: String, _ message: String) {
        let result = load(source(text))
        #expect(messages(result).contains(message), "\(messages(result))")
        #expect(result.pipelines.isEmpty)
    }

    @Test("let one node read standard input")
    func stdinTwice() {
        let text = """
            pipeline: test
            sources:
              a: {stdin: {}, format: json, schema: {x: bigint}}
              b: {stdin: , format: json, schema: {x: bigint}}
            steps:
              both: {from: [a, b]}
            sinks:
              out: {from: both, stdout: {}, format: json}
            """
        #expect(messages(load(text)) == ["'stdin' can be read once, and 'a' reads it"])
    }
}
