extension Command {
    static let metrics = Command(
        name: "metrics", group: .ask, summary: "the daemon's figures, for Prometheus",
        flags: [.format(["text", "prometheus", "json"]), .socket],
        notes: """
            'text' is OpenMetrics, which Prometheus asks for over HTTP; 'prometheus' the older text format,
            which the node exporter reads from files.
            """,
        examples: [
            Example("pipelined metrics", "all figures"),
            Example(
                "pipelined metrics -o prometheus > /var/lib/node_exporter/pipelined.prom",
                "hand them to Prometheus' node exporter"),
        ]
    ) { invocation, terminal in
        DaemonClient.answer(invocation, terminal, "metrics") {
            let text = ($0["text"]?.text ?? "").trimmingNewlines
            return invocation.text("format") == "prometheus" ? PrometheusText.of(text) : text
        }
    }
}

/// OpenMetrics as Prometheus' older text format, 0.0.4.
enum PrometheusText {
    /// There a family has the name of its samples, and is neither `info` nor ended by a line.
    ///
    /// - Parameter openMetrics: As the daemon gives it: a family's `TYPE` before its `HELP` and samples.
    static func of(_ openMetrics: String) -> String {
        var lines: [String] = []
        var suffix = ""
        for line in openMetrics.split(separator: "\n") where line != "# EOF" {
            let words = line.split(separator: " ", maxSplits: 3)
            guard words.count == 4, words[0] == "#" else {
                lines.append(String(line))
                continue
            }
            var rest = words[3]
            if words[1] == "TYPE" {
                suffix = rest == "counter" ? "_total" : rest == "info" ? "_info" : ""
                if rest == "info" { rest = "gauge" }
            }
            lines.append("# \(words[1]) \(words[2])\(suffix) \(rest)")
        }
        return lines.joined(separator: "\n")
    }
}
