import Config
import Foundation
import TestSupport
import Testing

@testable import Pipelined

@Suite("Formats of validate")
struct ValidateFormatTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder("validate") }

    private func validate(_ words: String...) -> (status: Pipelined.ExitStatus, output: String) {
        let terminal = Terminal(capturing: ())
        let status = CommandLineProgram.run(["validate"] + words, terminal: terminal)
        return (status, terminal.output.replacing(folder.path, with: "FOLDER"))
    }

    private func broken() throws -> String {
        try folder.write(
            """
            pipeline: broken
            sources:
              events: {file: {path: in.ndjson, folow: true}, format: json, schema: {a: strng}}
            steps:
              out: {from: events, where: "a = '100%, or: more' and b"}
            sinks:
              result: {from: out, stdout: {}, format: json}
              result: {from: out, stdout: {}, format: json}
            """, to: "broken.yaml")
    }

    @Test("github writes a line for each diagnostic, and exits as text does")
    func github() throws {
        let path = try broken()
        let (status, output) = validate("--format", "github", path)
        #expect(status == .failed)
        expectGolden(output, "diagnostics/github.txt")
        let lines = output.split(separator: "\n")
        #expect(lines.dropLast().allSatisfy { $0.hasPrefix("::error file=") })
        #expect(validate(path).status == .failed)
        #expect(validate("-o", "json", path).status == .failed)
    }

    @Test("json has the place, its end, the severity, the message and the help of each")
    func json() throws {
        let (status, output) = validate("--format", "json", try broken())
        #expect(status == .failed)
        let answer = try JSONParser.parse(Array(output.utf8))
        let diagnostics = try #require(answer["diagnostics"]?.array)
        #expect(Int64(diagnostics.count) == answer["errors"]?.integer)
        for diagnostic in diagnostics {
            #expect(diagnostic["severity"] == "error")
            #expect(diagnostic["file"] == "FOLDER/broken.yaml")
            #expect(diagnostic["message"]?.text?.isEmpty == false)
            let line = try #require(diagnostic["line"]?.integer)
            let column = try #require(diagnostic["column"]?.integer)
            #expect(line >= 1 && column >= 1)
            #expect(try #require(diagnostic["endColumn"]?.integer) >= column)
        }
        #expect(diagnostics.contains { $0["help"] == "did you mean 'follow'?" })
    }

    @Test("a sound spec is a summary and nothing else, and a file that is not there a line")
    func sound() throws {
        let path = try folder.write(
            """
            pipeline: sound
            sources: {events: {file: {path: in.ndjson}, format: json, schema: {a: string}}}
            steps: {out: {from: events}}
            sinks: {result: {from: out, stdout: {}, format: json}}
            """, to: "sound.yaml")
        let (status, output) = validate("--format", "github", path)
        #expect(status == .done)
        #expect(output == "1 file, 1 sound pipeline: no mistakes\n")
        let missing = validate("--format", "github", folder.path(of: "none.yaml"))
        #expect(missing.status == .failed)
        #expect(
            missing.output.hasPrefix(
                "::error::cannot read FOLDER/none.yaml: No such file or directory\n"))
    }

    @Test("what a runner would take for its own is written so that it does not")
    func escaping() {
        let place = FileLocation(
            file: "a,b:c%.yaml", line: 1, column: 2, endColumn: 3, lineText: "x")
        let diagnostic = Diagnostic(
            "50%\r\n::set-output name=x::y", at: place, label: "a, b: c", help: "one\ntwo",
            related: [.init(message: "there", location: place)], severity: .warning)
        let line = WorkflowCommands(workspace: nil, workingDirectory: "/").line(diagnostic)
        #expect(
            line
                == "::warning file=a%2Cb%3Ac%25.yaml,line=1,col=2,endColumn=3,"
                + "title=50%25%0D%0A%3A%3Aset-output name=x%3A%3Ay::"
                + "50%25%0D%0A::set-output name=x::y: a, b: c%0Ahelp: one%0Atwo"
                + "%0Anote: there: a,b:c%25.yaml:1:2")
    }

    @Test(
        "paths begin at the workspace",
        arguments: [
            ("pipelines/a.yaml", "/w/repo", "/w/repo", "pipelines/a.yaml"),
            ("./pipelines/a.yaml", "/w/repo/", "/w/repo", "pipelines/a.yaml"),
            ("a.yaml", "/w/repo", "/w/repo/pipelines", "pipelines/a.yaml"),
            ("/w/repo/pipelines/a.yaml", "/w/repo", "/tmp", "pipelines/a.yaml"),
            ("/elsewhere/a.yaml", "/w/repo", "/w/repo", "/elsewhere/a.yaml"),
            ("./a.yaml", nil, "/w/repo", "a.yaml"), ("a.yaml", "", "/w", "a.yaml"),
        ])
    func paths(_ file: String, _ workspace: String?, _ folder: String, _ expected: String) {
        let place = FileLocation(file: file, line: 1, column: 1, endColumn: 1, lineText: "")
        let line = WorkflowCommands(workspace: workspace, workingDirectory: folder)
            .line(Diagnostic("wrong", at: place))
        #expect(
            line == "::error file=\(expected),line=1,col=1,endColumn=1,title=wrong::wrong")
    }
}
