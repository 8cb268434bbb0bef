import Config
import TestSupport
import Testing

@testable import Pipelined

/// Changes of a spec as the controller carries them out, with an engine that runs nothing.
@Suite("Changes under the controller")
struct ChangeTests {
    private func harness(_ text: String = "a 1") throws -> ControllerHarness {
        let test = try ControllerHarness()
        try test.folder.writeSpec(text, to: "a.yaml")
        test.settle()
        return test
    }

    private func write(_ text: String, _ test: ControllerHarness) throws {
        try test.folder.writeSpec(text, to: "a.yaml")
        test.look()
    }

    private func error(_ message: String, isTerminal: Bool = false) -> EngineError {
        EngineError(message: message, node: nil, isTerminal: isTerminal)
    }

    @Test(
        "the version before runs until the rebuild has caught up; then the new one takes its state")
    func rebuild() throws {
        let test = try harness()
        test.engine.state.withLock { $0.rebuildsWait = true }
        try write("a 2 hourly", test)
        #expect(test.engine.launches.count == 1)
        #expect(test.phase("a") == .upgrading)
        #expect(test.view.pipelines["a"]?.conditions[.reconciling].reason == "Rebuilding")
        #expect(test.view.pipelines["a"]?.conditions[.ready].isTrue == true)
        let rebuild = try #require(test.engine.state.withLock { $0.rebuilds.last })
        #expect(rebuild.launch.former?.name == "a")
        rebuild.catchUp()
        test.settle()
        #expect(test.engine.launches.last?.state.words == "counts rebuilt")
        #expect(test.phase("a") == .running)
        #expect(test.view.pipelines["a"]?.observedGeneration == 2)
        #expect(test.engine.state.withLock { $0.overlaps } == 0)
    }

    @Test("a rebuild that nobody wants any more is given up")
    func takenBack() throws {
        let test = try harness()
        test.engine.state.withLock { $0.rebuildsWait = true }
        try write("a 2 hourly", test)
        let first = try #require(test.engine.state.withLock { $0.rebuilds.last })
        try write("a 1", test)
        #expect(first.isCancelled.withLock { $0 })
        #expect(test.engine.launches.count == 1)
        #expect(test.phase("a") == .running)
        #expect(test.view.pipelines["a"]?.observedGeneration == 3)
        // Another change in its place is another rebuild.
        try write("a 2 daily", test)
        let second = try #require(test.engine.state.withLock { $0.rebuilds.last })
        try write("a 2 weekly", test)
        #expect(second.isCancelled.withLock { $0 })
        #expect(test.engine.state.withLock { $0.rebuilds.count } == 3)
        // Late news of one that was given up changes nothing.
        second.catchUp()
        test.settle()
        #expect(test.engine.launches.count == 1)
    }

    @Test("a rebuild that fails leaves the version before, with the reason, and is tried again")
    func rebuildFails() throws {
        let test = try harness()
        test.engine.state.withLock { $0.rebuildRefusal = error("cannot read the history of x") }
        try write("a 2 hourly", test)
        #expect(test.phase("a") == .running)
        #expect(test.view.pipelines["a"]?.message.hasPrefix("cannot read the history of x") == true)
        #expect(test.engine.launches.count == 1)
        #expect(test.view.pipelines["a"]?.applies.last?.result == .rolledBack)
        test.engine.state.withLock { $0.rebuildRefusal = nil }
        test.advance(millis: 2000)
        #expect(test.view.pipelines["a"]?.observedGeneration == 2)
        #expect(test.view.pipelines["a"]?.message == "")
    }

    @Test("what is gone for good waits for another policy")
    func terminalRebuild() throws {
        let test = try harness()
        test.engine.state.withLock { $0.rebuildRefusal = error("cannot: gone", isTerminal: true) }
        try write("a 2 hourly", test)
        test.advance(millis: 10_000)
        #expect(test.view.pipelines["a"]?.conditions[.stalled].isTrue == true)
        #expect(test.engine.state.withLock { $0.rebuilds.isEmpty })
        try write("a 2 hourly discard", test)
        #expect(test.engine.launches.last?.state.words == "counts anew")
        #expect(test.view.pipelines["a"]?.conditions[.stalled].isTrue == false)
    }

