import Foundation
import Store
import TestSupport
import Testing

@testable import Pipelined

@Suite("Controller")
struct ControllerTests {
    @Test("starts every spec, and changes nothing where the meaning is unchanged")
    func starts() throws {
        let test = try ControllerHarness()
        try test.folder.writeSpec("a 1", to: "a.yaml")
        try test.folder.writeSpec("b 1; c 1", to: "b.yml")
        test.settle()
        #expect(test.engine.names == ["a", "b", "c"])
        #expect(test.view.hasConverged)
        #expect(test.phase("a") == .running)
        try test.folder.writeSpec("a   1\n", to: "a.yaml")
        test.look()
        #expect(test.engine.launches.count == 3)
        #expect(test.engine.state.withLock { $0.overlaps } == 0)
    }

    @Test("a changed spec replaces its graph, keeps state it can, and says what it cannot")
    func changes() throws {
        let test = try ControllerHarness()
        try test.folder.writeSpec("a 1", to: "a.yaml")
        test.settle()
        try test.folder.writeSpec("a 2", to: "a.yaml")
        test.look()
        #expect(test.engine.launches.last?.state.words == "")
        #expect(test.engine.launches.last?.generation == 2)
        try test.folder.writeSpec("a 2 hourly", to: "a.yaml")
        test.look()
        #expect(test.engine.launches.last?.state.words == "counts rebuilt")
        #expect(test.view.pipelines["a"]?.lastChange.map(\.node) == ["counts"])
        #expect(test.view.pipelines["a"]?.observedGeneration == 3)
        #expect(test.engine.state.withLock { $0.overlaps } == 0)
        // What was being taken over is the pipeline's once the new graph has committed.
        #expect(test.store.entries["a"]?.record.takeover == nil)
        #expect(test.store.entries["a"]?.record.applied?.generation == 3)
        #expect(test.store.entries["a"]?.record.previous?.generation == 2)
        #expect(test.view.pipelines["a"]?.applies.map(\.result) == [.applied, .applied])
    }

    @Test("a broken spec leaves its last good version running, its neighbours too, also later")
    func broken() throws {
        let test = try ControllerHarness()
        try test.folder.writeSpec("a 1", to: "a.yaml")
        try test.folder.writeSpec("b 1", to: "b.yaml")
        test.settle()
        try test.folder.writeSpec("broken", to: "a.yaml")
        test.look()
        #expect(test.engine.names == ["a", "b"])
        #expect(test.engine.launches.count == 2)
        let view = try #require(test.view.pipelines["a"])
        #expect(view.conditions[.stalled].reason == "SpecInvalid")
        #expect(view.conditions[.ready].isTrue)
        #expect(view.message == "a.yaml:1:1: it is broken; the last good version counts")
        // A new daemon finds the broken file and the catalog.
        try test.restart()
        test.settle()
        #expect(test.engine.names == ["a", "b"])
        #expect(test.view.pipelines["a"]?.conditions[.stalled].reason == "SpecInvalid")
        try test.folder.writeSpec("a 2", to: "a.yaml")
        test.look()
        #expect(test.view.pipelines["a"]?.conditions[.stalled].isTrue == false)
        #expect(test.view.pipelines["a"]?.generation == 2)
    }

    @Test("one broken document of a file touches neither its neighbours in it nor their changes")
    func brokenDocument() throws {
        let test = try ControllerHarness()
        try test.folder.writeSpec("a 1; b 1", to: "both.yaml")
        test.settle()
        try test.folder.writeSpec("broken a; b 2", to: "both.yaml")
        test.look()
        #expect(test.engine.names == ["a", "b"])
        #expect(test.engine.launches.map(\.spec.name) == ["a", "b", "b"])
        #expect(test.view.pipelines["a"]?.problem != nil)
        #expect(test.view.pipelines["b"]?.problem == nil)
    }

    @Test("a spec that was never good is reported and nothing runs")
    func neverGood() throws {
        let test = try ControllerHarness()
        try test.folder.writeSpec("broken", to: "a.yaml")
        test.settle()
        #expect(test.engine.names.isEmpty)
        #expect(test.view.orphanProblems["a.yaml"]?.count == 1)
        #expect(test.view.hasConverged)
    }

