extension Command {
    static let metrics = Command(
        name: "metrics", group: .ask, summary: "the daemon's figures as OpenMetrics text",
        flags: [.format(), .socket],
        examples: [
            Example(
                "pipelined metrics > /var/lib/node_exporter/pipelined.prom",
                "hand them to Prometheus' node exporter")
        ]
    ) { invocation, terminal in
        DaemonClient.answer(invocation, terminal, "metrics") {
            ($0["text"]?.text ?? "").trimmingNewlines
        }
    }
}
