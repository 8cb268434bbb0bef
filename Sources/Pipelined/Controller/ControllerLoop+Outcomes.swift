import Config

extension ControllerLoop {
    func take(_ message: ControllerMessage) {
        switch message {
        case .hint: takeHint()
        case .wake: break
        case .command(let command, let answer): take(command, answer)
        case .acted(let name, let outcome): take(name, outcome)
        case .committed(let name, let launchNumber):
            if records[name]?.observed.activity == .busy {
                // Of the graph that is being started, or of the one that is being stopped.
                if records[name]?.launchNumber != launchNumber { earlyCommits.insert(launchNumber) }
            } else if records[name]?.launchNumber == launchNumber {
                becomeState(name)
            }
        case .rebuilt(let name, let number, let news): take(name, number, news)
        case .exited(let name, let launchNumber, let exit):
            guard records[name]?.launchNumber == launchNumber, records[name]?.running != nil else {
                // Either its start has not been reported yet, or it is of a graph long gone.
                if records[name]?.observed.activity == .busy { earlyExits[launchNumber] = exit }
                return
            }
            take(name, exit)
        case .followed(let following):
            // A revision is whole when it is announced: there is nothing to wait for.
            if following.applied != self.following?.applied { lookAt = around.now() }
            self.following = following
        }
    }

    /// Notes how an action ended.
    private func take(_ name: String, _ outcome: ActionOutcome) {
        guard var record = records[name] else { return }
        let now = around.now()
        let action = record.action
        record.action = nil
        record.running = nil
        record.observed.activity = .idle
        record.observed.isOnProbation = false
        switch outcome {
        case .started(let running, let version):
            adopt(running, version, &record, now)
            if record.stored.record.isStateStale {
                record.stored.record.isStateStale = false
                unwritten.insert(name)
            }
            if action != .startFormer { record.observed.failure = nil }
            if takesRebuild(action) { endRebuild(&record) }
        case .wasReset(let running, let version):
            record.stored.record.isStateStale = false
            record.stored.record.stateMeaning = nil
            record.observed.stateMeaning = nil
            record.observed.failure = nil
            record.rebuildFrom = nil
            record.observed.rebuildCount = record.rebuildCount
            unwritten.insert(name)
            if let running, let version { adopt(running, version, &record, now) }
        case .notStarted(let error, let before, let version):
            refuse(error, before, version, action, &record, now)
        case .stopped(let status, let generation):
            record.lastStatus = status ?? record.lastStatus
            record.lastStatus?.rowsPerSecond = 0
            record.startedAt = nil
            learnState(&record, generation)
        case .notReset(let error):
            record.lastError = error.message
            record.observed.failure = PipelineFailure(
                digest: record.stored.record.digest, attemptCount: 1, retryAt: nil, error: error)
        case .forgotten:
            records[name] = nil
            unwritten.insert(name)
            touched.insert(name)
            return
        case .notForgotten(let error):
            record.lastError = error.message
            // Tried again in an hour.
            record.observed.removedAt = now.saturatingAdd(
                3_600_000_000 - options.retentionMicros)
        }
        if record.observed.removedAt == nil {
            record.observed.removedAt = record.stored.record.removedAt
        }
        records[name] = record
        touched.insert(name)
        report(name, outcome, action)
        if earlyCommits.remove(record.launchNumber) != nil { becomeState(name) }
        if let exit = earlyExits.removeValue(forKey: record.launchNumber), record.running != nil {
            take(name, exit)
        }
    }

    private func takesRebuild(_ action: Action.Kind?) -> Bool {
        switch action {
        case .start(let change)?, .replace(let change, _)?: return change.isRebuild
        default: return false
        }
    }

    private func endRebuild(_ record: inout PipelineRecord) {
        record.rebuild = nil
        record.rebuildNumber = 0
        record.rebuildFrom = nil
        record.observed.rebuild = nil
    }

