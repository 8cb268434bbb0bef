import Glibc

extension Command {
    /// Who asks: behind `sudo`, who called that.
    private static var userName: String {
        if let name = DaemonClient.variable("SUDO_USER") { return name }
        guard let entry = getpwuid(getuid()), let name = entry.pointee.pw_name else {
            return "uid \(getuid())"
        }
        return String(cString: name)
    }

    static let pause = Command(
        name: "pause", group: .change,
        summary: "stop a pipeline with a last checkpoint, until 'resume'",
        operands: [.pipeline], flags: [.format(), .socket],
        notes: """
            A pause is kept over restarts of the daemon and over changes of the spec.
            """,
        examples: [Example("pipelined pause ad-campaigns", "stop it; its state stays")]
    ) { invocation, terminal in
        let name = invocation.operands.first ?? ""
        return DaemonClient.answer(
            invocation, terminal, "pause",
            JSONObject([("name", .string(name)), ("by", .string(userName))]),
            timeoutMicros: 300_000_000
        ) { _ in "'\(name)' is paused" }
    }
}
