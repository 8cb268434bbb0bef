extension Command {
    static let resume = Command(
        name: "resume", group: .change,
        summary: "start a pipeline that was paused, or end a rollback",
        operands: [.pipeline], flags: [.format(), .socket],
        notes: """
            It goes on where its last checkpoint is. A pipeline that is stalled is tried again; one that
            was rolled back takes up what its file says.
            """,
        examples: [Example("pipelined resume ad-campaigns", "go on after 'pause'")]
    ) { invocation, terminal in
        let name = invocation.operands.first ?? ""
        return DaemonClient.answer(
            invocation, terminal, "resume", JSONObject([("name", .string(name))]),
            timeoutMicros: 300_000_000
        ) { _ in "'\(name)' is resumed" }
    }
}