    private func adopt(
        _ running: any RunningPipeline, _ version: NumberedLaunch.Version,
        _ record: inout PipelineRecord, _ now: Int64
    ) {
        record.running = running
        record.launchNumber = version.number
        record.launched = version.launched
        record.startedAt = now
        record.lastStatus = nil
        record.appliedRevision = version.launched.spec.revision
        record.runningGeneration = version.launched.spec.generation
        let digest = version.launched.meaning.digest
        record.observed.activity = .running(digest: digest)
        record.observed.isOnProbation =
            record.observed.stateMeaning.map { $0.digest != digest } ?? false
    }

    // MARK: whose the state is

    /// The graph that runs has committed: the state is its version's.
    func becomeState(_ name: String) {
        guard var record = records[name] else { return }
        becomeState(&record)
        records[name] = record
        touched.insert(name)
    }

    private func becomeState(_ record: inout PipelineRecord) {
        guard let launched = record.launched else { return }
        record.observed.isOnProbation = false
        let before = record.stored.record
        if before.stateMeaning != launched.meaning || before.applied != launched.spec {
            record.adoptState(of: launched)
        }
        if before.takeover?.spec.generation == launched.spec.generation {
            record.stored.record.takeover = nil
        }
        if record.changeLaunch == record.launchNumber {
            if let begun = record.changeBegunAt {
                let text = record.change.map(changeText) ?? ""
                list(
                    .applied, text.isEmpty ? "state is kept" : text, begun, launched.spec,
                    &record.stored.record)
            }
            record.changeBegunAt = nil
            if let change = record.change { record.lastChange = change.changed }
            record.change = nil
            record.changeLaunch = nil
        }
        if record.stored.record != before { unwritten.insert(record.name) }
    }

    /// After a graph has ended: its last checkpoint tells whose the state is.
    private func learnState(_ record: inout PipelineRecord, _ generation: Int?) {
        guard let launched = record.launched else { return }
        if let generation, generation == launched.spec.generation { becomeState(&record) }
    }

    /// Adds to the list of the last changes.
    private func list(
        _ result: AppliedChange.Result, _ message: String, _ begun: Int64, _ spec: StoredSpec,
        _ record: inout CatalogRecord
    ) {
        let now = around.now()
        // What is tried again and again is one entry.
        if let last = record.applies.last, last.result == result, result != .applied,
            last.generation == spec.generation, last.message == message
        {
            record.applies.removeLast()
        }
        record.applies.append(
            AppliedChange(
                at: begun, micros: max(0, now - begun), generation: spec.generation,
                revision: spec.revision, result: result, message: message))
        record.applies.removeFirst(max(0, record.applies.count - AppliedChange.countMax))
    }

    // MARK: failures

    /// A graph could not be started: what the catalog was told about its state is taken back.
    private func refuse(
        _ error: EngineError, _ before: (any RunningPipeline, NumberedLaunch.Version)?,
        _ version: NumberedLaunch.Version, _ action: Action.Kind?, _ record: inout PipelineRecord,
        _ now: Int64
    ) {
        fail(&record, version.launched, error, ranMicros: 0)
        if case .reset = action {
            record.stored.record.stateMeaning = nil
            record.stored.record.isStateStale = false
            record.observed.stateMeaning = nil
        }
        if takesRebuild(action) { endRebuild(&record) }
        settleTakeover(&record)
        record.isPutBack = true
        unwritten.insert(record.name)
        guard let before else {
            record.startedAt = nil
            return
        }
        adopt(before.0, before.1, &record, now)
    }

    private func fail(
        _ record: inout PipelineRecord, _ launched: CatalogRecord.Takeover, _ error: EngineError,
        ranMicros: Int64
    ) {
        let isChange = record.stored.record.stateMeaning.map {
            $0.digest != launched.meaning.digest
        }
        let key = isChange == true ? wanted(record.name)?.loaded.rules.key : nil
        record.fail(
            digest: launched.meaning.digest, changeKey: key, error, ranMicros: ranMicros,
            options.backoff, now: around.now(), random: around.random())
        guard isChange == true, let begun = record.changeBegunAt else { return }
        list(.rolledBack, error.message, begun, launched.spec, &record.stored.record)
        record.changeBegunAt = nil
        record.change = nil
        unwritten.insert(record.name)
    }

