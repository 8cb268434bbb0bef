extension Command {
    static let approve = Command(
        name: "approve", group: .change,
        summary: "let a change pass that waits for it ('settings.approve: manual')",
        operands: [.pipeline],
        flags: [
            Flag(
                name: "plan", value: .text("HASH"),
                summary: "the plan that is approved, as 'pipelined diff' shows it"),
            .format(), .socket,
        ],
        notes: """
            A plan names what would become of every node's state. If the spec, or the state, has
            changed since it was looked at, it is another one, and the approval is refused.
            """,
        examples: [
            Example(
                "pipelined approve ad-campaigns --plan 5f2c09d1a3be", "after 'pipelined diff'")
        ]
    ) { invocation, terminal in
        let name = invocation.operands.first ?? ""
        guard let plan = invocation.text("plan") else {
            terminal.fail("'approve' needs --plan HASH; 'pipelined diff' shows it")
            return .usage
        }
        return DaemonClient.answer(
            invocation, terminal, "approve",
            JSONObject([("name", .string(name)), ("plan", .string(plan))]),
            timeoutMicros: 300_000_000
        ) { _ in "the change of '\(name)' is approved" }
    }
}
