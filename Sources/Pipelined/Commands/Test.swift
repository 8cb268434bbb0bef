import Config
import Glibc

extension Command {
    static let test = Command(
        name: "test", group: .check, summary: "run the tests of specs",
        operands: [
            Operand(
                placeholder: "PATH", summary: "spec files, or folders of them (default: pipelines)",
                count: .any, kind: .specFile)
        ],
        flags: [
            Flag(
                name: "filter", value: .text("TEXT"),
                summary: "only tests with TEXT in their name, or in that of their pipeline"),
            Flag(
                name: "param", value: .text("NAME=VALUE"),
                summary: "set a parameter of the specs", isRepeated: true),
            Flag(
                name: "junit", value: .path("FILE"),
                summary: "write the results to FILE, as JUnit XML"),
            Flag(
                name: "strict-env",
                summary: "take a ${VARIABLE} that is not set as an error, as 'serve' does"),
            .allowPath, .format(),
        ],
        notes: """
            Runs what stands under 'tests' in the specs, and in NAME.test.yaml beside NAME.yaml: the real
            engine with checkpoints and restarts, on a clock of the test's own. Reads and writes none
            of what the specs name. Exits with 1 when a test fails, and with 2 when a spec or a test is
            wrong, or there is nothing to run.
            """,
        examples: [
            Example("pipelined test", "run the tests of all specs in pipelines/"),
            Example(
                "pipelined test orders.yaml --filter late", "run some of the tests of one spec"),
            Example("pipelined test --junit results.xml pipelines/", "for a build server"),
        ],
        run: TestCommand.run)
}

/// `pipelined test`.
enum TestCommand {
    static func run(_ invocation: Invocation, _ terminal: Terminal) -> ExitStatus {
        guard let parameters = RunCommand.parameters(invocation, terminal) else { return .usage }
        let files = SpecFiles(
            invocation.operands.isEmpty ? ["pipelines"] : invocation.operands, includesTests: true)
        var specs = LoadedSpecs(
            files, invocation, isEnvironmentStrict: invocation.isSet("strict-env"),
            parameters: parameters, readsTests: true)
        specs.checkTogether()
        for problem in files.problems { terminal.fail(problem) }
        let errors = specs.diagnostics.filter { $0.severity == .error }
        if !errors.isEmpty { terminal.note(errors.rendered) }
        guard files.problems.isEmpty, errors.isEmpty else { return .usage }
        let tests = chosen(specs.tests, invocation)
        guard !tests.isEmpty else {
            terminal.fail(nothing(specs.tests.count, invocation))
            return .usage
        }
        let results = run(tests, invocation, terminal)
        if let path = invocation.text("junit"),
            let cause = write(JUnitReport.text(results), to: path)
        {
            terminal.fail("cannot write \(path): \(cause)")
            return .usage
        }
        if invocation.isJSON { terminal.print(json(results).indented) }
        return results.allSatisfy(\.isPassed) ? .done : .failed
    }

    private static func chosen(_ tests: [TestSpec], _ invocation: Invocation) -> [TestSpec] {
        guard let text = invocation.text("filter") else { return tests }
        return tests.filter { $0.name.contains(text) || $0.pipeline.name.contains(text) }
    }

    private static func nothing(_ count: Int, _ invocation: Invocation) -> String {
        if count > 0, let text = invocation.text("filter") {
            return
                "cannot test: none of the \(count) tests has '\(text)' in its name; give another "
                + "--filter"
        }
        return
            "cannot test: the specs have no tests; write them under 'tests', or in NAME.test.yaml"
    }

    // MARK: The run

    private static func run(
        _ tests: [TestSpec], _ invocation: Invocation, _ terminal: Terminal
    ) -> [SpecTestResult] {
        var results: [SpecTestResult] = []
        var progress = ProgressLine(terminal)
        var start = 0
        for (index, test) in tests.enumerated() {
            progress.show("\(index + 1) of \(tests.count)  \(test.pipeline.name): \(test.name)")
            results.append(SpecTestRunner.run(test))
            let isLast =
                index + 1 == tests.count || tests[index + 1].location.file != test.location.file
            guard isLast else { continue }
            progress.clear()
            if !invocation.isJSON { show(Array(results[start...]), terminal) }
            start = results.count
        }
        if !invocation.isJSON { terminal.print(summary(results)) }
        return results
    }

    /// The tests of one file.
    private static func show(_ results: [SpecTestResult], _ terminal: Terminal) {
        guard let first = results.first else { return }
        let isPassed = results.allSatisfy(\.isPassed)
        let word = terminal.styled(isPassed ? "ok  " : "FAIL", isPassed ? .green : .red)
        terminal.print("\(word)  \(first.location.file)  \(counted(results.count))")
        for result in results where !result.isPassed {
            terminal.print("")
            terminal.print("  \(terminal.styled(result.test, .bold))")
            for line in result.failure { terminal.print("    " + line) }
        }
        if !isPassed { terminal.print("") }
    }

    private static func counted(_ count: Int) -> String { count == 1 ? "1 test" : "\(count) tests" }

    private static func summary(_ results: [SpecTestResult]) -> String {
        let failed = results.count { !$0.isPassed }
        return counted(results.count) + ", "
            + (failed == 0 ? "all as expected" : "\(failed) of them not as expected")
    }

    private static func json(_ results: [SpecTestResult]) -> JSONValue {
        [
            "tests": .count(results.count),
            "failed": .count(results.count { !$0.isPassed }),
            "results": .array(
                results.map { result in
                    [
                        "pipeline": .string(result.pipeline), "test": .string(result.test),
                        "file": .string(result.location.file), "line": .count(result.location.line),
                        "passed": .bool(result.isPassed),
                        "differences": .array(result.failure.map(JSONValue.string)),
                        "seconds": .number(Double(result.micros) / 1e6),
                    ]
                }),
        ]
    }

    /// Writes a file as a whole; returns why it cannot be.
    private static func write(_ text: String, to path: String) -> String? {
        guard let file = fopen(path, "w") else { return String(cString: strerror(errno)) }
        var text = text
        let isWritten = text.withUTF8 { fwrite($0.baseAddress, 1, $0.count, file) == $0.count }
        let cause = String(cString: strerror(errno))
        return fclose(file) == 0 && isWritten ? nil : cause
    }
}
