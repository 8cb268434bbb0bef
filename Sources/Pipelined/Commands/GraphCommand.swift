import Glibc

extension Command {
    static let graph = Command(
        name: "graph", group: .check, summary: "a pipeline's graph, as text or a Mermaid diagram",
        operands: [
            Operand(
                placeholder: "NAME|SPEC", summary: "a pipeline of the daemon, or a spec file",
                count: .one, kind: .pipeline)
        ],
        flags: [
            Flag(
                name: "format", letter: "o", value: .choice(["text", "mermaid", "json"]),
                summary: "how to draw it", defaultText: "text"),
            .allowPath, .socket,
        ],
        examples: [
            Example("pipelined graph pipelines/ad-campaigns.yaml", "one line a node"),
            Example("pipelined graph ad-campaigns -o mermaid", "for a page of documentation"),
        ]
    ) { invocation, terminal in
        let target = invocation.operands.first ?? ""
        let format = invocation.text("format") ?? "text"
        let style = GraphText.Style(rawValue: format) ?? .text
        let isFile = target.contains("/") || target.hasSuffix(".yaml") || target.hasSuffix(".yml")
        if isFile { return draw(target, style, invocation, terminal) }
        let params = JSONObject([
            ("name", .string(target)), ("format", .string(style.rawValue)),
        ])
        return DaemonClient.answer(invocation, terminal, "graph", params) {
            ($0["text"]?.text ?? "").trimmingNewlines
        }
    }

    private static func draw(
        _ path: String, _ style: GraphText.Style, _ invocation: Invocation, _ terminal: Terminal
    ) -> ExitStatus {
        let files = SpecFiles([path])
        for problem in files.problems { terminal.fail(problem) }
        let specs = LoadedSpecs(files, invocation, isEnvironmentStrict: false)
        if !specs.diagnostics.isEmpty {
            terminal.write(DiagnosticText.render(specs.diagnostics, terminal), to: .error)
        }
        let texts = specs.pipelines.map { GraphText.render($0, style) }
        if invocation.isJSON {
            terminal.print((["text": .string(texts.joined(separator: "\n"))] as JSONValue).indented)
        } else if !texts.isEmpty {
            terminal.write(texts.joined(separator: "\n"), to: .output)
        }
        return files.problems.isEmpty && !specs.diagnostics.hasErrors ? .done : .failed
    }
}
