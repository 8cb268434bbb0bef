import Config
import Foundation
import TestSupport
import Testing

/// One of each kind of node, with every option that a fingerprint holds.
private let everything = """
    pipeline: everything
    parameters: {limit: 10}
    sources:
      events:
        file: {path: "${DATA:-data}/events-*.csv", follow: true}
        format: {csv: {delimiter: ";", missing: null}}
        schema:
          id: {type: string, required: true}
          kind: string
          amount: {type: bigint, default: 0}
          at: timestamp('yyyy-MM-dd HH:mm')
        metadata: {file: file.path}
        event_time: {expression: at - interval '1 second', max_out_of_orderness: 2s, idle_timeout: 1m}
      made:
        generate: {rate: 10, seed: 7, columns: {id: {key: {prefix: u, count: 5}}, kind: {choice: [a, b]}, amount: {range: [1, 9]}, at: {time: {step: 5ms}}, file: uuid}}
        schema: {id: string, kind: string, amount: bigint, at: timestamp, file: string}
    tables:
      users:
        file: {path: data/users.json, refresh: 1m}
        format: {json: {on_missing: invalid}}
        schema: {id: string, name: string}
        key: [id]
        delete_when: name = ''
    steps:
      all: {from: [events, made], where: amount > $limit}
      named:
        from: all
        join: {table: users, match: {lower(id): id}, type: left}
        drop: [users.id]
        add: {known: name is not null}
      hourly:
        from: named
        aggregate:
          window: {hopping: {size: 1h, every: 10m}}
          grace: 5s
          group_by: [kind]
          compute: {n: count(*), people: count(distinct id), sum: sum(amount) filter (where known)}
        having: n > 1
      totals:
        from: named
        aggregate: {group_by: [kind], compute: {n: count(*)}}
    sinks:
      hours: {from: hourly, file: {path: "out/%Y/hours.json", roll: {size: 1MiB}}, format: json}
      total: {from: totals, stdout: {}, format: csv, mode: upsert}
      late: {from: hourly.late, file: {path: out/late.json}, format: json}
      lost: {from: named.unmatched, file: {path: out/lost.json}, format: json}
      bad: {from: events.invalid, file: {path: out/bad.json}, format: json}
    settings: {checkpoint_interval: 2s, on_error: fail, memory_max: 1GiB}
    """

private func spec(
    _ text: String = everything, variables: [String: String] = [:]
) throws -> PipelineSpec {
    let result = load(text, loader(variables: variables))
    #expect(result.diagnostics.rendered == "")
    return try #require(result.pipelines.first)
}

