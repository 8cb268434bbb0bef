import Config
import Operators
import Testing

@Suite("Formats of text within rows")
struct ParseStepTests {
    private static let text = """
        pipeline: p
        sources:
          log:
            stdin: {}
            format: {regex: {pattern: '^(?<a>\\S+) (?<n>\\d+) (?<rest>.*)$', null: "-"}}
            timezone: Europe/Berlin
            schema: {a: string, size: {type: bigint, path: n}, rest: string}
        steps:
          read:
            from: log
            parse:
              column: rest
              format: {csv: {delimiter: ";"}}
              schema: {x: string, at: timestamp}
              timezone: "+01:00"
        sinks:
          out: {from: read, stdout: {}, format: json}
        """

    private func spec(_ text: String = text) throws -> PipelineSpec {
        let result = load(text)
        #expect(result.diagnostics.rendered == "")
        return try #require(result.pipelines.first)
    }

    @Test("are read with their options")
    func options() throws {
        let spec = try spec()
        guard case .regex(let regex) = spec.sources[0].format else {
            Issue.record("no regex")
            return
        }
        #expect(regex.pattern == #"^(?<a>\S+) (?<n>\d+) (?<rest>.*)$"#)
        #expect(regex.null == [0x2d])
        #expect(regex.timezone == "Europe/Berlin")
        guard case .parse(let parse) = spec.steps[0].verb, case .csv(let csv) = parse.format else {
            Issue.record("no parse of csv")
            return
        }
        #expect(parse.column == 2)
        #expect(csv.delimiter == 0x3b && !csv.hasHeader && csv.columnCount == 2)
        #expect(csv.timezone == "+01:00")
        #expect(
            spec.steps[0].output.schema.fields.map(\.name) == ["a", "size", "rest", "x", "at"])
        #expect(spec.steps[0].output.change == .append)
        #expect(!spec.statefulNodes.contains("read"))
    }

    @Test(
        "change the fingerprint of what reads by them",
        arguments: [
            ("null: \"-\"", "null: \"\"", "log read out"),
            ("(?<rest>.*)", "(?<rest>.+)", "log read out"),
            ("Europe/Berlin", "UTC", "log read out"), ("\";\"", "\",\"", "read out"),
            ("+01:00", "+02:00", "read out"), ("x: string", "x: bigint", "read out"),
        ])
    func significant(_ old: String, _ new: String, _ changed: String) throws {
        let first = try spec()
        let second = try spec(Self.text.replacing(old, with: new))
        #expect(first.meaning != second.meaning)
        let before = first.fingerprints()
        let names = second.fingerprints().filter { before[$0.key] != $0.value }.map(\.key)
        #expect(Set(names) == Set(changed.split(separator: " ").map(String.init)))
    }
}
