import Config
import Connectors
import Foundation
import Store
import TestSupport

@testable import Pipelined

/// Topics that commands reach through a daemon, or in a state directory that nobody holds.
final class TopicHarness {
    enum Reach: String, CaseIterable, Sendable { case daemon, state }

    let daemon: TestDaemon?
    let folder: TemporaryFolder

    init(_ reach: Reach, limits: ControlLimits = ControlLimits()) throws {
        if reach == .daemon {
            let daemon = try TestDaemon(limits: limits)
            self.daemon = daemon
            folder = daemon.folder
        } else {
            daemon = nil
            folder = try TemporaryFolder("topics")
            mkdir(folder.path(of: "state"), 0o700)
        }
    }

    func close() { daemon?.close() }

    typealias Result = (status: Pipelined.ExitStatus, output: String, error: String)

    @discardableResult
    func run(_ words: String...) -> Result { run(words) }

    func run(_ words: [String]) -> Result {
        let reach = daemon.map { ["--socket", $0.socketPath] }
        let terminal = Terminal(capturing: ())
        let status = CommandLineProgram.run(
            words + (reach ?? ["--state", folder.path(of: "state")]), terminal: terminal)
        return (status, terminal.output, terminal.error)
    }

    /// Produces a text, with more flags.
    @discardableResult
    func produce(_ text: String, to topic: String, _ flags: String...) throws -> Result {
        let path = try folder.write(text, to: "input.\(UUID().uuidString)")
        return run(["produce", topic, "--file", path] + flags)
    }

    /// Makes a topic as a document says.
    func declare(_ document: String) throws {
        let loaded = SpecLoader(environment: SpecEnvironment(workingDirectory: "/")).load(
            bytes: Array(document.utf8), path: "topic.yaml")
        guard let spec = loaded.topics.first else { throw Refused(loaded.diagnostics.rendered) }
        try make(spec)
    }

    /// Makes the topic of a pipeline's dead letters, as the pipeline would.
    func makeDeadLetters(of pipeline: String) throws {
        try make(deadLetterTopic(of: pipeline))
    }

    private func make(_ spec: TopicSpec) throws {
        if let daemon {
            _ = try daemon.topics.catalog.apply(spec, isDocumented: true)
            return
        }
        let local = try LocalTopics(folder.path(of: "state"))
        defer { local.close() }
        _ = try local.topics.catalog.apply(spec, isDocumented: true)
    }

    struct Refused: Error {
        let text: String
        init(_ text: String) { self.text = text }
    }
}

/// What the topic of a pipeline's dead letters is.
func deadLetterTopic(of pipeline: String) -> TopicSpec {
    TopicSpec(
        name: SinkFactory.deadLetterTopic(of: pipeline), path: "", line: 0,
        schema: SinkFactory.deadLetterSchema)
}

/// Times and paths differ from run to run.
func steadyTopics(_ text: String, _ folder: TemporaryFolder) -> String {
    // Blocks hold the time of their commit, whose length differs.
    text.replacing(/"bytes": \d+/, with: "\"bytes\": 0")
        .replacing(/\b\d+ B\b/, with: "0 B")
        .replacingOccurrences(of: folder.path, with: "FOLDER")
        .replacing(/"appended_at": "[^"]*"/, with: "\"appended_at\": \"2026-01-01T00:00:00Z\"")
        .replacing(/"seconds": [0-9.e-]+/, with: "\"seconds\": 0")
        .replacing(/(20[3-9]\d|202[6-9])-1[0-2]-\d\dT[0-9:.]+Z/, with: "2026-01-01T00:00:00Z")
}
