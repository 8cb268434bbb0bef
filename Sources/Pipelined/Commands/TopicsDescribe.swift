extension Command {
    static let topicsDescribe = Command(
        name: "topics describe", group: .topics, summary: "all that is known of a topic",
        operands: [.topic], flags: [.format(), .topicState, .socket],
        examples: [
            Example("pipelined topics describe clicks", "its columns, partitions and readers")
        ]
    ) { invocation, terminal in
        TopicAccess.with(invocation, terminal, isJSON: invocation.isJSON) {
            access throws(ControlFailure) in
            let params = JSONObject([("name", .string(invocation.operands[0]))])
            let answer = try access.request("topic", params)
            terminal.print(
                invocation.isJSON ? answer.indented : TopicDescription.render(answer, terminal))
            return .done
        }
    }
}

/// The page of `topics describe`.
enum TopicDescription {
    static func render(_ topic: JSONValue, _ terminal: Terminal) -> String {
        var lines = [terminal.styled(topic["name"]?.text ?? "", .bold)]
        func add(_ title: String, _ text: String?) {
            guard let text, !text.isEmpty else { return }
            lines.append("  \(title):" + String(repeating: " ", count: 13 - title.count) + text)
        }
        add("description", topic["description"]?.text)
        add("owner", topic["owner"]?.text)
        add("declared by", topic["documented"]?.bool == true ? "a topic document" : "its writer")
        add("mode", topic["mode"]?.text)
        add("key", (topic["key"]?.array).map { $0.compactMap(\.text).joined(separator: ", ") })
        add("event time", topic["event_time"]?.text)
        add("retention", TopicText.retention(topic["retention"]))
        if let compaction = topic["compaction"], let within = compaction["within_micros"]?.integer {
            let tombstones = compaction["tombstones_micros"]?.integer ?? 0
            add(
                "compaction",
                "within \(HumanText.duration(micros: within)), deletions kept "
                    + HumanText.duration(micros: tombstones))
        }
        add("evolution", topic["evolution"]?.text)
        add("rows", "\(topic["rows"]?.integer ?? 0)")
        add("bytes", HumanText.bytes(topic["bytes"]?.integer ?? 0))
        lines += schemas(topic)
        lines += partitions(topic)
        let readers = topic["readers"]?.array ?? []
        lines += ["", "readers:" + (readers.isEmpty ? " none" : "")]
        lines += readers.map {
            "  \($0["name"]?.text ?? "")  \(HumanText.rows($0["lag"]?.integer ?? 0)) behind"
        }
        return lines.joined(separator: "\n")
    }

    private static func schemas(_ topic: JSONValue) -> [String] {
        var lines: [String] = []
        for schema in (topic["schemas"]?.array ?? []).reversed() {
            let isFirst = lines.isEmpty
            let version = schema["version"]?.integer ?? 0
            lines += ["", isFirst ? "columns (version \(version)):" : "version \(version):"]
            let columns = schema["columns"]?.array ?? []
            let width = columns.map { $0["name"]?.text?.count ?? 0 }.max() ?? 0
            lines += columns.map { column in
                let name = column["name"]?.text ?? ""
                return "  " + name + String(repeating: " ", count: width - name.count + 2)
                    + (column["type"]?.text ?? "")
            }
        }
        return lines
    }

    private static func partitions(_ topic: JSONValue) -> [String] {
        let partitions = topic["partitions"]?.array ?? []
        guard !partitions.isEmpty else { return ["", "partitions: none"] }
        var table = TextTable([
            .init("PARTITION"), .init("WRITER"), .init("STATE"), .init("ROWS", isRight: true),
            .init("BYTES", isRight: true), .init("SEGMENTS", isRight: true),
            .init("FIRST", isRight: true), .init("NEXT", isRight: true), .init("OLDEST"),
            .init("NEWEST"), .init("APPENDED"), .init("WATERMARK"),
        ])
        for partition in partitions {
            let isSealed = partition["sealed"]?.bool == true
            let isAttached = partition["attached"]?.bool == true
            func number(_ key: String) -> String { "\(partition[key]?.integer ?? 0)" }
            table.rows.append([
                partition["name"]?.text ?? "", partition["writer"]?.text ?? "",
                isSealed ? "sealed" : isAttached ? "attached" : "idle", number("rows"),
                HumanText.bytes(partition["bytes"]?.integer ?? 0), number("segments"),
                number("first_offset"), number("next_offset"),
                TopicText.time(partition["oldest"]), TopicText.time(partition["newest"]),
                TopicText.time(partition["appended_at"]), TopicText.time(partition["watermark"]),
            ])
        }
        return ["", table.rendered()]
    }
}
