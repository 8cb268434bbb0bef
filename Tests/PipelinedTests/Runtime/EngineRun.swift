import Config
import Connectors
import Foundation
import Store
import Synchronization
import TestSupport

@testable import Pipelined

/// A pipeline run to its end, in this process, on a file system of the test's.
struct EngineRun {
    var spec: PipelineSpec
    var fileSystem: any FileSystem
    var statePath: String
    var commitsEachBatch = true
    var existing = ExistingOutput.refuse
    var state = StateTransition.keep
    var secondsMax: Int64 = 60

    enum Outcome {
        case finished(PipelineStatus)
        case failed(String)
    }

    /// Blocks until the pipeline has ended, or ``secondsMax`` have passed.
    func run() -> Outcome {
        do {
            let state = try StateDirectory.open(path: statePath, fileSystem: fileSystem)
            defer { state.close() }
            var options = EngineOptions()
            options.workers = 1
            options.blockingThreads = 1
            options.commitsEachBatch = commitsEachBatch
            options.existingOutput = existing
            let engine = EmbeddedEngine(
                options: options, state: state, topics: try TopicService.open(state),
                fileEvents: nil)
            defer { engine.close() }
            let ended = Pipelined.Semaphore()
            let exit = Mutex<PipelineExit?>(nil)
            let pipeline = try engine.start(
                PipelineLaunch(
                    spec: spec, generation: 1, state: self.state,
                    onExit: { outcome in
                        exit.withLock { $0 = outcome }
                        ended.signal()
                    }))
            ended.wait(atMostMicros: secondsMax * 1_000_000)
            switch exit.withLock({ $0 }) {
            case .finished: return .finished(pipeline.status)
            case .failed(let error): return .failed(error.message)
            case nil:
                pipeline.stop(timeoutMicros: 1_000_000)
                return .failed("did not end within \(secondsMax) s")
            }
        } catch let error as EngineError {
            return .failed(error.message)
        } catch let error as StoreError {
            return .failed(error.message)
        } catch {
            return .failed("\(error)")
        }
    }
}

/// Loads one pipeline; traps with the diagnostics when it is wrong, as that is the test's mistake.
func loadSpec(_ text: String, in folder: TemporaryFolder) throws -> PipelineSpec {
    struct WrongSpec: Error { let diagnostics: String }
    let loader = SpecLoader(
        environment: SpecEnvironment(workingDirectory: folder.path, allowedPaths: ["/"]))
    let loaded = loader.load(bytes: Array(text.utf8), path: "test.yaml")
    guard loaded.pipelines.count == 1, !loaded.diagnostics.hasErrors else {
        throw WrongSpec(diagnostics: loaded.diagnostics.rendered)
    }
    return loaded.pipelines[0]
}
