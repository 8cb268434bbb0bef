/// The version of this program.
enum PipelinedVersion {
    static let current = "0.1.0"
}

extension Command {
    static let version = Command(
        name: "version", group: .other, summary: "the version of this program",
        flags: [.format()],
        examples: [Example("pipelined version", "print the version")]
    ) { invocation, terminal in
        if invocation.isJSON {
            let answer: JSONValue = [
                "version": .string(PipelinedVersion.current),
                "protocol": .integer(ControlProtocol.version),
            ]
            terminal.print(answer.indented)
        } else {
            terminal.print("pipelined \(PipelinedVersion.current)")
        }
        return .done
    }
}
