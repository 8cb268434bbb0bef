import Config
import Foundation
import Store
import Synchronization
import TestSupport
import Testing

@testable import Pipelined

@Suite("Starting and ending pipelines")
struct PipelineLifetimeTests {
    private static func makeSpec(
        in folder: TemporaryFolder, follow: Bool = false, onError: String = "dead_letter"
    ) throws -> PipelineSpec {
        try loadSpec(
            """
            pipeline: life
            sources:
              events:
                file: {path: "\(folder.path)/in.ndjson", follow: \(follow)}
                format: json
                schema: {n: bigint}
            sinks:
              out: {from: events, file: {path: "\(folder.path)/out.ndjson"}, format: json}
            settings: {on_error: \(onError)}
            """, in: folder)
    }

    private static func makeEngine(
        in folder: TemporaryFolder, _ use: (EmbeddedEngine) throws -> Void
    ) throws {
        let state = try StateDirectory.open(
            path: folder.path + "/state", fileSystem: SystemFileSystem())
        defer { state.close() }
        var options = EngineOptions()
        options.workers = 1
        options.blockingThreads = 1
        let engine = EmbeddedEngine(
            options: options, state: state, topics: try TopicService.open(state), fileEvents: nil)
        defer { engine.close() }
        try use(engine)
    }

    private static func launch(_ spec: PipelineSpec) -> PipelineLaunch {
        PipelineLaunch(spec: spec, generation: 1, state: .keep, onExit: { _ in })
    }

    @Test("A pipeline that was stopped is let go of, with its files and its state")
    func isFreed() throws {
        let folder = try TemporaryFolder("life")
        _ = try folder.write("{\"n\":1}\n", to: "in.ndjson")
        let spec = try Self.makeSpec(in: folder, follow: true)
        try Self.makeEngine(in: folder) { engine in
            weak var pipeline: EmbeddedPipeline?
            do {
                let started = try engine.start(Self.launch(spec))
                pipeline = started as? EmbeddedPipeline
                started.stop(timeoutMicros: 10_000_000)
                #expect(started.status.phase == .stopped)
            }
            // The worker may still be on its way out of the last slice.
            let pause = Pipelined.Semaphore()
            for _ in 0..<5000 where pipeline != nil { pause.wait(atMostMicros: 1000) }
            #expect(pipeline == nil)
        }
    }

    @Test("Two graphs never use one pipeline's state")
    func oneAtATime() throws {
        let folder = try TemporaryFolder("life")
        _ = try folder.write("{\"n\":1}\n", to: "in.ndjson")
        let spec = try Self.makeSpec(in: folder, follow: true)
        try Self.makeEngine(in: folder) { engine in
            let first = try engine.start(Self.launch(spec))
            #expect(throws: EngineError.self) { try engine.start(Self.launch(spec)) }
            #expect(throws: EngineError.self) {
                try engine.removeState(of: spec.name, output: .forget)
            }
            first.stop(timeoutMicros: 10_000_000)
            let second = try engine.start(Self.launch(spec))
            second.stop(timeoutMicros: 10_000_000)
            #expect(second.status.phase == .stopped)
        }
    }

    @Test("State that was begun anew does not come back when the first epoch fails")
    func anewLasts() throws {
        let folder = try TemporaryFolder("life")
        _ = try folder.write("broken\n{\"n\":1}\n{\"n\":2}\n", to: "in.ndjson")
        var run = EngineRun(
            spec: try Self.makeSpec(in: folder), fileSystem: SystemFileSystem(),
            statePath: folder.path + "/state")
        guard case .finished = run.run() else { return #expect(Bool(false), "first run") }
        run.spec = try Self.makeSpec(in: folder, onError: "fail")
        run.state = .anew
        guard case .failed = run.run() else { return #expect(Bool(false), "second run") }
        run.spec = try Self.makeSpec(in: folder)
        run.state = .keep
        guard case .finished = run.run() else { return #expect(Bool(false), "third run") }
        let output = try String(contentsOfFile: folder.path + "/out.ndjson", encoding: .utf8)
        #expect(output == "{\"n\":1}\n{\"n\":2}\n{\"n\":1}\n{\"n\":2}\n")
    }
}
