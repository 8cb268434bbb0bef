extension Command {
    static let completion = Command(
        name: "completion", group: .other, summary: "a script that completes commands in a shell",
        operands: [
            Operand(
                placeholder: "SHELL", summary: "bash, zsh or fish", count: .one,
                kind: .choice(CompletionScript.shells))
        ],
        examples: [
            Example("source <(pipelined completion bash)", "complete in this bash"),
            Example("pipelined completion fish | source", "complete in this fish"),
        ]
    ) { invocation, terminal in
        let shell = invocation.operands.first ?? "bash"
        terminal.print(CompletionScript.text(shell: shell, CommandTable.all))
        return .done
    }
}
