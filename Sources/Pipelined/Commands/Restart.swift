extension Command {
    static let restart = Command(
        name: "restart", group: .change,
        summary: "stop a pipeline and start it from its checkpoint",
        operands: [.pipeline], flags: [.format(), .socket],
        notes: """
            A pipeline that has failed, is stalled or has finished is started again at once.
            """,
        examples: [
            Example("pipelined restart ad-campaigns", "start it again, also when it is stalled")
        ]
    ) { invocation, terminal in
        let name = invocation.operands.first ?? ""
        return DaemonClient.answer(
            invocation, terminal, "restart", JSONObject([("name", .string(name))]),
            timeoutMicros: 300_000_000
        ) { _ in "'\(name)' is restarted" }
    }
}
