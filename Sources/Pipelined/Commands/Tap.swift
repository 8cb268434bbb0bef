extension Command {
    static let tap = Command(
        name: "tap", group: .ask, summary: "live rows that leave a node, one JSON object a line",
        operands: [
            Operand(
                placeholder: "NAME/NODE",
                summary: "a pipeline's node or port: ad-campaigns/views, ad-campaigns/views.late",
                count: .one, kind: .pipeline)
        ],
        flags: [
            Flag(name: "limit", value: .count(1...Int64.max), summary: "end after so many rows"),
            .format(), .socket,
        ],
        notes: """
            A tap never slows the pipeline: rows that are not read in time are dropped, and standard
            error says how many.
            """,
        examples: [
            Example("pipelined tap ad-campaigns/views --limit 10", "see ten rows of a step"),
            Example(
                "pipelined tap ad-campaigns/per_campaign.late | jq .", "see what comes too late"),
        ]
    ) { invocation, terminal in
        let parts = (invocation.operands.first ?? "").split(
            separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
            terminal.fail("'tap' takes NAME/NODE, such as ad-campaigns/views")
            return .usage
        }
        var params = JSONObject([
            ("name", .string(String(parts[0]))), ("node", .string(String(parts[1]))),
        ])
        params["limit"] = invocation.count("limit").map(JSONValue.integer)
        return DaemonClient.with(invocation, terminal) { client throws(ControlFailure) in
            _ = try client.request(
                "tap", params, timeoutMicros: nil,
                onItem: { item in
                    if let dropped = item["dropped"]?.integer {
                        terminal.note("\(dropped) rows were not read in time and left out")
                    }
                    return !terminal.isOutputClosed
                },
                onRow: { row in
                    terminal.print(row)
                    return !terminal.isOutputClosed
                })
            return .done
        }
    }
}