    @Test("a new version that fails before its first checkpoint puts the one before back")
    func probation() throws {
        let test = try harness()
        test.engine.state.withLock { $0.slow = ["a"] }
        try write("a 2", test)
        #expect(test.phase("a") == .upgrading)
        #expect(test.view.pipelines["a"]?.conditions[.reconciling].reason == "Probation")
        test.engine.end("a", .failed(error("cannot go on", isTerminal: true)))
        test.settle()
        #expect(test.engine.launches.map(\.generation) == [1, 2, 1])
        #expect(test.engine.launches.last?.state.words == "keep")
        #expect(test.phase("a") == .running)
        #expect(test.view.pipelines["a"]?.conditions[.stalled].reason == "RolledBack")
        #expect(test.store.entries["a"]?.record.takeover == nil)
        #expect(test.store.entries["a"]?.record.applied?.generation == 1)
        // Another spec is tried at once.
        test.engine.state.withLock { $0.slow = [] }
        try write("a 3", test)
        #expect(test.view.pipelines["a"]?.observedGeneration == 3)
        #expect(test.store.entries["a"]?.record.applied?.generation == 3)
    }

    @Test("a change that comes in the midst of a probation waits for its end")
    func changeOnProbation() throws {
        let test = try harness()
        test.engine.state.withLock { $0.slow = ["a"] }
        try write("a 2", test)
        try write("a 3", test)
        #expect(test.engine.launches.count == 2)
        let running = try #require(test.engine.state.withLock { $0.running["a"] })
        test.engine.state.withLock { $0.slow = [] }
        running.commit()
        test.settle()
        #expect(test.engine.launches.map(\.generation) == [1, 2, 3])
        #expect(test.store.entries["a"]?.record.previous?.generation == 2)
    }

    @Test("after a crash the journal says whose the state is", arguments: [false, true])
    func crash(hadCommitted: Bool) throws {
        let test = try harness()
        test.engine.state.withLock { $0.slow = ["a"] }
        try write("a 2 hourly", test)
        #expect(test.store.entries["a"]?.record.takeover?.spec.generation == 2)
        // The daemon dies on probation; the catalog says that a change was under way.
        test.engine.state.withLock { state in
            state.committed["a"] = hadCommitted ? 2 : 1
            state.slow = []
        }
        let before = test.engine.launches.count
        try test.restart()
        test.settle()
        test.advance(millis: 500)
        let launches = test.engine.launches.dropFirst(before)
        if hadCommitted {
            #expect(launches.map(\.generation) == [2])
            #expect(launches.last?.state.words == "keep")
        } else {
            // The version before runs while the state is built, once more.
            #expect(launches.map(\.generation) == [1, 2])
            #expect(launches.last?.state.words == "counts rebuilt")
        }
        #expect(test.store.entries["a"]?.record.takeover == nil)
        #expect(test.store.entries["a"]?.record.applied?.generation == 2)
    }

    @Test("a refused change leaves the version before, over restarts of the daemon")
    func refuse() throws {
        let test = try harness()
        try write("a 2 hourly refuse", test)
        #expect(test.engine.launches.count == 1)
        let view = try #require(test.view.pipelines["a"])
        #expect(view.conditions[.stalled].reason == "ChangeRefused")
        #expect(view.message.contains("'counts' would lose its state"))
        #expect(view.conditions[.ready].isTrue)
        try test.restart()
        test.settle()
        test.advance(millis: 500)
        #expect(test.engine.launches.map(\.generation) == [1, 1])
        #expect(test.view.pipelines["a"]?.conditions[.stalled].reason == "ChangeRefused")
        // What keeps its state is let through.
        try write("a 3 refuse", test)
        #expect(test.engine.launches.last?.generation == 3)
        #expect(test.view.pipelines["a"]?.conditions[.stalled].isTrue == false)
    }