@Suite("Fingerprints")
struct FingerprintTests {
    @Test("stay what they were")
    func golden() throws {
        let spec = try spec()
        func lines(_ prints: [String: String]) -> [String] {
            prints.sorted { $0.key < $1.key }.map { "  \($0.key) \($0.value)" }
        }
        let text =
            ["version \(PipelineSpec.fingerprintVersion)", "meaning \(spec.meaning)", "nodes"]
            + lines(spec.fingerprints()) + ["state"] + lines(spec.stateFingerprints())
        expectGolden(text.joined(separator: "\n") + "\n", "fingerprints/everything.txt")
        #expect(
            spec.statefulNodes == ["events", "made", "users", "hourly", "totals"])
    }

    @Test(
        "and the meaning do not see what means nothing",
        arguments: [
            ("pipeline: everything", "# said\npipeline: 'everything'  # named"),
            ("amount > $limit", "amount>$limit"),
            ("amount > $limit", "(amount > 10)"),
            ("parameters: {limit: 10}", "parameters: {limit: 10, unused: 1}"),
            ("pipeline: everything", "pipeline: everything\ndescription: All of it"),
            ("lower(id): id}", "'LOWER( id )': id}"),
            ("emit", "emit"),
        ])
    func insignificant(_ old: String, _ new: String) throws {
        let first = try spec()
        let second = try spec(everything.replacing(old, with: new))
        #expect(first.meaning == second.meaning)
        #expect(first.fingerprints() == second.fingerprints())
    }

    @Test(
        "change for the node and all that it feeds, and for nothing else",
        arguments: [
            (
                "amount > $limit", "amount >= $limit",
                "all named hourly totals hours total late lost"
            ),
            ("limit: 10", "limit: 11", "all named hourly totals hours total late lost"),
            ("name = ''", "name = '-'", "users named hourly totals hours total late lost"),
            ("n > 1", "n > 2", "hourly hours"),
            ("grace: 5s", "grace: 6s", "hourly hours late"),
            ("out/late.json", "out/later.json", "late"),
            ("seed: 7", "seed: 8", "made all named hourly totals hours total late lost"),
            ("follow: true", "follow: false", ""),
            ("rate: 10", "rate: 20", ""),
            ("refresh: 1m", "refresh: 2m", ""),
            ("checkpoint_interval: 2s", "checkpoint_interval: 3s", ""),
        ])
    func significant(_ old: String, _ new: String, _ changed: String) throws {
        let first = try spec()
        let second = try spec(everything.replacing(old, with: new))
        #expect(first.meaning != second.meaning)
        let before = first.fingerprints()
        let names = second.fingerprints().filter { before[$0.key] != $0.value }.map(\.key)
        #expect(Set(names) == Set(changed.split(separator: " ").map(String.init)))
    }

    @Test(
        "of a nexmark source see what its rows depend on, and not how many there are",
        arguments: [
            ("nexmark: bid", "nexmark: auction", true), ("seed: 1", "seed: 2", true),
            ("rate: 200", "rate: 100", true), ("events: 50", "events: 60", false),
            ("seed: 1", "seed: 1, start: 2026-01-01T00:00:00Z", false),
            ("seed: 1", "seed: 1, start: 2026-01-02T00:00:00Z", true),
        ])
    func nexmark(_ old: String, _ new: String, _ isOther: Bool) throws {
        let text = """
            pipeline: p
            sources:
              s: {generate: {nexmark: bid, seed: 1, rate: 200, events: 50}}
            sinks:
              out: {from: s, stdout: {}, format: json}
            """
        let first = try spec(text)
        let second = try spec(text.replacing(old, with: new))
        #expect((first.fingerprints()["s"] != second.fingerprints()["s"]) == isOther)
        let isSame = new == old || new.contains("01-01")
        #expect((first.meaning == second.meaning) == isSame)
    }

    @Test("of state do not see what comes after it")
    func state() throws {
        let first = try spec()
        let second = try spec(
            everything.replacing("n > 1", with: "n > 2")
                .replacing("on_error: fail", with: "on_error: dead_letter"))
        #expect(first.stateFingerprints() == second.stateFingerprints())
        let third = try spec(everything.replacing("1h, every", with: "2h, every"))
        #expect(first.stateFingerprints()["hourly"] != third.stateFingerprints()["hourly"])
        #expect(first.stateFingerprints()["totals"] == third.stateFingerprints()["totals"])
    }

    @Test("do not hold the values of variables, while the meaning does")
    func secrets() throws {
        let first = try spec(variables: ["DATA": "one"])
        let second = try spec(variables: ["DATA": "two"])
        #expect(first.fingerprints() == second.fingerprints())
        #expect(first.meaning != second.meaning)
    }

    @Test("are of nodes by any name")
    func renamed() throws {
        let first = try spec().fingerprints()
        let second = try spec(everything.replacing("named", with: "renamed")).fingerprints()
        #expect(first["named"] == second["renamed"])
        #expect(first["hours"] == second["hours"])
    }

    @Test("explain what runs, as text and JSON")
    func explanation() throws {
        let explanation = PipelineExplanation(try spec())
        expectGolden(explanation.text, "explain/everything.txt")
        expectGolden(explanation.json + "\n", "explain/everything.json")
    }
}
