extension Command {
    static let topicsVerify = Command(
        name: "topics verify", group: .topics,
        summary: "read all that topics hold and say what is damaged",
        operands: [
            Operand(
                placeholder: "TOPIC", summary: "only these topics", count: .any, kind: .topic)
        ],
        flags: [.format(), .topicState, .socket],
        notes: """
            Every checksum, the links between segments, their indexes and footers, and every block's
            columns. Exits with 1 when something is damaged, and names file and byte.
            """,
        examples: [
            Example("pipelined topics verify", "all topics"),
            Example("pipelined topics verify clicks --state backup", "a copy that no daemon holds"),
        ]
    ) { invocation, terminal in
        TopicAccess.with(invocation, terminal, isJSON: invocation.isJSON) {
            access throws(ControlFailure) in
            var progress = ProgressLine(terminal)
            let params = JSONObject([
                ("names", .array(invocation.operands.map(JSONValue.string)))
            ])
            let answer = try access.request("topic_verify", params) { item in
                let done = item["bytes"]?.integer ?? 0
                let total = max(1, item["total_bytes"]?.integer ?? 0)
                let share = min(100, Int(Double(done) / Double(total) * 100))
                progress.show(
                    "\(item["topic"]?.text ?? "")  \(HumanText.bytes(done))  \(share)%")
                return true
            }
            progress.clear()
            let topics = answer["topics"]?.array ?? []
            let isSound = topics.allSatisfy { ($0["damage"]?.array ?? []).isEmpty }
            if invocation.isJSON {
                terminal.print(answer.indented)
                return isSound ? .done : .failed
            }
            for topic in topics {
                let damage = topic["damage"]?.array ?? []
                let rows = topic["rows"]?.integer ?? 0
                let bytes = HumanText.bytes(topic["bytes"]?.integer ?? 0)
                terminal.print(
                    "\(topic["name"]?.text ?? ""): \(HumanText.rows(rows)), \(bytes), "
                        + (damage.isEmpty ? "sound" : "DAMAGED"))
                for error in damage { terminal.fail(error["message"]?.text ?? "") }
            }
            return isSound ? .done : .failed
        }
    }
}