    @Test("a change waits for approval of exactly its plan")
    func approve() throws {
        let test = try harness("a 1 manual")
        #expect(test.engine.launches.count == 1)
        try write("a 2 manual", test)
        #expect(test.engine.launches.count == 1)
        #expect(test.view.pipelines["a"]?.conditions[.reconciling].reason == "AwaitingApproval")
        let plan = try #require(test.view.pipelines["a"]?.pendingPlan)
        #expect(test.view.pipelines["a"]?.message.contains("--plan \(plan)") == true)
        guard case .refused(let message) = test.command(.approve("a", plan: "0123456789ab")) else {
            Issue.record("a wrong plan is approved")
            return
        }
        #expect(message.contains(plan))
        // Another spec is another plan; the old one's approval is stale.
        try write("a 3 manual", test)
        guard case .refused = test.command(.approve("a", plan: plan)) else {
            Issue.record("a stale plan is approved")
            return
        }
        let next = try #require(test.view.pipelines["a"]?.pendingPlan)
        #expect(next != plan)
        guard case .done = test.command(.approve("a", plan: next)) else {
            Issue.record("the plan is not approved")
            return
        }
        #expect(test.engine.launches.last?.generation == 3)
        #expect(test.view.pipelines["a"]?.pendingPlan == nil)
        // A spec that would do away with the approval needs it once more.
        try write("a 4", test)
        #expect(test.engine.launches.last?.generation == 3)
        // An approval lasts over a restart of the daemon.
        try test.restart()
        test.settle()
        test.advance(millis: 500)
        let last = try #require(test.view.pipelines["a"]?.pendingPlan)
        _ = test.command(.approve("a", plan: last))
        #expect(test.engine.launches.last?.generation == 4)
    }

    @Test("a rollback holds until the file changes, over restarts of the daemon")
    func rollback() throws {
        let test = try harness()
        guard case .refused = test.command(.rollback("a")) else {
            Issue.record("there is nothing to go back to")
            return
        }
        try write("a 2", test)
        guard case .done = test.command(.rollback("a")) else {
            Issue.record("not rolled back")
            return
        }
        #expect(test.engine.launches.last?.spec.description == "1w")
        #expect(test.engine.launches.last?.generation == 3)
        #expect(test.view.pipelines["a"]?.pinnedGeneration == 1)
        try test.restart()
        test.settle()
        test.advance(millis: 500)
        #expect(test.engine.launches.last?.spec.description == "1w")
        try write("a 3", test)
        #expect(test.engine.launches.last?.spec.description == "3w")
        #expect(test.view.pipelines["a"]?.pinnedGeneration == nil)
    }

    @Test("a pause is kept, and says who asked and when")
    func pause() throws {
        let test = try harness()
        test.command(.pause("a", by: "ada"))
        #expect(test.phase("a") == .paused)
        #expect(test.view.pipelines["a"]?.message.hasPrefix("paused by ada at ") == true)
        try write("a 2", test)
        try test.restart()
        test.settle()
        #expect(test.view.pipelines["a"]?.pausedBy == "ada")
        #expect(test.engine.names.isEmpty)
        test.command(.resume("a"))
        #expect(test.engine.launches.last?.generation == 2)
        #expect(test.view.pipelines["a"]?.pausedBy == nil)
    }

    @Test("a rebuild that a person asks for takes over under the same generation")
    func forced() throws {
        let test = try harness()
        guard case .done(let changes) = test.command(.rebuild("a", from: nil)) else {
            Issue.record("not rebuilt")
            return
        }
        // It is answered once it has begun: it may take long.
        #expect(changes.map(\.action) == ["rebuild"])
        #expect(test.engine.launches.map(\.generation) == [1, 1])
        #expect(test.engine.launches.last?.state.words == "counts rebuilt")
        guard case .notFound = test.command(.rebuild("b", from: nil)) else {
            Issue.record("there is no such pipeline")
            return
        }
    }

    @Test("no more rebuilds at once than there is room for, and all come to their turn")
    func bounded() throws {
        let test = try ControllerHarness()
        for index in 0..<30 { try test.folder.writeSpec("p\(index) 1", to: "p\(index).yaml") }
        test.settle()
        test.engine.state.withLock { $0.rebuildsWait = true }
        for index in 0..<30 {
            try test.folder.writeSpec("p\(index) 1 hourly", to: "p\(index).yaml")
        }
        test.look()
        #expect(test.engine.state.withLock { $0.rebuilds.count } == 8)
        test.engine.state.withLock { $0.rebuildsWait = false }
        for rebuild in test.engine.state.withLock({ $0.rebuilds }) { rebuild.catchUp() }
        test.settle()
        test.advance(millis: 500)
        #expect(test.engine.launches.count == 60)
        #expect(test.engine.state.withLock { $0.overlaps } == 0)
        #expect(test.view.hasConverged)
    }