    @Test("a removed spec stops after two looks; adding it back resumes its state")
    func removal() throws {
        let test = try ControllerHarness()
        for name in ["a", "b", "c"] { try test.folder.writeSpec("\(name) 1", to: "\(name).yaml") }
        test.settle()
        unlink(test.folder.path(of: "a.yaml"))
        test.loop.take(.hint)
        test.advance(millis: 50)
        #expect(test.engine.names == ["a", "b", "c"])
        test.advance(millis: 500)
        #expect(test.engine.names == ["b", "c"])
        #expect(test.view.pipelines["a"] == nil)
        #expect(test.engine.state.withLock { $0.removed } == [])
        try test.folder.writeSpec("a 1", to: "a.yaml")
        test.look()
        #expect(test.engine.launches.last?.state.words == "keep")
        #expect(test.engine.launches.last?.generation == 1)
        #expect(test.store.entries["a"]?.record.removedAt == nil)
    }

    @Test("the state of a removed spec goes after its retention")
    func retention() throws {
        let test = try ControllerHarness()
        for name in ["a", "b", "c"] { try test.folder.writeSpec("\(name) 1", to: "\(name).yaml") }
        test.settle()
        unlink(test.folder.path(of: "a.yaml"))
        test.look()
        test.shared.clock.withLock { $0 += 7 * 86_400_000_000 }
        test.settle()
        #expect(test.engine.state.withLock { $0.removed } == ["a"])
        #expect(test.store.entries["a"] == nil)
    }

