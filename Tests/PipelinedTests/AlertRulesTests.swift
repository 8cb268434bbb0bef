import Foundation
import TestSupport
import Testing

@testable import Pipelined

@Suite("Alerts and metrics")
struct AlertRulesTests {
    private static let folder = repositoryRoot.appendingPathComponent("packaging/prometheus")

    private func text(_ name: String) throws -> String {
        try String(contentsOf: Self.folder.appendingPathComponent(name), encoding: .utf8)
    }

    /// The names of all samples that there can be, also of families without one now.
    private func sampleNames() throws -> Set<String> {
        let daemon = try TestDaemon(specs: ["a.yaml": "a 1"])
        defer { daemon.close() }
        try daemon.converge()
        var names: Set<String> = []
        for line in daemon.run("metrics").output.split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count == 4, words[1] == "TYPE" {
                let suffix =
                    words[3] == "counter" ? "_total" : words[3] == "info" ? "_info" : ""
                names.insert(words[2] + suffix)
            }
        }
        return names
    }

    @Test("every metric of a rule, and of a rule's test, is one that the daemon gives")
    func names() throws {
        let known = try sampleNames()
        #expect(known.count > 25)
        for name in ["pipelined.rules.yml", "pipelined.test.yml"] {
            let used = try text(name).matches(of: /pipelined_[a-z_]+/).map { String($0.0) }
            #expect(used.count > 20)
            for metric in Set(used).sorted() {
                #expect(known.contains(metric), "\(metric) in \(name)")
            }
        }
    }

    @Test("every alert is in the page of operations, and says what to do")
    func page() throws {
        let page = try String(
            contentsOf: repositoryRoot.appendingPathComponent("docs/operations.md"),
            encoding: .utf8)
        let rules = try text("pipelined.rules.yml")
        let alerts = rules.matches(of: /alert: (\w+)/).map { String($0.1) }
        #expect(alerts.count == 17)
        for alert in alerts { #expect(page.contains("`\(alert)`"), "\(alert)") }
        #expect(rules.matches(of: #/\n {10}do: /#).count == alerts.count)
        #expect(rules.matches(of: #/\n {10}summary: /#).count == alerts.count)
    }

    @Test("the older text format names families as their samples")
    func prometheus() {
        let text = PrometheusText.of(
            """
            # TYPE pipelined_build info
            # HELP pipelined_build The version that runs.
            pipelined_build_info{version="0.1.0"} 1
            # TYPE pipelined_rows counter
            # HELP pipelined_rows Rows read.
            pipelined_rows_total{pipeline="a b c d"} 7
            # TYPE pipelined_lag gauge
            # HELP pipelined_lag Input.
            pipelined_lag 3
            # EOF
            """)
        #expect(
            text == """
                # TYPE pipelined_build_info gauge
                # HELP pipelined_build_info The version that runs.
                pipelined_build_info{version="0.1.0"} 1
                # TYPE pipelined_rows_total counter
                # HELP pipelined_rows_total Rows read.
                pipelined_rows_total{pipeline="a b c d"} 7
                # TYPE pipelined_lag gauge
                # HELP pipelined_lag Input.
                pipelined_lag 3
                """)
    }
}
