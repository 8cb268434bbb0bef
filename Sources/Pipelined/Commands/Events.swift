extension Command {
    static let events = Command(
        name: "events", group: .ask, summary: "what has happened to a pipeline",
        operands: [
            Operand(
                placeholder: "NAME", summary: "the pipeline; all of them without it",
                count: .optional, kind: .pipeline)
        ],
        flags: [
            Flag(name: "follow", letter: "f", summary: "go on with what happens from now on"),
            .format(), .socket,
        ],
        notes: "The last \(EventRing.capacity) events of each pipeline are kept, in memory.",
        examples: [
            Example("pipelined events ad-campaigns", "its last starts, failures and changes"),
            Example("pipelined events --follow", "watch what happens to all pipelines"),
        ]
    ) { invocation, terminal in
        var params = JSONObject()
        params["name"] = invocation.operands.first.map(JSONValue.string)
        if invocation.isSet("follow") { params["follow"] = true }
        let timeout: Int64? = invocation.isSet("follow") ? nil : 30_000_000
        return DaemonClient.with(invocation, terminal) { client throws(ControlFailure) in
            _ = try client.request("events", params, timeoutMicros: timeout) { item in
                terminal.print(invocation.isJSON ? item.rendered : EventText.line(item, terminal))
                return !terminal.isOutputClosed
            }
            return .done
        }
    }
}

/// One event on one line.
enum EventText {
    static func line(_ event: JSONValue, _ terminal: Terminal) -> String {
        let isWarning = event["severity"]?.text == "warning"
        let reason = event["reason"]?.text ?? ""
        return [
            event["at"]?.text ?? "", event["pipeline"]?.text ?? "",
            terminal.styled(reason, isWarning ? .red : .green), event["message"]?.text ?? "",
        ].joined(separator: "  ")
    }
}
