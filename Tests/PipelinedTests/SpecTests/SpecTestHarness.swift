import Config
import Foundation
import TestSupport
import Testing

@testable import Pipelined

/// A pipeline with a source, a table that may change, and steps and sinks as given.
func testedSpec(steps: String, sinks: String, tests: String, more: String = "") -> String {
    """
    pipeline: tested
    sources:
      events:
        file: {path: events.ndjson, follow: true}
        format: json
        schema: {id: string, amount: bigint, at: timestamp(s)}
        event_time: {column: at, max_out_of_orderness: 2s, idle_timeout: 30s}
    \(more)
    steps:
    \(steps.indented(by: 2))
    sinks:
    \(sinks.indented(by: 2))
    tests:
    \(tests.indented(by: 2))
    """
}

extension String {
    func indented(by count: Int) -> String {
        split(separator: "\n", omittingEmptySubsequences: false)
            .map { String(repeating: " ", count: count) + $0 }.joined(separator: "\n")
    }
}

/// Loads the tests of a text; records what is wrong with it.
func loadTests(
    _ text: String, files: [String: String] = [:], sourceLocation: SourceLocation = #_sourceLocation
) throws -> [TestSpec] {
    let folder = try TemporaryFolder("spec-tests")
    for (name, text) in files { try folder.write(text, to: name) }
    let loader = SpecLoader(environment: SpecEnvironment(workingDirectory: folder.path))
    let loaded = loader.load(bytes: Array(text.utf8), path: "spec.yaml")
    if !loaded.diagnostics.isEmpty {
        Issue.record("\(loaded.diagnostics.rendered)", sourceLocation: sourceLocation)
    }
    return loaded.tests
}

/// What is different in each test of a text.
func failures(
    _ text: String, files: [String: String] = [:], sourceLocation: SourceLocation = #_sourceLocation
) throws -> [[String]] {
    let tests = try loadTests(text, files: files, sourceLocation: sourceLocation)
    #expect(!tests.isEmpty, sourceLocation: sourceLocation)
    return tests.map { SpecTestRunner.run($0).failure }
}
