import Config
import Foundation
import TestSupport
import Testing

@testable import Pipelined

/// What becomes of state, from two specs alone.
@Suite("Fates of state")
struct StateFateTests {
    private func change(
        _ old: String, _ new: String, policy: String = "rebuild"
    ) throws -> StateChange {
        let folder = try TemporaryFolder("fates")
        let settings = "\nsettings: {on_change: \(policy)}\n"
        let before = try loadSpec(old, in: folder)
        let after = try loadSpec(new + settings, in: folder)
        return StateChange(
            from: PipelineMeaning(before), to: PipelineMeaning(after), rules: ChangeRules(after))
    }

    private static func spec(
        join: String = "", columns: String = "", time: String = "event_time: {column: at}",
        window: String = "10s", refresh: String = "", mode: String = "upsert", sum: String = "n"
    ) -> String {
        """
        pipeline: p
        sources:
          events:
            file: {path: "in/*.ndjson", follow: true}
            format: json
            schema: {k: string, n: bigint, at: timestamp(ms)}
            \(time)\(columns)
        tables:
          names:
            file: {path: in/names.csv\(refresh)}
            format: csv
            schema: {k: string, name: string}
            key: [k]
        steps:
          named:
            from: events
            join: {table: names, match: [k], type: left}
          totals:
            from: named
            aggregate: {group_by: [name], compute: {total: sum(\(sum))}}
          windows:
            from: events
            aggregate: {window: {tumbling: \(window)}, group_by: [k], compute: {n: count(*)}}
        sinks:
          out: {from: totals, file: {path: out/o.ndjson}, format: json, mode: \(mode)}
          closed: {from: windows, file: {path: out/w.ndjson}, format: json}
        """
    }

    @Test(
        "what stands in a sink is not told from history where a table has changed",
        arguments: [
            "upsert", "changelog",
        ])
    func changingTable(mode: String) throws {
        let refreshed = Self.spec(refresh: ", refresh: 1m", mode: mode)
        let edited = Self.spec(refresh: ", refresh: 1m", mode: mode, sum: "n + 1")
        let refused = try change(refreshed, edited)
        #expect(refused.refusal?.contains("'out'") == true)
        #expect(refused.refusal?.contains("rows of the table 'names' may have changed") == true)
        // A table that does not change is read as it was.
        let plain = try change(Self.spec(mode: mode), Self.spec(mode: mode, sum: "n + 1"))
        #expect(plain.refusal == nil)
        #expect(plain.rebuilt == ["totals", "out"])
        #expect(try change(refreshed, edited, policy: "discard").refusal == nil)
        let replaced = try change(
            refreshed, edited, policy: "{rebuild: {output: replace}}")
        #expect(replaced.replacesOutput)
        #expect(replaced.refusal == nil)
    }

    @Test("windows over the time of arrival are not rebuilt")
    func arrival() throws {
        let old = Self.spec(time: "event_time: arrival")
        let new = Self.spec(time: "event_time: arrival", window: "20s")
        let refused = try change(old, new)
        #expect(refused.refusal?.contains("'windows'") == true)
        #expect(refused.refusal?.contains("time of their arrival") == true)
        #expect(try change(old, new, policy: "discard").changed.map(\.fate) == [.anew])
    }

    @Test("paths of files that may have other names by now are not guessed")
    func paths() throws {
        let columns = "\n    metadata: {path: file.path}"
        let old = Self.spec(columns: columns)
        let new = Self.spec(columns: columns, sum: "n + 1")
        #expect(try change(old, new).refusal?.contains("paths of files") == true)
    }

    @Test("a reason names the first node that was edited")
    func reasons() throws {
        let old = Self.spec()
        let new = old.replacingOccurrences(of: "type: left", with: "type: inner")
        let reasons = Dictionary(
            uniqueKeysWithValues: try change(old, new).changed.map { ($0.node, $0.reason) })
        #expect(reasons["totals"] == "'named', which feeds it, has changed")
        #expect(reasons["out"] == "'named', which feeds it, has changed")
        #expect(reasons["windows"] == nil)
        let own = try change(old, Self.spec(window: "20s")).changed
        #expect(own.map(\.reason) == ["its definition has changed"])
    }
}
