import Config

extension ControllerLoop {
    /// Makes the views of what was touched anew and hands them out.
    func publish(_ now: Int64) {
        let hadConverged = view.hasConverged
        if !hadConverged, hasLooked, !isDraining {
            view.hasConverged =
                library.busyFiles.isEmpty
                // Before the first revision of a repository there is nothing to converge to.
                && !(options.isFollowed && library.folderProblem != nil)
                && !records.values.contains { $0.observed.activity == .busy }
                && currentPlan(now).isEmpty
        }
        let isChanged =
            !touched.isEmpty || view.storeProblem != storeProblem
            || view.folderProblem != library.folderProblem || view.revision != revision
            || view.following != following
            || view.busyFiles != library.busyFiles
            || view.orphanProblems != fileProblems || view.hasConverged != hadConverged
        guard isChanged else { return }
        for name in touched { view.pipelines[name] = makeView(name, now) }
        touched = []
        view.orphanProblems = fileProblems
        view.folderProblem = library.folderProblem
        view.busyFiles = library.busyFiles
        view.storeProblem = storeProblem
        view.revision = revision
        view.following = following
        view.lastEvent = lastEvent
        view.number += 1
        around.publish(view)
    }

    /// Whether what runs means what the spec does, also where that came back to what it was.
    private func runsWanted(_ record: PipelineRecord) -> Bool {
        let wanted = wanted(record.name)?.loaded.meaning.digest
        switch record.observed.activity {
        case .running(let digest), .finished(let digest): return digest == wanted
        case .idle, .busy: return false
        }
    }

    /// nil for a name that has no spec and of which nothing runs.
    private func makeView(_ name: String, _ now: Int64) -> PipelineView? {
        guard var record = records[name] else { return nil }
        let entry = library.pipelines[name]
        if entry == nil, record.running == nil, record.observed.activity != .busy { return nil }
        let state = PipelineState(record, entry, self)
        record.phase = state.phase
        for kind in Condition.Kind.allCases {
            let word = state.word(kind)
            record.conditions.set(kind, word.isTrue, word.reason, word.message, now: now)
        }
        records[name] = record
        return PipelineView(
            name: name, file: entry?.file ?? record.stored.record.file, phase: state.phase,
            conditions: record.conditions, message: state.message, problem: entry?.problem,
            generation: record.stored.record.generation,
            observedGeneration: runsWanted(record)
                ? record.stored.record.generation : record.runningGeneration,
            appliedRevision: record.appliedRevision, attemptedRevision: revision,
            restartCount: record.restartsMade, lastError: record.lastError,
            retryAt: record.observed.failure?.retryAt, startedAt: record.startedAt,
            lastChange: record.lastChange, applies: record.stored.record.applies,
            pendingPlan: state.pendingPlan, rebuild: record.rebuild,
            stateMeaning: record.observed.stateMeaning,
            needsApproval: record.stored.record.needsApproval,
            approvedPlan: record.stored.record.approvedPlan,
            pausedBy: record.stored.record.pausedBy, pausedAt: record.stored.record.pausedAt,
            pinnedGeneration: record.pinned == nil
                ? nil : record.stored.record.pin?.spec.generation,
            events: record.events,
            spec: record.running?.spec ?? entry?.loaded.spec, running: record.running,
            lastStatus: record.lastStatus)
    }
}

/// A pipeline's phase and conditions, from what is known of it.
struct PipelineState {
    struct Word {
        var isTrue: Bool
        var reason: String
        var message = ""
    }
    private(set) var phase = PipelinePhase.pending
    private(set) var ready = Word(isTrue: false, reason: "NotStarted")
    private(set) var reconciling = Word(isTrue: false, reason: "UpToDate")
    private(set) var stalled = Word(isTrue: false, reason: "UpToDate")
    /// The plan of a change that has not been made.
    private(set) var pendingPlan: String?

    func word(_ kind: Condition.Kind) -> Word {
        switch kind {
        case .ready: return ready
        case .reconciling: return reconciling
        case .stalled: return stalled
        }
    }

    /// The line of the status table: what needs a person first.
    var message: String {
        [stalled, reconciling, ready].map(\.message).first { !$0.isEmpty } ?? ""
    }

    init(_ record: PipelineRecord, _ entry: SpecLibrary.Entry?, _ loop: ControllerLoop) {
        describeActivity(record, entry)
        if record.pinned != nil, let generation = record.stored.record.pin?.spec.generation {
            ready.message =
                "rolled back to generation \(generation) until its file changes, or 'pipelined resume'"
        }
        describeChange(record, loop)
        if let failure = record.observed.failure, record.observed.activity != .busy {
            describe(failure, isRunning: record.running != nil)
        }
        describe(entry, record, loop)
    }

