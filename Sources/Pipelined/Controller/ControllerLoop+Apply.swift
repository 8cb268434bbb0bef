import Config
import Store

/// How an action ended.
enum ActionOutcome: Sendable {
    case started(any RunningPipeline, NumberedLaunch.Version)
    /// The start was refused. Nothing runs, or, after a replacement, the graph that ran before.
    case notStarted(
        EngineError, before: (any RunningPipeline, NumberedLaunch.Version)?, NumberedLaunch.Version)
    /// With the generation of its last checkpoint.
    case stopped(PipelineStatus?, generation: Int?)
    case wasReset((any RunningPipeline)?, NumberedLaunch.Version?)
    /// The state could not be dropped; nothing runs.
    case notReset(EngineError)
    case forgotten
    case notForgotten(EngineError)
}

/// What a rebuild says of itself.
enum RebuildNews: Sendable {
    case begun(any RunningRebuild)
    case caughtUp
    case failed(EngineError)
}

extension ControllerLoop {
    /// Begins what the plan says. What it will have meant is written down before it begins.
    func apply(_ planned: [Action], _ now: Int64) {
        let actions = inTurn(planned)
        var changed = unwritten
        var before: [String: CatalogRecord] = [:]
        for action in actions {
            guard let record = records[action.name] else { continue }
            before[action.name] = record.stored.record
            if prepare(action, now) { changed.insert(action.name) }
        }
        guard write(changed, now) else {
            for (name, record) in before { records[name]?.stored.record = record }
            return
        }
        for action in actions { begin(action) }
    }

    /// The actions that may be begun now: not more rebuilds than may be under way at once.
    func inTurn(_ actions: [Action]) -> [Action] {
        var room =
            options.rebuildsMax - records.values.count { $0.observed.rebuild != nil }
        return actions.filter { action in
            guard case .rebuild = action.kind else { return true }
            room -= 1
            return room >= 0
        }
    }

    /// Notes in the catalog's record what an action is about to make true.
    private func prepare(_ action: Action, _ now: Int64) -> Bool {
        guard var record = records[action.name]?.stored.record else { return false }
        let wanted = wanted(action.name)
        func takeOver() {
            guard let wanted, record.stateMeaning?.digest != wanted.loaded.meaning.digest else {
                return
            }
            record.takeover = .init(meaning: wanted.loaded.meaning, spec: wanted.stored)
        }
        switch action.kind {
        case .start, .replace: takeOver()
        case .reset(_, let starts):
            record.isStateStale = true
            if starts { takeOver() }
        case .stop(.removed): record.removedAt = now
        case .stop, .forget, .startFormer, .rebuild, .abandon: break
        }
        guard record != records[action.name]?.stored.record else { return false }
        records[action.name]?.stored.record = record
        return true
    }

    /// Writes entries to the catalog.
    ///
    /// - Returns: Whether it holds them now; if not, it is tried again a little later.
    func write(_ names: Set<String>, _ now: Int64) -> Bool {
        guard !names.isEmpty else { return storeProblem == nil }
        guard storeProblem == nil || now >= storeRetryAt else { return false }
        var changes: [String: StoredPipeline?] = [:]
        for name in names { changes[name] = .some(records[name]?.stored) }
        do throws(StoreError) {
            try around.store.write(changes)
            unwritten = []
            if storeProblem != nil { touched.formUnion(records.keys) }
            storeProblem = nil
            return true
        } catch {
            unwritten.formUnion(names)
            if storeProblem == nil { around.log.line(.error, error.message) }
            storeProblem = error.message
            storeRetryAt = now.saturatingAdd(2_000_000)
            touched.formUnion(names)
            return false
        }
    }

