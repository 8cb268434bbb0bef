extension Command {
    static let pause = Command(
        name: "pause", group: .change,
        summary: "stop a pipeline with a last checkpoint, until 'resume'",
        operands: [.pipeline], flags: [.format(), .socket],
        notes: """
            A pause is kept over restarts of the daemon and over changes of the spec.
            """,
        examples: [Example("pipelined pause ad-campaigns", "stop it; its state stays")]
    ) { invocation, terminal in
        let name = invocation.operands.first ?? ""
        return DaemonClient.answer(
            invocation, terminal, "pause", JSONObject([("name", .string(name))]),
            timeoutMicros: 300_000_000
        ) { _ in "'\(name)' is paused" }
    }
}