    @Test("a directory that is suddenly empty, or unreadable, stops nothing")
    func suddenlyEmpty() throws {
        let test = try ControllerHarness()
        for name in ["a", "b", "c"] { try test.folder.writeSpec("\(name) 1", to: "\(name).yaml") }
        test.settle()
        for name in ["a", "b", "c"] { unlink(test.folder.path(of: "\(name).yaml")) }
        test.look()
        #expect(test.engine.names == ["a", "b", "c"])
        #expect(test.view.pipelines["a"]?.conditions[.stalled].reason == "SpecGone")
        rmdir(test.folder.path)
        test.look()
        #expect(test.engine.names == ["a", "b", "c"])
        #expect(test.view.folderProblem != nil)
        mkdir(test.folder.path, 0o700)
        guard case .done(let changes) = test.command(.reload(allowEmpty: true)) else {
            Issue.record("no answer")
            return
        }
        #expect(
            changes.map(\.text).sorted()
                == ["a", "b", "c"].map {
                    "- \($0): stop (removed), state is kept"
                })
        #expect(test.engine.names.isEmpty)
    }

    @Test("a file that moves keeps its pipeline; a name in two files belongs to the first")
    func moves() throws {
        let test = try ControllerHarness()
        try test.folder.writeSpec("a 1", to: "x.yaml")
        test.settle()
        rename(test.folder.path(of: "x.yaml"), test.folder.path(of: "y.yaml"))
        test.look()
        #expect(test.engine.launches.count == 1)
        #expect(test.view.pipelines["a"]?.file == "y.yaml")
        try test.folder.writeSpec("a 2", to: "b.yaml")
        test.look()
        #expect(test.engine.launches.count == 1)
        let problem = try #require(test.view.orphanProblems["b.yaml"]?.first)
        #expect(problem.summary == "b.yaml: two pipelines are called 'a'")
    }

    @Test("a failed pipeline comes back with growing pauses; a terminal error waits")
    func failures() throws {
        let test = try ControllerHarness()
        try test.folder.writeSpec("a 1", to: "a.yaml")
        test.settle()
        let error = EngineError(message: "cannot read", node: "events", isTerminal: false)
        test.engine.end("a", .failed(error))
        test.settle()
        #expect(test.phase("a") == .failed)
        test.advance(millis: 900)
        #expect(test.engine.names.isEmpty)
        test.advance(millis: 200)
        #expect(test.engine.names == ["a"])
        test.engine.end("a", .failed(error))
        test.advance(millis: 1500)
        #expect(test.engine.names.isEmpty)
        test.advance(millis: 600)
        #expect(test.engine.names == ["a"])
        #expect(test.view.pipelines["a"]?.restartCount == 2)
        test.engine.end("a", .failed(EngineError(message: "cannot", node: nil, isTerminal: true)))
        test.advance(millis: 10_000)
        #expect(test.engine.names.isEmpty)
        #expect(test.phase("a") == .stalled)
        try test.folder.writeSpec("a 2", to: "a.yaml")
        test.look()
        #expect(test.engine.names == ["a"])
        #expect(test.phase("a") == .running)
    }

    @Test("a new version that is refused puts the old one back, with its state")
    func rollback() throws {
        let test = try ControllerHarness()
        try test.folder.writeSpec("a 1", to: "a.yaml")
        test.settle()
        let error = EngineError(message: "cannot open sink", node: "out", isTerminal: true)
        test.engine.state.withLock { $0.refusals["a"] = [error] }
        try test.folder.writeSpec("a 2 hourly", to: "a.yaml")
        test.look()
        #expect(test.engine.names == ["a"])
        #expect(test.engine.launches.last?.state.words == "keep")
        #expect(test.engine.launches.last?.generation == 1)
        let view = try #require(test.view.pipelines["a"])
        #expect(view.phase == .running)
        #expect(view.conditions[.stalled].reason == "RolledBack")
        #expect(view.generation == 2)
        #expect(view.observedGeneration == 1)
        #expect(test.store.entries["a"]?.record.stateMeaning?.digest == "1w")
        #expect(test.store.entries["a"]?.record.isStateStale == false)
    }

    @Test("a pause is kept over restarts, and a reset drops the state")
    func pauseAndReset() throws {
        let test = try ControllerHarness()
        try test.folder.writeSpec("a 1", to: "a.yaml")
        test.settle()
        _ = test.command(.pause("a", by: "root"))
        #expect(test.engine.names.isEmpty)
        try test.restart()
        test.settle()
        #expect(test.phase("a") == .paused)
        #expect(test.engine.names.isEmpty)
        _ = test.command(.reset("a", .replace))
        #expect(test.engine.state.withLock { $0.removed } == ["a"])
        #expect(test.engine.names.isEmpty)
        _ = test.command(.resume("a"))
        #expect(test.engine.names == ["a"])
        let launches = test.engine.launches.count
        _ = test.command(.restart("a"))
        #expect(test.engine.launches.count == launches + 1)
        guard case .notFound = test.command(.pause("nobody", by: "root")) else {
            Issue.record("paused nobody")
            return
        }
    }

    @Test("suspend in the spec holds it")
    func suspend() throws {
        let test = try ControllerHarness()
        try test.folder.writeSpec("a 1 w suspend", to: "a.yaml")
        test.settle()
        #expect(test.phase("a") == .suspended)
        try test.folder.writeSpec("a 1", to: "a.yaml")
        test.look()
        #expect(test.engine.names == ["a"])
    }

    @Test("a diff changes nothing and shows what a reload would do")
    func diff() throws {
        let test = try ControllerHarness()
        for name in ["a", "b", "c"] { try test.folder.writeSpec("\(name) 1", to: "\(name).yaml") }
        test.settle()
        try test.folder.writeSpec("a 1 hourly", to: "a.yaml")
        try test.folder.writeSpec("d 1", to: "d.yaml")
        try test.folder.writeSpec("broken", to: "e.yaml")
        unlink(test.folder.path(of: "c.yaml"))
        let box = AnswerBox()
        test.loop.take(.command(.diff) { box.set($0) })
        guard case .plan(let changes, let problems, _) = box.get() else {
            Issue.record("no plan")
            return
        }
        #expect(
            changes.map(\.text) == [
                "~ a: rebuild beside the running version, from 56.8k rows\n"
                    + "    step 'counts': rebuilt, because its definition has changed",
                "- c: stop (removed), state is kept", "+ d: start",
            ])
        #expect(problems.map(\.summary) == ["e.yaml:1:1: it is broken"])
        #expect(test.engine.names == ["a", "b", "c"])
    }

    @Test("a pipeline at work in two deaths in a row is stalled; another spec frees it")
    func poison() throws {
        let test = try ControllerHarness()
        try test.folder.writeSpec("a 1", to: "a.yaml")
        try test.folder.writeSpec("b 1", to: "b.yaml")
        test.settle()
        let crash = CrashNote(signal: 11, pipeline: "a", epoch: 3)
        try test.restart(after: crash)
        test.settle()
        #expect(test.engine.names == ["a", "b"])
        try test.restart(after: crash)
        test.settle()
        #expect(test.engine.names == ["b"])
        #expect(test.phase("a") == .stalled)
        try test.folder.writeSpec("a 2", to: "a.yaml")
        test.look()
        #expect(test.engine.names == ["a", "b"])
    }

    @Test("while the catalog cannot be written nothing is begun, and later it is")
    func catalogFails() throws {
        let test = try ControllerHarness()
        test.store.failure = StoreError(kind: .full, path: "/x", message: "cannot write: disk full")
        try test.folder.writeSpec("a 1", to: "a.yaml")
        test.settle()
        #expect(test.engine.names.isEmpty)
        #expect(test.view.storeProblem == "cannot write: disk full")
        test.store.failure = nil
        test.advance(millis: 3000)
        #expect(test.engine.names == ["a"])
        #expect(test.view.storeProblem == nil)
    }

    @Test("draining stops everything and removes nothing")
    func drain() throws {
        let test = try ControllerHarness()
        for name in ["a", "b"] { try test.folder.writeSpec("\(name) 1", to: "\(name).yaml") }
        test.settle()
        guard case .done = test.command(.drain) else {
            Issue.record("not drained")
            return
        }
        #expect(test.engine.names.isEmpty)
        try test.restart()
        test.settle()
        #expect(test.engine.names == ["a", "b"])
        #expect(
            test.engine.launches.allSatisfy { $0.state.words == "keep" || $0.state.words == "" })
    }

    @Test("a thousand specs are one write of the catalog and converge")
    func thousand() throws {
        let test = try ControllerHarness()
        for index in 0..<1000 { try test.folder.writeSpec("p\(index) 1", to: "p\(index).yaml") }
        test.settle()
        #expect(test.engine.names.count == 1000)
        // What is begun, and what has been committed.
        #expect(test.store.writeCount == 2)
        #expect(test.view.hasConverged)
    }

    @Test("random edits, failures and restarts of the daemon converge", arguments: 0..<10)
    func randomHistories(_ round: UInt64) throws {
        let seed = testSeed &+ round
        var random = SeededRandom(seed: seed)
        let test = try ControllerHarness(allowEmpty: true)
        var files: [String: String] = [:]
        for _ in 0..<60 {
            let name = ["a", "b", "c", "d"].randomElement(using: &random) ?? "a"
            let path = test.folder.path(of: "\(name).yaml")
            switch Int.random(in: 0..<9, using: &random) {
            case 0:
                unlink(path)
                files[name] = nil
            case 1:
                try test.folder.writeSpec("broken", to: "\(name).yaml")
                if files[name] == nil { unlink(path) }
            case 2:
                test.engine.end(
                    name, .failed(EngineError(message: "no", node: nil, isTerminal: false)))
            case 3: test.engine.end(name, .finished)
            case 4:
                test.engine.state.withLock {
                    $0.refusals[name] = [EngineError(message: "no", node: nil, isTerminal: false)]
                }
            case 5 where round % 2 == 0: try test.restart()
            default:
                let version = "\(Int.random(in: 0..<3, using: &random))"
                files[name] = version
                try test.folder.writeSpec("\(name) \(version)", to: "\(name).yaml")
            }
            test.look()
        }
        for (name, version) in files {
            try test.folder.writeSpec("\(name) \(version) final", to: "\(name).yaml")
        }
        test.look()
        test.advance(millis: 600_000 / 20)
        test.shared.clock.withLock { $0 += 600_000_000 }
        test.look()
        #expect(test.engine.names == files.keys.sorted(), "seed \(seed)")
        #expect(test.engine.state.withLock { $0.overlaps } == 0, "seed \(seed)")
    }
}
