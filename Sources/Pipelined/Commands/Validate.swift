import Config

extension Command {
    static let validate = Command(
        name: "validate", group: .check, summary: "check specs and report every mistake",
        operands: [
            Operand(
                placeholder: "PATH", summary: "spec files, or folders of them (default: pipelines)",
                count: .any, kind: .specFile)
        ],
        flags: [
            Flag(
                name: "strict-env",
                summary: "take a ${VARIABLE} that is not set as an error, as 'serve' does"),
            .allowPath, .format(["text", "json", "github"]),
        ],
        notes: """
            Opens none of the data that the specs name. Checks tests too; 'test' runs them. Exits with 1
            when there is an error, so that it can stand in a commit hook or a build. Topics that the
            files name and do not have are looked for in the files beside them. '--format github'
            writes workflow commands, which a runner of GitHub turns into marks in the changed files.
            """,
        examples: [
            Example("pipelined validate pipelines/", "check all specs of a folder, together"),
            Example("pipelined validate -o json new.yaml", "for an editor"),
            Example("pipelined validate --format github pipelines", "in a pull request's build"),
        ]
    ) { invocation, terminal in
        let files = SpecFiles(
            invocation.operands.isEmpty ? ["pipelines"] : invocation.operands, includesTests: true)
        var specs = LoadedSpecs(
            files, invocation, isEnvironmentStrict: invocation.isSet("strict-env"), readsTests: true
        )
        specs.checkTogether()
        let errors = specs.diagnostics.count { $0.severity == .error } + files.problems.count
        let warnings = specs.diagnostics.count { $0.severity == .warning }
        if invocation.isJSON {
            let answer: JSONValue = [
                "files": .count(files.files.count),
                "pipelines": .array(specs.pipelines.map { .string($0.name) }),
                "topics": .array(specs.topics.map { .string($0.name) }),
                "tests": .count(specs.tests.count),
                "errors": .count(errors), "warnings": .count(warnings),
                "unreadable": .array(files.problems.map(JSONValue.string)),
                "diagnostics": specs.diagnosticsJSON,
            ]
            terminal.print(answer.indented)
            return errors > 0 ? .failed : .done
        }
        if invocation.text("format") == "github" {
            let commands = WorkflowCommands.ofProcess
            for problem in files.problems { terminal.print(commands.line(problem: problem)) }
            for diagnostic in specs.diagnostics { terminal.print(commands.line(diagnostic)) }
        } else {
            for problem in files.problems { terminal.fail(problem) }
            if !specs.diagnostics.isEmpty {
                terminal.write(DiagnosticText.render(specs.diagnostics, terminal), to: .output)
                terminal.print("")
            }
        }
        terminal.print(
            summary(
                files.files.count, specs.pipelines.count, specs.topics.count, specs.tests.count,
                errors, warnings))
        return errors > 0 ? .failed : .done
    }

    private static func summary(
        _ files: Int, _ pipelines: Int, _ topics: Int, _ tests: Int, _ errors: Int, _ warnings: Int
    ) -> String {
        func counted(_ count: Int, _ noun: String) -> String {
            "\(count) \(noun)\(count == 1 ? "" : "s")"
        }
        let found =
            errors + warnings == 0
            ? "no mistakes" : "\(counted(errors, "error")), \(counted(warnings, "warning"))"
        let declared =
            (topics > 0 ? ", \(counted(topics, "topic"))" : "")
            + (tests > 0 ? ", \(counted(tests, "test"))" : "")
        return "\(counted(files, "file")), \(counted(pipelines, "sound pipeline"))\(declared): "
            + found
    }
}

/// Diagnostics on a terminal: as Config renders them, with the severity in colour.
enum DiagnosticText {
    static func render(_ diagnostics: [Diagnostic], _ terminal: Terminal) -> String {
        diagnostics.map { diagnostic in
            let word = diagnostic.severity.rawValue + ":"
            let text = diagnostic.rendered
            guard text.hasPrefix(word) else { return text }
            let style: Terminal.Style =
                switch diagnostic.severity {
                case .error: .red
                case .warning: .yellow
                case .note: .cyan
                }
            return terminal.styled(word, style) + text.dropFirst(word.count)
        }.joined(separator: "\n")
    }
}
