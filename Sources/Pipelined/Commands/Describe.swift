extension Command {
    static let describe = Command(
        name: "describe", group: .ask, summary: "all that is known of one pipeline",
        operands: [.pipeline], flags: [.format(), .socket],
        examples: [
            Example(
                "pipelined describe ad-campaigns",
                "conditions, figures of every node, guarantees, last events")
        ]
    ) { invocation, terminal in
        let name = invocation.operands.first ?? ""
        return DaemonClient.answer(
            invocation, terminal, "describe", JSONObject([("name", .string(name))])
        ) { DescriptionText.render($0, terminal) }
    }
}

/// What `describe` prints.
enum DescriptionText {
    static func render(_ answer: JSONValue, _ terminal: Terminal) -> String {
        var blocks: [String] = [head(answer, terminal)]
        blocks.append(conditions(answer, terminal))
        let parts: [(String, [(String, String)])] = [
            (
                "sources",
                [
                    ("NAME", "name"), ("ROWS", "rows"), ("INVALID", "invalid"), ("READ", "done"),
                    ("OF", "total"), ("WATERMARK", "watermark"), ("HELD BY", "held_by"),
                ]
            ),
            (
                "nodes",
                [
                    ("NAME", "name"), ("IN", "rows_in"), ("OUT", "rows_out"), ("LATE", "late"),
                    ("UNMATCHED", "unmatched"), ("INVALID", "invalid"), ("STATE", "state_entries"),
                    ("BYTES", "state_bytes"), ("RATE", "rate"), ("WATERMARK", "watermark"),
                ]
            ),
            (
                "sinks",
                [
                    ("NAME", "name"), ("ROWS", "rows"), ("BYTES", "bytes"),
                    ("GUARANTEE", "guarantee"),
                ]
            ),
        ]
        for (key, columns) in parts {
            let rows = (answer[key]?.array ?? []).map(withRate)
            if !rows.isEmpty { blocks.append(table(key, columns, rows, terminal)) }
        }
        if let problem = answer["problem"]?["rendered"]?.text {
            blocks.append(problem.trimmingNewlines)
        }
        let applies = (answer["applies"]?.array ?? []).map { apply -> JSONValue in
            var object = apply.object ?? JSONObject()
            let micros = apply["duration_micros"]?.integer ?? 0
            object["took"] = .string(
                micros < 1_000_000
                    ? "\(micros / 1000) ms" : HumanText.duration(micros: micros))
            return .object(object)
        }
        if !applies.isEmpty {
            let columns = [
                ("AT", "at"), ("GENERATION", "generation"), ("REVISION", "revision"),
                ("RESULT", "result"), ("TOOK", "took"), ("STATE", "message"),
            ]
            blocks.append(table("changes", columns, applies, terminal))
        }
        let events = answer["events"]?.array ?? []
        if !events.isEmpty {
            let lines = events.suffix(10).map { EventText.line($0, terminal) }
            blocks.append(([terminal.styled("events", .bold)] + lines).joined(separator: "\n"))
        }
        return blocks.joined(separator: "\n\n")
    }

    /// A row of figures with its rate as people read it.
    private static func withRate(_ row: JSONValue) -> JSONValue {
        guard var object = row.object, let rate = row["rows_per_second"]?.double else { return row }
        object["rate"] = .string(HumanText.count(rate) + "/s")
        return .object(object)
    }

