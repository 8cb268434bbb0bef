extension Command {
    static let reload = Command(
        name: "reload", group: .change, summary: "look at the specs now, carry out what follows",
        flags: [
            Flag(
                name: "allow-empty",
                summary: "also stop pipelines when more than half of the specs are gone"),
            Flag(
                name: "timeout", value: .duration, summary: "how long to wait for the changes",
                defaultText: "5m"),
            .format(), .socket,
        ],
        notes: """
            The daemon watches the directory by itself; this waits until the changes are done, and also
            reads specs again whose ${VARIABLES} or secrets have changed. Exits with 1 when a spec has
            errors.
            """,
        examples: [
            Example("git pull && pipelined reload", "apply what was pulled and say what changed")
        ]
    ) { invocation, terminal in
        var params = JSONObject()
        if invocation.isSet("allow-empty") { params["allow_empty"] = true }
        let timeout = invocation.micros("timeout") ?? 300_000_000
        return DaemonClient.with(invocation, terminal) { client throws(ControlFailure) in
            let answer = try client.request("reload", params, timeoutMicros: timeout) ?? .null
            terminal.print(
                invocation.isJSON
                    ? answer.indented
                    : ChangeText.render(answer, none: "nothing to change", terminal))
            return answer["problems"]?.array?.isEmpty == false ? .failed : .done
        }
    }
}
