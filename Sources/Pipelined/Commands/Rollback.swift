extension Command {
    static let rollback = Command(
        name: "rollback", group: .change,
        summary: "go back to a pipeline's spec before this one",
        operands: [.pipeline], flags: [.format(), .socket],
        notes: """
            The spec that was applied before takes the place of the file's, with what of its state is
            still the same, until the file says something new. What becomes of the rest of the state,
            'settings.on_change' of that spec says.
            """,
        examples: [
            Example("pipelined rollback ad-campaigns", "undo the last change, until the next one")
        ]
    ) { invocation, terminal in
        let name = invocation.operands.first ?? ""
        return DaemonClient.answer(
            invocation, terminal, "rollback", JSONObject([("name", .string(name))]),
            timeoutMicros: 300_000_000
        ) { _ in "'\(name)' goes back to the spec before" }
    }
}
