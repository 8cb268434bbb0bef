extension Command {
    static let topics = Command(
        name: "topics", group: .topics,
        summary: "one line a topic: rows, size, who writes and reads",
        flags: topicsLs.flags, notes: topicsLs.notes,
        examples: [
            Example("pipelined topics", "show all topics"),
            Example("pipelined topics describe clicks", "all that is known of one"),
        ], subcommands: [topicsLs, topicsDescribe, topicsDelete, topicsVerify],
        run: topicsLs.run)

    static let topicsLs = Command(
        name: "topics ls", group: .topics, summary: "one line a topic, as 'topics' alone",
        flags: [.format(["text", "wide", "json", "names"]), .topicState, .socket],
        notes: """
            OLDEST and NEWEST are event times. WRITERS and READERS are those that are attached now, LAG
            the committed rows that the slowest reader has not read.
            """,
        examples: [
            Example("pipelined topics ls", "show all topics"),
            Example(
                "pipelined topics ls -o json | jq '.topics[] | select(.lag > 1000)'",
                "those with a reader that is behind, for a script"),
        ]
    ) { invocation, terminal in
        TopicAccess.with(invocation, terminal, isJSON: invocation.isJSON) {
            access throws(ControlFailure) in
            let answer = try access.request("topics")
            switch invocation.text("format") {
            case "json": terminal.print(answer.indented)
            case "names":
                for topic in answer["topics"]?.array ?? [] {
                    terminal.print(topic["name"]?.text ?? "")
                }
            default:
                terminal.print(
                    TopicsTable.render(
                        answer, isWide: invocation.text("format") == "wide", terminal))
            }
            return .done
        }
    }
}

/// The table of `topics`.
enum TopicsTable {
    static func render(_ answer: JSONValue, isWide: Bool, _ terminal: Terminal) -> String {
        var titles: [TextTable.Column] = [
            .init("NAME"), .init("ROWS", isRight: true), .init("BYTES", isRight: true),
            .init("OLDEST"), .init("NEWEST"), .init("WRITERS"), .init("READERS"),
            .init("LAG", isRight: true), .init("RETENTION"),
        ]
        if isWide {
            titles += [.init("MODE"), .init("PARTITIONS", isRight: true), .init("DESCRIPTION")]
        }
        var table = TextTable(titles)
        for row in answer["topics"]?.array ?? [] { table.rows.append(cells(row, isWide)) }
        guard !table.rows.isEmpty else { return "no topics" }
        return table.rendered(width: isWide ? nil : terminal.width) { row, _, cell in
            row == nil ? terminal.styled(cell, .bold) : cell
        }
    }

    private static func cells(_ row: JSONValue, _ isWide: Bool) -> [String] {
        let name = row["name"]?.text ?? ""
        if let error = row["error"]?.text {
            return [name, "-", "-", "-", "-", "-", "-", "-", error]
        }
        func names(_ list: [String]) -> String { list.isEmpty ? "-" : list.joined(separator: ",") }
        var cells = [
            name, HumanText.count(row["rows"]?.integer ?? 0),
            HumanText.bytes(row["bytes"]?.integer ?? 0), TopicText.time(row["oldest"]),
            TopicText.time(row["newest"]),
            names((row["writers"]?.array ?? []).compactMap(\.text)),
            names((row["readers"]?.array ?? []).compactMap { $0["name"]?.text }),
            row["lag"]?.integer.map { HumanText.count($0) } ?? "-",
            TopicText.retention(row["retention"]),
        ]
        if isWide {
            cells += [
                row["mode"]?.text ?? "", "\(row["partitions"]?.integer ?? 0)",
                row["description"]?.text ?? "",
            ]
        }
        return cells
    }
}

/// Parts of a topic's answer, for people.
enum TopicText {
    /// To the second; `-` for none.
    static func time(_ value: JSONValue?) -> String {
        guard let text = value?.text else { return "-" }
        return text.count > 20 && text.hasSuffix("Z") ? text.prefix(19) + "Z" : text
    }

    /// `90d`, `10 GiB`, both, or `forever`.
    static func retention(_ value: JSONValue?) -> String {
        let parts = [
            value?["time_micros"]?.integer.map { HumanText.duration(micros: $0) },
            value?["bytes"]?.integer.map { HumanText.bytes($0) },
        ].compactMap { $0 }
        return parts.isEmpty ? "forever" : parts.joined(separator: ", ")
    }
}
