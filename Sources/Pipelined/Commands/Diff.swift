extension Command {
    static let diff = Command(
        name: "diff", group: .check, summary: "what a reload would do, to state too",
        operands: [
            Operand(
                placeholder: "PATH",
                summary:
                    "compare what runs with this folder or spec instead of the daemon's folder",
                count: .optional, kind: .specFile)
        ],
        flags: [
            Flag(
                name: "revision", value: .text("REV"),
                summary: "compare what runs with PATH (or --pipelines) at this git revision"),
            Flag(
                name: "base", value: .text("REV"),
                summary: "compare with the specs of this git revision; needs no daemon"),
            Flag(
                name: "pipelines", value: .folder("DIR"), summary: "with --base: the specs",
                defaultText: "pipelines"),
            Flag(name: "exit-zero", summary: "exit with 0 also when there are changes"),
            .allowPath, .format(), .socket,
        ],
        notes: """
            Exits with 0 when there is nothing to change, 1 when there is, 2 when a spec has errors or
            the comparison failed, 3 when there is no daemon.
            """,
        examples: [
            Example("pipelined diff", "what the files would change in the running daemon"),
            Example(
                "pipelined diff ~/work/pipelines",
                "what those specs would change in it, were they there"),
            Example(
                "pipelined diff --revision origin/next --pipelines pipelines",
                "what a commit that is not applied yet would change in it"),
            Example(
                "pipelined diff --base origin/main",
                "in a build: which pipelines this branch changes, and which lose state"),
        ]
    ) { invocation, terminal in
        if let base = invocation.text("base") {
            return compare(with: base, invocation, terminal)
        }
        var outcome = ExitStatus.done
        let other = other(invocation)
        let status = DaemonClient.with(invocation, terminal) { client throws(ControlFailure) in
            guard let other else {
                let answer = try client.request("diff") ?? .null
                outcome = show(answer, invocation, terminal)
                return .done
            }
            let meanings = try client.request("meanings") ?? .null
            do throws(GitError) {
                outcome = show(try other.answer(meanings), invocation, terminal)
            } catch { throw ControlFailure(code: .failed, message: error.message) }
            return .done
        }
        switch status {
        case .done: return outcome
        case .noDaemon: return .noDaemon
        case .failed, .usage: return .usage
        }
    }

    /// Specs that the daemon does not have, where some are named.
    private static func other(_ invocation: Invocation) -> DaemonDiff? {
        let revision = invocation.text("revision")
        guard revision != nil || !invocation.operands.isEmpty else { return nil }
        return DaemonDiff(
            path: invocation.operands.first ?? invocation.text("pipelines") ?? "pipelines",
            revision: revision, environment: .of(invocation))
    }

    private static func compare(
        with base: String, _ invocation: Invocation, _ terminal: Terminal
    ) -> ExitStatus {
        let folder = invocation.text("pipelines") ?? "pipelines"
        do throws(GitError) {
            let answer = try RevisionDiff(
                folder: folder, environment: .of(invocation)
            ).answer(base: base)
            return show(answer, invocation, terminal)
        } catch {
            terminal.fail(error.message)
            return .usage
        }
    }

    private static func show(
        _ answer: JSONValue, _ invocation: Invocation, _ terminal: Terminal
    ) -> ExitStatus {
        terminal.print(
            invocation.isJSON
                ? answer.indented
                : ChangeText.render(answer, none: "nothing to change", terminal))
        // The statuses of 'diff' are its own: 1 is "there are changes", 2 is "something is wrong".
        if answer["problems"]?.array?.isEmpty == false { return .usage }
        let hasChanges = answer["changes"]?.array?.isEmpty == false
        return hasChanges && !invocation.isSet("exit-zero") ? .failed : .done
    }
}
