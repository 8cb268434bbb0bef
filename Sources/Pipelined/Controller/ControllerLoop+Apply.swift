import Config
import Store

/// How an action ended.
enum ActionOutcome: Sendable {
    case started(any RunningPipeline, launchNumber: Int64)
    /// The start was refused. Nothing runs, or, after a replacement, the graph that ran before.
    case notStarted(EngineError, before: (any RunningPipeline)?, launchNumber: Int64)
    case stopped(PipelineStatus?)
    case wasReset((any RunningPipeline)?, launchNumber: Int64)
    /// The state could not be dropped; nothing runs.
    case notReset(EngineError)
    case forgotten
    case notForgotten(EngineError)
}

extension ControllerLoop {
    /// Begins what the plan says. What it will have meant is written down before it begins.
    func apply(_ actions: [Action], _ now: Int64) {
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

    /// Notes in the catalog's record what an action is about to make true.
    private func prepare(_ action: Action, _ now: Int64) -> Bool {
        guard var record = records[action.name]?.stored.record else { return false }
        records[action.name]?.wasStateStale = record.isStateStale
        let meaning = library.pipelines[action.name]?.loaded.meaning
        switch action.kind {
        case .start(let decision), .replace(let decision, _):
            record.stateMeaning = meaning
            if decision != .keep { record.isStateStale = true }
        case .reset(_, let starts):
            record.isStateStale = true
            if starts { record.stateMeaning = meaning }
        case .stop(.removed): record.removedAt = now
        case .stop, .forget: break
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
        guard var record = records[name] else { return }
        let running = record.running
        let timeout = options.stopTimeoutMicros
        let engine = around.engine
        let post = around.post
        let launch = launch(action)
        record.action = action.kind
        record.observed.activity = .busy
        record.observed.restartCount = record.restartCount
        record.observed.resetCount = record.resetCount
        touched.insert(name)
        records[name] = record
        // A plain start says so when it is done: one line instead of two, a thousand times.
        if action.kind != .start(.keep) {
            note(name, .normal, reason(action.kind), message(action.kind))
        }
        for index in pending.indices where pending[index].concerns(name) {
            pending[index].changes.append(PlannedChange(action))
        }
        around.submit {
            let outcome: ActionOutcome
            switch action.kind {
            case .start:
                outcome = startGraph(engine, launch, before: nil, timeout)
            case .replace:
                running?.stop(timeoutMicros: timeout)
                outcome = startGraph(engine, launch, before: running?.spec, timeout)
            case .stop:
                running?.stop(timeoutMicros: timeout)
                outcome = .stopped(running?.status)
            case .reset(let output, let starts):
                running?.stop(timeoutMicros: timeout)
                outcome = resetState(engine, name, output, starts ? launch : nil)
            case .forget:
                outcome = forgetState(engine, name)
            }
            post(.acted(name, outcome))
        }
    }

    private func launch(_ action: Action) -> NumberedLaunch? {
        guard let entry = library.pipelines[action.name], let record = records[action.name] else {
            return nil
        }
        let numbers = (lastLaunch + 1, lastLaunch + 2)
        lastLaunch += 2
        let name = action.name
        let post = around.post
        return NumberedLaunch(
            number: numbers.0, numberOfOld: numbers.1,
            generationOfOld: record.runningGeneration,
            launch: PipelineLaunch(
                spec: entry.loaded.spec, generation: record.stored.record.generation,
                state: record.stored.record.isStateStale ? .anew : .keep,
                onExit: { post(.exited(name, launchNumber: numbers.0, $0)) }),
            onExitOfOld: { post(.exited(name, launchNumber: numbers.1, $0)) })
    }

    private func reason(_ kind: Action.Kind) -> String {
        switch kind {
        case .start: return "Starting"
        case .replace: return "Replacing"
        case .stop: return "Stopping"
        case .reset: return "Resetting"
        case .forget: return "Forgetting"
        }
    }

    private func message(_ kind: Action.Kind) -> String {
        switch kind {
        case .start(.keep): return "starting"
        case .start(.anew(let lost)): return "starting with new state: " + lostText(lost)
        case .replace(.keep, .restart): return "restarting, as asked"
        case .replace(.keep, .changed): return "replacing the graph; state is kept"
        case .replace(.anew(let lost), _):
            return "replacing the graph with new state: " + lostText(lost)
        case .stop(let reason): return "stopping with a last checkpoint: \(reason.rawValue)"
        case .reset(let output, _): return "dropping its state; output: \(output.rawValue)"
        case .forget: return "dropping the state of a pipeline that was removed long ago"
        }
    }
}

func lostText(_ lost: [LostState]) -> String {
    lost.map { "'\($0.node)' loses its state because \($0.reason)" }.joined(separator: "; ")
}

/// A launch with the numbers that tell its exit, and that of the graph that is put back if it is
/// refused, from those of other graphs.
struct NumberedLaunch: Sendable {
    var number: Int64
    var numberOfOld: Int64
    var generationOfOld: Int
    var launch: PipelineLaunch
    var onExitOfOld: @Sendable (PipelineExit) -> Void
}

/// Starts a graph; if it is refused, the one before is put back, since nothing has changed.
private func startGraph(
    _ engine: any Engine, _ numbered: NumberedLaunch?, before: PipelineSpec?,
    _ timeoutMicros: Int64
) -> ActionOutcome {
    guard let numbered else { return .stopped(nil) }
    do throws(EngineError) {
        return .started(try engine.start(numbered.launch), launchNumber: numbered.number)
    } catch {
        guard let before, before != numbered.launch.spec else {
            return .notStarted(error, before: nil, launchNumber: numbered.number)
        }
        let launch = PipelineLaunch(
            spec: before, generation: numbered.generationOfOld, state: .keep,
            onExit: numbered.onExitOfOld)
        return .notStarted(
            error, before: try? engine.start(launch), launchNumber: numbered.numberOfOld)
    }
}

private func resetState(
    _ engine: any Engine, _ name: String, _ output: OutputDisposition, _ launch: NumberedLaunch?
) -> ActionOutcome {
    do throws(EngineError) {
        try engine.removeState(of: name, output: output)
    } catch { return .notReset(error) }
    guard let launch else { return .wasReset(nil, launchNumber: 0) }
    do throws(EngineError) {
        return .wasReset(try engine.start(launch.launch), launchNumber: launch.number)
    } catch { return .notStarted(error, before: nil, launchNumber: launch.number) }
}

private func forgetState(_ engine: any Engine, _ name: String) -> ActionOutcome {
    do throws(EngineError) {
        try engine.removeState(of: name, output: .forget)
        return .forgotten
    } catch { return .notForgotten(error) }
}
