extension Command {
    static let status = Command(
        name: "status", group: .ask, summary: "one line a pipeline: how things stand",
        operands: [
            Operand(
                placeholder: "NAME", summary: "only these pipelines", count: .any, kind: .pipeline)
        ],
        flags: [
            .format(["text", "wide", "json", "names"]),
            Flag(name: "watch", letter: "w", summary: "again and again, until interrupted"),
            Flag(
                name: "interval", value: .duration, summary: "how often --watch looks",
                defaultText: "1s"),
            .socket,
        ],
        notes: """
            LAG is input that is there and not yet read (bytes of files, otherwise rows), RATE rows
            read per second, STATE the size of the keyed state, LATE and DEAD the rows that came too
            late and that were set aside, AGE the time since the graph was started.
            """,
        examples: [
            Example("pipelined status", "show all pipelines"),
            Example("pipelined status --watch", "keep the table up to date"),
            Example(
                "pipelined status -o json | jq '.pipelines[] | select(.ready | not)'",
                "those that are not ready, for a script"),
        ]
    ) { invocation, terminal in
        var params = JSONObject()
        params["names"] = .array(invocation.operands.map(JSONValue.string))
        let format = invocation.text("format") ?? "text"
        func text(_ answer: JSONValue, isLine: Bool) -> String {
            switch format {
            case "json": return isLine ? answer.rendered : answer.indented
            case "names":
                let rows = answer["pipelines"]?.array ?? []
                return rows.compactMap { $0["name"]?.text }.joined(separator: "\n")
            default: return StatusTable.render(answer, isWide: format == "wide", terminal)
            }
        }
        return DaemonClient.with(invocation, terminal) { client throws(ControlFailure) in
            guard invocation.isSet("watch") else {
                let answer = try client.request("status", params) ?? .null
                terminal.print(text(answer, isLine: false))
                return .done
            }
            params["watch"] = true
            let interval = invocation.micros("interval") ?? 1_000_000
            params["interval_micros"] = .integer(interval)
            let timeout = interval.saturatingAdd(30_000_000)
            _ = try client.request("status", params, timeoutMicros: timeout) { item in
                if terminal.isOutputTerminal, format != "json" {
                    terminal.write("\u{1b}[H\u{1b}[2J", to: .output)
                }
                terminal.print(text(item, isLine: true))
                return !terminal.isOutputClosed
            }
            return .done
        }
    }
}
