extension Command {
    static let deadLetters = Command(
        name: "dead-letters", group: .topics,
        summary: "rows that pipelines could not read or evaluate",
        flags: deadLettersLs.flags,
        examples: deadLettersLs.examples + deadLettersShow.examples,
        subcommands: [deadLettersLs, deadLettersShow, deadLettersReplay],
        run: deadLettersLs.run)

    static let deadLettersLs = Command(
        name: "dead-letters ls", group: .topics,
        summary: "per pipeline: how many, the newest, the most frequent error",
        flags: [.format(), .topicState, .socket],
        examples: [Example("pipelined dead-letters", "which pipelines have any, and why")]
    ) { invocation, terminal in
        TopicAccess.with(invocation, terminal, isJSON: invocation.isJSON) {
            access throws(ControlFailure) in
            let answer = try access.request("dead_letters")
            terminal.print(invocation.isJSON ? answer.indented : table(answer, terminal))
            return .done
        }
    }

    private static func table(_ answer: JSONValue, _ terminal: Terminal) -> String {
        var table = TextTable([
            .init("PIPELINE"), .init("ROWS", isRight: true), .init("NEWEST"),
            .init("OF THEM", isRight: true), .init("MOST FREQUENT ERROR"),
        ])
        for row in answer["pipelines"]?.array ?? [] {
            table.rows.append([
                row["pipeline"]?.text ?? "", "\(row["rows"]?.integer ?? 0)",
                TopicText.time(row["newest"]),
                row["error_rows"]?.integer.map { "\($0)" } ?? "-", row["error"]?.text ?? "-",
            ])
        }
        guard !table.rows.isEmpty else { return "no dead letters" }
        return table.rendered(width: terminal.width) { row, _, cell in
            row == nil ? terminal.styled(cell, .bold) : cell
        }
    }
}