    private func begin(_ action: Action) {
        let name = action.name
        for index in pending.indices where pending[index].concerns(name) {
            pending[index].changes.append(plannedChange(action))
        }
        switch action.kind {
        case .rebuild(let change): return beginRebuild(name, change)
        case .abandon: return abandonRebuild(name)
        default: break
        }
        guard var record = records[name] else { return }
        let running = record.running
        let timeout = options.stopTimeoutMicros
        let engine = around.engine
        let post = around.post
        let launch = launch(action)
        record.isPutBack = false
        let rebuild = takesOver(action.kind) ? record.rebuild : nil
        record.action = action.kind
        record.observed.activity = .busy
        record.observed.restartCount = record.restartCount
        record.observed.resetCount = record.resetCount
        switch action.kind {
        case .replace(let change, .changed): note(change, launch, &record)
        case .start(let change)
        where record.stored.record.stateMeaning.map {
            $0.digest != launch?.new.launched.meaning.digest
        }
            ?? false || change.isRebuild:
            note(change, launch, &record)
        default: record.changeLaunch = nil
        }
        touched.insert(name)
        records[name] = record
        // A plain start says so when it is done: one line instead of two, a thousand times.
        if !isPlainStart(action.kind) {
            note(name, .normal, reason(action.kind), message(action.kind))
        }
        around.submit {
            let outcome: ActionOutcome
            switch action.kind {
            case .start, .startFormer, .replace:
                running?.stop(timeoutMicros: timeout)
                outcome = startGraph(engine, launch, rebuild)
            case .stop:
                running?.stop(timeoutMicros: timeout)
                outcome = .stopped(
                    running?.status, generation: try? engine.committedGeneration(of: name))
            case .reset(let output, let starts):
                running?.stop(timeoutMicros: timeout)
                outcome = resetState(engine, name, output, starts ? launch : nil)
            case .forget:
                outcome = forgetState(engine, name)
            case .rebuild, .abandon: return
            }
            post(.acted(name, outcome))
        }
    }

    private func note(
        _ change: StateChange, _ launch: NumberedLaunch?, _ record: inout PipelineRecord
    ) {
        record.changeLaunch = launch?.new.number
        record.observed.rebuildCount = record.rebuildCount
        record.change = change
        record.changeBegunAt = record.changeBegunAt ?? around.now()
    }

    private func takesOver(_ kind: Action.Kind) -> Bool {
        switch kind {
        case .start(let change), .replace(let change, _): return change.isRebuild
        default: return false
        }
    }

    private func isPlainStart(_ kind: Action.Kind) -> Bool {
        switch kind {
        case .start(let change): return change.changed.isEmpty
        case .startFormer: return true
        default: return false
        }
    }

    // MARK: rebuilds

    private func beginRebuild(_ name: String, _ change: StateChange) {
        guard var record = records[name], let wanted = wanted(name) else { return }
        record.observed.rebuild = ObservedPipeline.Rebuild(
            target: desired(record, wanted).changeTarget)
        lastLaunch += 1
        let number = lastLaunch
        record.rebuildNumber = number
        record.changeBegunAt = around.now()
        let post = around.post
        let launch = RebuildLaunch(
            spec: wanted.loaded.spec, former: record.running?.spec ?? record.former?.spec,
            change: change,
            replayFrom: wanted.loaded.spec.settings.replayFrom, from: record.rebuildFrom,
            onCaughtUp: { post(.rebuilt(name, number: number, .caughtUp)) },
            onFailure: { post(.rebuilt(name, number: number, .failed($0))) })
        records[name] = record
        note(name, .normal, "Rebuilding", "building new state from history: " + changeText(change))
        let engine = around.engine
        around.submit {
            do throws(EngineError) {
                let rebuild = try engine.rebuild(launch)
                post(.rebuilt(name, number: number, .begun(rebuild)))
            } catch {
                post(.rebuilt(name, number: number, .failed(error)))
            }
        }
    }

    private func abandonRebuild(_ name: String) {
        let rebuild = records[name]?.rebuild
        records[name]?.rebuild = nil
        records[name]?.rebuildNumber = 0
        records[name]?.rebuildFrom = nil
        records[name]?.observed.rebuild = nil
        records[name]?.changeBegunAt = nil
        // What comes in its place is planned at once.
        around.post(.wake)
        note(
            name, .normal, "RebuildAbandoned",
            "the state that was being built is not wanted any more")
        if let rebuild { around.submit { rebuild.cancel() } }
    }

