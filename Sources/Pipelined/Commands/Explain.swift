import Config

extension Command {
    static let explain = Command(
        name: "explain", group: .check, summary: "what each node of a spec gives, keeps, promises",
        operands: [
            Operand(
                placeholder: "SPEC", summary: "the file with the pipelines", count: .one,
                kind: .specFile)
        ],
        flags: [.allowPath, .format()],
        notes: """
            For each node: its columns, whether rows are only added or change (and by which key), what
            bounds its state, the guarantee of each sink, and what makes two runs differ.
            """,
        examples: [
            Example("pipelined explain pipelines/ad-campaigns.yaml", "before it is deployed")
        ]
    ) { invocation, terminal in
        let files = SpecFiles(Array(invocation.operands.prefix(1)))
        for problem in files.problems { terminal.fail(problem) }
        let specs = LoadedSpecs(files, invocation, isEnvironmentStrict: false)
        let isBroken = !files.problems.isEmpty || specs.diagnostics.hasErrors
        let explanations = specs.pipelines.map(PipelineExplanation.init)
        if invocation.isJSON {
            let values = explanations.map {
                (try? JSONParser.parse(Array($0.json.utf8))) ?? .null
            }
            let answer: JSONValue = [
                "pipelines": .array(values), "diagnostics": specs.diagnosticsJSON,
            ]
            terminal.print(answer.indented)
        } else {
            if !specs.diagnostics.isEmpty {
                terminal.write(DiagnosticText.render(specs.diagnostics, terminal), to: .error)
            }
            let text = explanations.map(\.text).joined(separator: "\n")
            if !text.isEmpty { terminal.write(text, to: .output) }
        }
        return isBroken ? .failed : .done
    }
}
