extension Command {
    static let reset = Command(
        name: "reset", group: .change, summary: "drop a pipeline's state and read from the start",
        operands: [.pipeline],
        flags: [
            Flag(
                name: "output", value: .choice(["keep", "replace"]),
                summary: "what becomes of the rows its file sinks have written"),
            Flag(name: "yes", letter: "y", summary: "do not ask"),
            Flag(
                name: "format", letter: "o", value: .choice(["text", "json"]),
                summary: "how to print the answer", defaultText: "text"),
            .socket,
        ],
        notes: """
            Source positions, windows and tables go, and everything is read again from its start. With
            '--output keep' the rows are written behind those that stand in the files; with
            '--output replace' the files are begun anew. There is no default: say which.
            """,
        examples: [
            Example(
                "pipelined reset ad-campaigns --output replace",
                "compute it all again, after it has said what that drops and asked")
        ]
    ) { invocation, terminal in
        let name = invocation.operands.first ?? ""
        guard let output = invocation.text("output") else {
            terminal.fail("'reset' needs --output keep or --output replace")
            return .usage
        }
        return DaemonClient.with(invocation, terminal) { client throws(ControlFailure) in
            let params = JSONObject([("name", .string(name))])
            let description = try client.request("describe", params) ?? .null
            if !invocation.isSet("yes") {
                terminal.note(loss(name, description, output))
                switch terminal.confirm("reset '\(name)'?") {
                case true?: break
                case false?:
                    terminal.note("nothing was changed")
                    return .failed
                case nil:
                    terminal.fail("nobody is there to ask; say --yes")
                    return .usage
                }
            }
            var request = params
            request["output"] = .string(output)
            let answer = try client.request("reset", request, timeoutMicros: 300_000_000) ?? .null
            terminal.print(invocation.isJSON ? answer.indented : "'\(name)' is reset")
            return .done
        }
    }

    private static func loss(_ name: String, _ description: JSONValue, _ output: String) -> String {
        let entries = description["state_entries"]?.integer ?? 0
        let bytes = description["state_bytes"]?.integer ?? 0
        let rows = description["rows"]?.integer ?? 0
        var lines = [
            "this drops of '\(name)':",
            "  \(entries) entries of state (\(HumanText.bytes(bytes)))",
            "  the positions of its sources, \(rows) rows in",
        ]
        for sink in description["sinks"]?.array ?? [] {
            let written = sink["rows"]?.integer ?? 0
            lines.append(
                "  sink '\(sink["name"]?.text ?? "")': its \(written) rows "
                    + (output == "replace" ? "are removed" : "stay, and come once more"))
        }
        return lines.joined(separator: "\n")
    }
}