    // MARK: launches

    /// What a pipeline's spec is: the file's, or the one that a rollback put in its place.
    func wanted(_ name: String) -> WantedSpec? {
        guard let entry = library.pipelines[name], let record = records[name] else { return nil }
        let stored = record.stored.record
        if let pin = stored.pin, pin.digest == entry.loaded.meaning.digest, let own = record.pinned
        {
            var spec = pin.spec
            spec.generation = stored.generation
            return WantedSpec(loaded: own, stored: spec, entry: entry)
        }
        return WantedSpec(
            loaded: entry.loaded,
            stored: StoredSpec(
                file: entry.file, bytes: stored.bytes, digest: entry.loaded.meaning.digest,
                generation: stored.generation, revision: revision),
            entry: entry)
    }

    private func launch(_ action: Action) -> NumberedLaunch? {
        guard let record = records[action.name] else { return nil }
        let numbers = (lastLaunch + 1, lastLaunch + 2)
        lastLaunch += 2
        let former = former(record).map { launched, loaded in
            NumberedLaunch.Version(
                number: numbers.1, launched: launched,
                launch: launch(launched, loaded.spec, .keep, numbers.1, isPutBack: true))
        }
        if case .startFormer = action.kind { return former.map { NumberedLaunch(new: $0) } }
        guard let wanted = wanted(action.name) else { return nil }
        let state = record.stored.record
        var launched = CatalogRecord.Takeover(
            meaning: wanted.loaded.meaning, spec: wanted.stored)
        if let applied = state.applied, state.stateMeaning?.digest == launched.meaning.digest {
            // One meaning keeps one generation in the journal, however often it comes back.
            launched.spec.generation = applied.generation
        }
        var transition = StateTransition.keep
        if state.isStateStale {
            transition = .anew
        } else if state.stateMeaning != nil {
            switch action.kind {
            case .start(let change), .replace(let change, .changed):
                let isSame = state.stateMeaning?.digest == launched.meaning.digest
                if !isSame || change.isRebuild { transition = .change(change, rebuilt: nil) }
            default: break
            }
        }
        let new = NumberedLaunch.Version(
            number: numbers.0, launched: launched,
            launch: launch(
                launched, wanted.loaded.spec, transition, numbers.0, isPutBack: record.isPutBack))
        var result = NumberedLaunch(new: new)
        if case .replace = action.kind, former?.launched.meaning.digest != launched.meaning.digest {
            result.before = former
        }
        return result
    }

    private func launch(
        _ launched: CatalogRecord.Takeover, _ spec: PipelineSpec, _ state: StateTransition,
        _ number: Int64, isPutBack: Bool
    ) -> PipelineLaunch {
        let name = spec.name
        let post = around.post
        let stored = records[name]?.stored.record
        return PipelineLaunch(
            spec: spec, generation: launched.spec.generation, state: state,
            stateGeneration: stored?.stateMeaning == nil ? nil : stored?.applied?.generation,
            isPutBack: isPutBack,
            onCommit: { post(.committed(name, launchNumber: number)) },
            onExit: { post(.exited(name, launchNumber: number, $0)) })
    }

    /// The version that the state belongs to.
    private func former(_ record: PipelineRecord) -> (CatalogRecord.Takeover, LoadedPipeline)? {
        guard let meaning = record.stored.record.stateMeaning,
            let spec = record.stored.record.applied, let loaded = record.former
        else { return nil }
        return (CatalogRecord.Takeover(meaning: meaning, spec: spec), loaded)
    }

    private func reason(_ kind: Action.Kind) -> String {
        switch kind {
        case .start, .startFormer: return "Starting"
        case .replace: return "Replacing"
        case .stop: return "Stopping"
        case .reset: return "Resetting"
        case .forget: return "Forgetting"
        case .rebuild, .abandon: return "Rebuilding"
        }
    }

