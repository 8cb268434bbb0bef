extension Command {
    static let topicsDelete = Command(
        name: "topics delete", group: .topics, summary: "delete a topic with all its rows",
        operands: [.topic],
        flags: [
            Flag(name: "force", summary: "although something writes or reads it, which then fails"),
            Flag(name: "yes", letter: "y", summary: "do not ask"),
            .format(), .topicState, .socket,
        ],
        examples: [
            Example(
                "pipelined topics delete clicks-test", "after it has said what goes, and asked")
        ]
    ) { invocation, terminal in
        let name = invocation.operands[0]
        return TopicAccess.with(invocation, terminal, isJSON: invocation.isJSON) {
            access throws(ControlFailure) in
            var params = JSONObject([("name", .string(name))])
            if !invocation.isSet("yes") {
                let topic = try access.request("topic", params)
                terminal.note(
                    "this deletes of '\(name)': \(HumanText.rows(topic["rows"]?.integer ?? 0)) "
                        + "(\(HumanText.bytes(topic["bytes"]?.integer ?? 0)))")
                switch terminal.confirm("delete '\(name)'?") {
                case true?: break
                case false?:
                    terminal.note("nothing was changed")
                    return .failed
                case nil:
                    terminal.fail("nobody is there to ask; say --yes")
                    return .usage
                }
            }
            if invocation.isSet("force") { params["force"] = true }
            let answer = try access.request("topic_delete", params)
            terminal.print(invocation.isJSON ? answer.indented : "'\(name)' is deleted")
            return .done
        }
    }
}

extension Operand {
    static let topic = Operand(
        placeholder: "TOPIC", summary: "the topic's name", count: .one, kind: .topic)
}