    private static func head(_ answer: JSONValue, _ terminal: Terminal) -> String {
        func text(_ key: String) -> String { answer[key]?.text ?? "-" }
        var lines = [terminal.styled(text("name"), .bold)]
        if let description = answer["description"]?.text { lines[0] += ": \(description)" }
        let generation = answer["generation"]?.integer ?? 0
        let observed = answer["observed_generation"]?.integer ?? 0
        let figures: [(String, String)] = [
            ("file", text("file")), ("phase", text("phase")),
            (
                "generation",
                generation == observed
                    ? "\(generation)" : "\(generation), of which \(observed) runs"
            ),
            ("revision", text("revision")), ("started", text("started_at")),
            ("watermark", watermark(answer)),
            (
                "rows",
                "\(answer["rows"]?.integer ?? 0) read, "
                    + "\(HumanText.count(answer["rows_per_second"]?.double ?? 0))/s, lag "
                    + HumanText.count(answer["lag"]?.integer ?? 0)
            ),
            ("history", StatusTable.history(answer["history"]) ?? "-"),
            ("rebuild", rebuild(answer["rebuild"])),
            ("plan", text("pending_plan")),
            (
                "state",
                "\(answer["state_entries"]?.integer ?? 0) entries, "
                    + HumanText.bytes(answer["state_bytes"]?.integer ?? 0)
            ),
            ("checkpoint", checkpoint(answer["checkpoint"])),
            (
                "set aside",
                "\(answer["late"]?.integer ?? 0) late, "
                    + "\(answer["dead_letters"]?.integer ?? 0) dead letters"
            ),
            ("restarts", "\(answer["restarts"]?.integer ?? 0)"),
            ("last error", text("last_error")), ("next retry", text("next_retry_at")),
        ]
        for (label, value) in figures where value != "-" {
            lines.append("  \(label)\(String(repeating: " ", count: 12 - label.count))\(value)")
        }
        for fate in answer["last_change"]?.array ?? [] {
            let reason = fate["reason"]?.text ?? ""
            lines.append(
                "  the last change: \(fate["kind"]?.text ?? "") '\(fate["node"]?.text ?? "")' "
                    + (fate["fate"]?.text ?? "") + (reason.isEmpty ? "" : ", because \(reason)"))
        }
        return lines.joined(separator: "\n")
    }

    /// With what holds it back: the source, and the split of that.
    private static func watermark(_ answer: JSONValue) -> String {
        let text = answer["watermark"]?.text ?? "-"
        let sources = answer["sources"]?.array ?? []
        let held = answer["watermark_held_by"]?.text
        let source =
            sources.first { $0["name"]?.text == held } ?? (sources.count == 1 ? sources[0] : nil)
        let split = source?["held_by"]?.text
        guard let name = held ?? (split == nil ? nil : source?["name"]?.text) else { return text }
        return "\(text), held back by source '\(name)'" + (split.map { " (\($0))" } ?? "")
    }

    private static func rebuild(_ rebuild: JSONValue?) -> String {
        guard let rebuild, let rows = rebuild["rows"]?.integer else { return "-" }
        var text = "\(HumanText.count(rows)) rows of history read"
        if let share = rebuild["share"]?.double { text += ", \(Int(share * 100)) %" }
        if rebuild["caught_up"]?.bool == true { return text + ", caught up" }
        if let left = rebuild["micros_left"]?.integer {
            text += ", \(HumanText.duration(micros: left)) left"
        }
        return text
    }

    private static func checkpoint(_ checkpoint: JSONValue?) -> String {
        guard let checkpoint, let epoch = checkpoint["epoch"]?.integer else { return "-" }
        let millis = Double(checkpoint["duration_micros"]?.integer ?? 0) / 1000
        return "epoch \(epoch) at \(checkpoint["at"]?.text ?? "-"), "
            + "took \(HumanText.fixed(millis, 1)) ms"
    }

    private static func conditions(_ answer: JSONValue, _ terminal: Terminal) -> String {
        var table = TextTable([
            .init("CONDITION"), .init("STATUS"), .init("SINCE"), .init("REASON"), .init("MESSAGE"),
        ])
        table.rows = (answer["conditions"]?.array ?? []).map { condition in
            [
                condition["type"]?.text ?? "",
                condition["status"]?.bool == true ? "True" : "False",
                condition["last_transition_at"]?.text ?? "-", condition["reason"]?.text ?? "",
                condition["message"]?.text ?? "",
            ]
        }
        return table.rendered { row, _, cell in
            row == nil ? terminal.styled(cell, .bold) : cell
        }
    }

    private static func table(
        _ title: String, _ columns: [(String, String)], _ rows: [JSONValue], _ terminal: Terminal
    ) -> String {
        let isNumber = { (key: String) in rows.contains { $0[key]?.integer != nil } }
        var table = TextTable(columns.map { .init($0.0, isRight: isNumber($0.1)) })
        table.rows = rows.map { row in
            columns.map { row[$0.1]?.text ?? row[$0.1]?.integer.map { "\($0)" } ?? "-" }
        }
        return terminal.styled(title, .bold) + "\n" + table.rendered()
    }
}