    /// A graph has ended by itself.
    private func take(_ name: String, _ exit: PipelineExit) {
        guard var record = records[name], case .running(let digest) = record.observed.activity
        else { return }
        record.lastStatus = record.running?.status
        record.lastStatus?.rowsPerSecond = 0
        record.running = nil
        switch exit {
        case .finished:
            becomeState(&record)
            record.observed.activity = .finished(digest: digest)
            record.observed.failure = nil
            records[name] = record
            note(name, .normal, "Finished", "read its sources to the end")
        case .failed(let error):
            record.observed.activity = .idle
            let ran = record.startedAt.map { around.now() - $0 } ?? 0
            learnState(&record, (try? around.engine.committedGeneration(of: name)) ?? nil)
            let wasOnProbation = record.observed.isOnProbation
            record.observed.isOnProbation = false
            if let launched = record.launched {
                fail(&record, launched, error, ranMicros: ran)
            }
            if wasOnProbation {
                settleTakeover(&record)
                record.isPutBack = true
                unwritten.insert(name)
            } else if !error.isTerminal {
                record.restartsMade += 1
            }
            record.startedAt = nil
            records[name] = record
            if wasOnProbation {
                note(
                    name, .warning, "RolledBack",
                    "\(error.message); the version before is started again")
            } else {
                note(name, .warning, "Failed", error.message)
            }
        }
    }

    // MARK: rebuilds

    private func take(_ name: String, _ number: Int64, _ news: RebuildNews) {
        guard var record = records[name], record.rebuildNumber == number else {
            if case .begun(let rebuild) = news { around.submit { rebuild.cancel() } }
            return
        }
        touched.insert(name)
        switch news {
        case .begun(let rebuild):
            record.rebuild = rebuild
            // It may have caught up before it was reported to have begun.
            record.observed.rebuild?.isCaughtUp = rebuild.status.isCaughtUp
        case .caughtUp:
            record.observed.rebuild?.isCaughtUp = record.rebuild?.status.isCaughtUp ?? false
        case .failed(let error):
            endRebuild(&record)
            record.observed.rebuildCount = record.rebuildCount
            if let wanted = wanted(name) {
                let launched = CatalogRecord.Takeover(
                    meaning: wanted.loaded.meaning, spec: wanted.stored)
                if launched.meaning.digest == record.stored.record.stateMeaning?.digest {
                    // It was asked for by a person, and what runs means the same.
                    record.lastError = error.message
                    record.changeBegunAt = nil
                } else {
                    fail(&record, launched, error, ranMicros: 0)
                }
            }
            records[name] = record
            return note(
                name, .warning, "RebuildFailed", "\(error.message); the version before runs on")
        }
        records[name] = record
    }

    private func report(_ name: String, _ outcome: ActionOutcome, _ action: Action.Kind?) {
        switch outcome {
        case .started:
            note(
                name, .normal, "Started",
                action == .startFormer
                    ? "started the version before" : "started")
        case .notStarted(let error, nil, _): note(name, .warning, "NotStarted", error.message)
        case .notStarted(let error, _?, _):
            note(
                name, .warning, "RolledBack",
                "\(error.message); the version before runs again")
        case .stopped: note(name, .normal, "Stopped", "stopped")
        case .wasReset(let running, _):
            note(
                name, .normal, "Reset",
                running == nil ? "state dropped" : "state dropped and started anew")
        case .notReset(let error): note(name, .warning, "NotReset", error.message)
        case .forgotten: around.log.line(.info, "state dropped", [("pipeline", name)])
        case .notForgotten(let error): note(name, .warning, "NotForgotten", error.message)
        }
    }
}