    private mutating func describeActivity(_ record: PipelineRecord, _ entry: SpecLibrary.Entry?) {
        switch record.observed.activity {
        case .running:
            phase = .running
            ready = Word(isTrue: true, reason: "Running")
        case .finished:
            phase = .finished
            ready = Word(isTrue: true, reason: "Finished")
        case .busy:
            switch record.action {
            case .stop(.removed), .forget: phase = .deleting
            case .stop: phase = .stopping
            case .replace(_, .changed): phase = .upgrading
            case .startFormer where record.observed.failure != nil: phase = .rollingBack
            default: phase = .starting
            }
            ready.reason = phase.rawValue
            reconciling = Word(isTrue: true, reason: phase.rawValue)
        case .idle:
            if record.stored.isPaused {
                phase = .paused
                let by = record.stored.record.pausedBy.map { "paused by \($0)" } ?? "paused"
                let at = record.stored.record.pausedAt.map {
                    " at \(HumanText.time(micros: $0))"
                }
                ready = Word(isTrue: false, reason: "Paused", message: by + (at ?? ""))
            } else if entry?.loaded.spec.settings.isSuspended == true {
                phase = .suspended
                ready = Word(
                    isTrue: false, reason: "Suspended", message: "its spec says 'suspend: true'")
            } else {
                reconciling = Word(isTrue: true, reason: "Pending")
            }
        }
    }

    /// A change that is under way, or that has to wait.
    private mutating func describeChange(_ record: PipelineRecord, _ loop: ControllerLoop) {
        if record.observed.isOnProbation {
            phase = .upgrading
            reconciling = Word(
                isTrue: true, reason: "Probation",
                message: "the new version runs; its first checkpoint makes it the pipeline's")
        }
        if record.observed.rebuild != nil {
            if record.observed.activity != .busy { phase = .upgrading }
            reconciling = Word(
                isTrue: true, reason: "Rebuilding",
                message: "a new version's state is being built from history")
        }
        guard let meaning = record.observed.stateMeaning, let wanted = loop.wanted(record.name),
            meaning.digest != wanted.loaded.meaning.digest, !record.observed.isOnProbation,
            record.observed.rebuild == nil
        else { return }
        let desired = loop.desired(record, wanted)
        guard desired.mode == .run else { return }
        let plan = planHash(meaning, desired)
        pendingPlan = plan
        let change = StateChange(
            from: meaning, to: desired.meaning, rules: desired.rules)
        if let refusal = change.refusal {
            stalled = Word(
                isTrue: true, reason: "ChangeRefused",
                message: "the change is refused, and the version before runs on: \(refusal); set "
                    + "on_change: discard, or {rebuild: {output: replace}}")
        } else if desired.rules.needsApproval || record.stored.record.needsApproval,
            desired.approvedPlan != plan
        {
            reconciling = Word(
                isTrue: true, reason: "AwaitingApproval",
                message: "a change waits for 'pipelined approve \(record.name) --plan \(plan)'")
        }
    }

    private mutating func describe(_ failure: PipelineFailure, isRunning: Bool) {
        guard phase == .pending || isRunning else { return }
        let note = isRunning && phase != .upgrading ? "; the version before runs on" : ""
        let word = Word(
            isTrue: true, reason: isRunning ? "RolledBack" : "Failed",
            message: failure.error.message + note)
        if failure.retryAt == nil {
            stalled = word
            reconciling = Word(isTrue: false, reason: "Stalled")
            if !isRunning { phase = .stalled }
        } else {
            reconciling = word
            if !isRunning { phase = .failed }
        }
        if !isRunning { ready.reason = "Failed" }
    }

    private mutating func describe(
        _ entry: SpecLibrary.Entry?, _ record: PipelineRecord, _ loop: ControllerLoop
    ) {
        if let problem = entry?.problem {
            stalled = Word(
                isTrue: true, reason: "SpecInvalid",
                message: "\(problem.summary); the last good version counts")
        } else if loop.library.heldBack.contains(record.name) {
            stalled = Word(isTrue: true, reason: "SpecGone", message: loop.heldBackMessage)
        } else if let entry, entry.absentCount > 0 {
            reconciling = Word(
                isTrue: true, reason: "SpecGone", message: "\(entry.file) is gone; making sure")
        }
        if let problem = loop.storeProblem, loop.unwritten.contains(record.name) {
            reconciling = Word(isTrue: true, reason: "StateNotWritable", message: problem)
        }
    }
}