    @Test("everything stops while a rebuild is under way")
    func drain() throws {
        let test = try harness()
        test.engine.state.withLock { $0.rebuildsWait = true }
        try write("a 2 hourly", test)
        guard case .done = test.command(.drain) else {
            Issue.record("not drained")
            return
        }
        #expect(test.engine.names.isEmpty)
        #expect(
            test.engine.state.withLock { $0.rebuilds.allSatisfy { $0.isCancelled.withLock { $0 } } }
        )
    }

    @Test("a finished pipeline whose change has to wait is left as it is")
    func finished() throws {
        let test = try harness()
        test.engine.end("a", .finished)
        test.settle()
        #expect(test.phase("a") == .finished)
        try write("a 2 hourly refuse", test)
        test.advance(millis: 3000)
        #expect(test.engine.launches.count == 1)
        #expect(test.view.pipelines["a"]?.conditions[.stalled].reason == "ChangeRefused")
        // One that may be made is made at once.
        try write("a 2 hourly", test)
        #expect(test.engine.launches.map(\.generation) == [1, 2])
        #expect(test.engine.launches.last?.state.words == "counts rebuilt")
    }

    @Test("a first checkpoint of the old graph, in the midst of the switch, takes nothing back")
    func lateCommit() throws {
        let test = try harness()
        try test.restart()
        test.engine.state.withLock { $0.slow = ["a"] }
        test.settle()
        // What runs has not committed in this process, and its news come while it is being replaced.
        let old = try #require(test.engine.state.withLock { $0.running["a"] })
        try test.folder.writeSpec("a 2", to: "a.yaml")
        test.loop.take(.hint)
        test.shared.clock.withLock { $0 += 50_000 }
        _ = test.loop.step([])
        #expect(test.store.entries["a"]?.record.takeover?.spec.generation == 2)
        old.commit()
        let messages = test.shared.messages.withLock { messages in
            defer { messages = [] }
            return messages
        }
        _ = test.loop.step(messages)
        #expect(test.store.entries["a"]?.record.takeover?.spec.generation == 2)
        #expect(test.view.pipelines["a"]?.applies.isEmpty == true)
        test.engine.state.withLock { $0.slow = [] }
        test.settle()
        #expect(test.store.entries["a"]?.record.takeover == nil)
        #expect(test.store.entries["a"]?.record.applied?.generation == 2)
        #expect(test.view.pipelines["a"]?.applies.map(\.generation) == [2])
    }

    @Test("a start on another version's state is refused by what the engine is told")
    func stateGeneration() throws {
        let test = try harness()
        #expect(test.engine.launches.last?.stateGeneration == nil)
        try write("a 2", test)
        #expect(test.engine.launches.last?.stateGeneration == 1)
        try test.restart()
        test.settle()
        #expect(test.engine.launches.last?.stateGeneration == 2)
    }

    @Test("what is given up is followed at once by what comes in its place")
    func abandonedAtOnce() throws {
        let test = try harness()
        test.engine.state.withLock { $0.rebuildsWait = true }
        try write("a 2 hourly", test)
        try test.folder.writeSpec("a 2 daily", to: "a.yaml")
        test.loop.take(.hint)
        test.shared.clock.withLock { $0 += 50_000 }
        test.settle()
        #expect(test.engine.state.withLock { $0.rebuilds.count } == 2)
    }

    @Test("a rebuild that was asked for lets no edit pass unapproved")
    func forcedAndEdited() throws {
        let test = try harness("a 1 manual")
        test.engine.state.withLock { $0.rebuildsWait = true }
        _ = test.command(.rebuild("a", from: nil))
        #expect(test.engine.state.withLock { $0.rebuilds.count } == 1)
        try write("a 2 hourly manual", test)
        test.engine.state.withLock { $0.rebuilds.last }?.catchUp()
        test.settle()
        #expect(test.engine.launches.allSatisfy { $0.generation == 1 })
        #expect(test.view.pipelines["a"]?.conditions[.reconciling].reason == "AwaitingApproval")
    }

    @Test("an approval that is demanded on its own is in force for the next change")
    func approvalAlone() throws {
        let test = try harness()
        try write("a 1 manual", test)
        try write("a 2", test)
        #expect(test.engine.launches.count == 1)
        #expect(test.view.pipelines["a"]?.conditions[.reconciling].reason == "AwaitingApproval")
        // A rollback was asked for by a person, and waits for nobody.
        let plan = try #require(test.view.pipelines["a"]?.pendingPlan)
        _ = test.command(.approve("a", plan: plan))
        try write("a 2 manual", test)
        _ = test.command(.rollback("a"))
        #expect(test.engine.launches.last?.spec.description == "1w")
        #expect(test.engine.launches.count == 3)
    }

    @Test("a plan has one name, whatever was asked for before")
    func planNames() throws {
        let test = try harness("a 1 manual")
        try write("a 2 manual", test)
        let plan = test.view.pipelines["a"]?.pendingPlan
        try write("a 1 manual", test)
        _ = test.command(.rebuild("a", from: nil))
        try write("a 2 manual", test)
        #expect(test.view.pipelines["a"]?.pendingPlan == plan)
    }

    @Test("what was wrong with a version that nobody wants any more is not said any more")
    func oldFailure() throws {
        let test = try harness()
        test.engine.state.withLock { $0.rebuildRefusal = error("cannot: gone", isTerminal: true) }
        try write("a 2 hourly", test)
        #expect(test.view.pipelines["a"]?.conditions[.stalled].isTrue == true)
        try write("a 1", test)
        #expect(test.view.pipelines["a"]?.conditions[.stalled].isTrue == false)
        #expect(test.view.pipelines["a"]?.message == "")
    }

    @Test("a restart while a change waits restarts what runs, once")
    func restartWhileHeld() throws {
        let test = try harness("a 1 manual")
        try write("a 2 hourly manual", test)
        _ = test.command(.restart("a"))
        #expect(test.engine.launches.map(\.generation) == [1, 1])
        #expect(test.view.pipelines["a"]?.conditions[.reconciling].reason == "AwaitingApproval")
        // There is nothing that a rebuild could be of.
        guard case .refused(let message) = test.command(.rebuild("a", from: nil)) else {
            Issue.record("a spec that is not applied is rebuilt")
            return
        }
        #expect(message.contains("its spec has changed and that is not applied"))
        _ = test.command(.rollback("a"))
        test.advance(millis: 1000)
        #expect(test.engine.launches.count == 2)
        #expect(test.phase("a") == .running)
        #expect(test.view.pipelines["a"]?.message.hasPrefix("rolled back to generation 1") == true)
        // The file counts again, also without an edit.
        _ = test.command(.resume("a"))
        #expect(test.view.pipelines["a"]?.conditions[.reconciling].reason == "AwaitingApproval")
    }

    @Test("a meaning that comes back keeps the generation that the journal has of it")
    func sameMeaning() throws {
        let test = try harness()
        test.engine.state.withLock { $0.rebuildsWait = true }
        try write("a 2 hourly", test)
        try write("a 1", test)
        #expect(test.view.pipelines["a"]?.generation == 3)
        #expect(test.view.pipelines["a"]?.observedGeneration == 3)
        _ = test.command(.restart("a"))
        #expect(test.engine.launches.map(\.generation) == [1, 1])
        try test.restart()
        test.settle()
        #expect(test.engine.launches.last?.generation == 1)
        #expect(test.engine.launches.last?.stateGeneration == 1)
        #expect(test.phase("a") == .running)
    }

    @Test("why a change is not made is an event too")
    func events() throws {
        let test = try harness()
        try write("a 2 hourly refuse", test)
        try write("broken a", test)
        let reasons = test.view.pipelines["a"]?.events.inOrder.map(\.reason) ?? []
        #expect(reasons.filter { $0 == "ChangeRefused" }.count == 1)
        #expect(reasons.filter { $0 == "SpecInvalid" }.count == 1)
    }

    @Test("a version that became the pipeline's once more can be put back once more")
    func putBackTwice() throws {
        let test = try harness()
        // The spec of the first generation is read from the catalog for the first time.
        try write("a 2 hourly refuse", test)
        try test.restart()
        test.settle()
        test.advance(millis: 500)
        #expect(test.engine.launches.last?.generation == 1)
        try write("a 2 hourly", test)
        #expect(test.store.entries["a"]?.record.applied?.spec == "a 2 hourly")
        _ = test.command(.rollback("a"))
        #expect(test.store.entries["a"]?.record.applied?.spec == "a 1")
        // What fails on probation is followed by it again.
        test.engine.state.withLock { $0.slow = ["a"] }
        try write("a 3", test)
        test.engine.end("a", .failed(error("cannot go on", isTerminal: true)))
        test.settle()
        #expect(test.engine.launches.last?.spec.description == "1w")
        #expect(test.phase("a") == .running)
    }
}

extension StoredSpec {
    fileprivate var spec: String { String(decoding: bytes, as: UTF8.self) }
}