    private func message(_ kind: Action.Kind) -> String {
        switch kind {
        case .start(let change):
            return change.changed.isEmpty ? "starting" : "starting; " + changeText(change)
        case .startFormer: return "starting the version before"
        case .replace(_, .restart): return "restarting, as asked"
        case .replace(let change, .changed):
            let text = changeText(change)
            return "replacing the graph; " + (text.isEmpty ? "state is kept" : text)
        case .stop(let reason): return "stopping with a last checkpoint: \(reason.rawValue)"
        case .reset(let output, _): return "dropping its state; output: \(output.rawValue)"
        case .forget: return "dropping the state of a pipeline that was removed long ago"
        case .rebuild, .abandon: return ""
        }
    }
}

extension CatalogRecord.Pin {
    /// Whether nobody has touched the spec since: it has the same text, or means the same.
    func standsIn(for entry: SpecLibrary.Entry) -> Bool {
        digest == entry.loaded.meaning.digest || (!bytes.isEmpty && bytes == entry.bytes)
    }
}

/// The spec that counts for a name.
struct WantedSpec {
    var loaded: LoadedPipeline
    /// As the catalog keeps it once it is applied.
    var stored: StoredSpec
    var entry: SpecLibrary.Entry
}

/// What becomes of state, node by node: `'views' is rebuilt, because …; 'old' is dropped, because …`.
func changeText(_ change: StateChange) -> String {
    let parts = change.changed.map { fate in
        let what: String
        switch fate.fate {
        case .kept: what = "is kept"
        case .rebuilt: what = "is rebuilt"
        case .anew: what = "begins anew"
        case .dropped: what = "is dropped"
        }
        return "'\(fate.node)' \(what)" + (fate.reason.isEmpty ? "" : ": \(fate.reason)")
    }
    return parts.joined(separator: "; ")
}

/// A launch with the numbers that tell its exit, and that of the graph that is put back if it is
/// refused, from those of other graphs.
struct NumberedLaunch: Sendable {
    struct Version: Sendable {
        var number: Int64
        var launched: CatalogRecord.Takeover
        var launch: PipelineLaunch
    }
    var new: Version
    /// What is started if the new one cannot be.
    var before: Version?
}

/// Starts a graph, with the state of a rebuild if there is one; if it is refused, the one before is put
/// back, since nothing has changed.
private func startGraph(
    _ engine: any Engine, _ numbered: NumberedLaunch?, _ rebuild: (any RunningRebuild)?
) -> ActionOutcome {
    guard var numbered else { return .stopped(nil, generation: nil) }
    do throws(EngineError) {
        if let rebuild, case .change(let change, _) = numbered.new.launch.state {
            let rebuilt = try rebuild.finish(timeoutMicros: 20_000_000)
            numbered.new.launch.state = .change(change, rebuilt: rebuilt)
        }
        return .started(try engine.start(numbered.new.launch), numbered.new)
    } catch {
        rebuild?.cancel()
        guard let before = numbered.before, let running = try? engine.start(before.launch) else {
            return .notStarted(error, before: nil, numbered.new)
        }
        return .notStarted(error, before: (running, before), numbered.new)
    }
}

private func resetState(
    _ engine: any Engine, _ name: String, _ output: OutputDisposition, _ launch: NumberedLaunch?
) -> ActionOutcome {
    do throws(EngineError) {
        try engine.removeState(of: name, output: output)
    } catch { return .notReset(error) }
    guard let new = launch?.new else { return .wasReset(nil, nil) }
    do throws(EngineError) {
        return .wasReset(try engine.start(new.launch), new)
    } catch { return .notStarted(error, before: nil, new) }
}

private func forgetState(_ engine: any Engine, _ name: String) -> ActionOutcome {
    do throws(EngineError) {
        try engine.removeState(of: name, output: .forget)
        return .forgotten
    } catch { return .notForgotten(error) }
}
