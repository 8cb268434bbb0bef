extension Command {
    static let rebuild = Command(
        name: "rebuild", group: .change,
        summary: "build a pipeline's state anew from history, beside what runs",
        operands: [.pipeline],
        flags: [
            Flag(
                name: "from", value: .text("TIME"),
                summary: "begin there: earliest, 2026-01-01T00:00:00Z, or 30d ago; for when the "
                    + "start of history is no longer kept",
                defaultText: "where its state began"),
            .format(), .socket,
        ],
        notes: """
            The running version goes on until the new state has caught up with it; then that takes
            over with the next checkpoint. Files and topics are read again, as fast as they can be.
            Follow it with 'pipelined status --watch'.
            """,
        examples: [
            Example("pipelined rebuild ad-campaigns", "compute its windows and counts once more"),
            Example("pipelined rebuild ad-campaigns --from 30d", "from the last thirty days alone"),
        ]
    ) { invocation, terminal in
        let name = invocation.operands.first ?? ""
        var params = JSONObject([("name", .string(name))])
        if let from = invocation.text("from") { params["from"] = .string(from) }
        return DaemonClient.answer(
            invocation, terminal, "rebuild", params, timeoutMicros: 300_000_000
        ) { _ in "'\(name)' is being rebuilt" }
    }
}
