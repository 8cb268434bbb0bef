import Glibc

/// What the commands that ask a daemon have in common: finding it, and saying why it cannot help.
enum DaemonClient {
    /// Where a daemon's socket may be, the likeliest first.
    static func candidates(
        _ invocation: Invocation, environment: (String) -> String? = DaemonClient.variable
    ) -> [String] {
        if let path = invocation.text("socket") { return [path] }
        if let path = environment("PIPELINED_SOCKET") { return [path] }
        var paths = [(environment("STATE_DIRECTORY") ?? "./.pipelined") + "/control.sock"]
        if let folder = environment("XDG_RUNTIME_DIR") { paths.append(folder + "/pipelined.sock") }
        paths.append("/run/pipelined/control.sock")
        return paths
    }

    static func variable(_ name: String) -> String? {
        guard let value = getenv(name), value.pointee != 0 else { return nil }
        return String(cString: value)
    }

    /// Connects and lets `body` ask; prints what went wrong.
    static func with(
        _ invocation: Invocation, _ terminal: Terminal,
        _ body: (ControlClient) throws(ControlFailure) -> ExitStatus
    ) -> ExitStatus {
        let candidates = candidates(invocation)
        guard let client = candidates.lazy.compactMap(ControlClient.init).first else {
            let tried = candidates.joined(separator: ", ")
            terminal.fail(
                "cannot reach a daemon: nobody listens at \(tried); start one with "
                    + "'pipelined serve', or name its socket with --socket")
            return .noDaemon
        }
        do throws(ControlFailure) {
            return try body(client)
        } catch {
            if invocation.isJSON {
                terminal.print((["error": error.json] as JSONValue).indented)
            } else {
                terminal.fail(error.message)
            }
            return .failed
        }
    }

    /// Asks once and prints the answer: as JSON, or as `text` makes it.
    static func answer(
        _ invocation: Invocation, _ terminal: Terminal, _ method: String,
        _ params: JSONObject = JSONObject(), timeoutMicros: Int64? = 30_000_000,
        text: (JSONValue) -> String
    ) -> ExitStatus {
        with(invocation, terminal) { client throws(ControlFailure) in
            let answer = try client.request(method, params, timeoutMicros: timeoutMicros) ?? .null
            terminal.print(invocation.isJSON ? answer.indented : text(answer))
            return .done
        }
    }
}

extension Operand {
    static let pipeline = Operand(
        placeholder: "NAME", summary: "the pipeline's name", count: .one, kind: .pipeline)
}
