extension Command {
    static let wait = Command(
        name: "wait", group: .ask, summary: "wait until pipelines are as they should be",
        operands: [
            Operand(
                placeholder: "NAME", summary: "the pipeline; all of them without it",
                count: .optional, kind: .pipeline)
        ],
        flags: [
            Flag(
                name: "for", value: .text("GOAL"),
                summary: "ready, caught-up, finished or revision=SHA", defaultText: "ready"),
            Flag(
                name: "timeout", value: .duration, summary: "how long at most", defaultText: "5m"),
            .format(), .socket,
        ],
        notes: """
            Exits with 1 when the time is over, and at once when a pipeline is stalled, since only a
            person can go on then.
            """,
        examples: [
            Example("pipelined wait --for ready --timeout 1m", "in a script, after 'serve' began"),
            Example(
                "pipelined wait --for revision=$(git rev-parse HEAD)",
                "until the specs of this commit run"),
        ]
    ) { invocation, terminal in
        var params = JSONObject()
        params["name"] = invocation.operands.first.map(JSONValue.string)
        params["for"] = .string(invocation.text("for") ?? "ready")
        let timeout = invocation.micros("timeout") ?? 300_000_000
        params["timeout_micros"] = .integer(timeout)
        return DaemonClient.answer(
            invocation, terminal, "wait", params,
            timeoutMicros: timeout.saturatingAdd(10_000_000)
        ) { answer in
            let names = answer["waited_for"]?.array?.compactMap(\.text) ?? []
            return names.isEmpty ? "done; there are no pipelines" : names.joined(separator: "\n")
        }
    }
}
