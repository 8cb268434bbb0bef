import Config

extension ControllerLoop {
    func take(_ message: ControllerMessage) {
        switch message {
        case .hint: takeHint()
        case .command(let command, let answer): take(command, answer)
        case .acted(let name, let outcome): take(name, outcome)
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
        switch outcome {
        case .started(let running, let number), .wasReset(let running?, let number):
            adopt(running, number, &record, now)
            if record.stored.record.isStateStale {
                record.stored.record.isStateStale = false
                unwritten.insert(name)
            }
            record.observed.failure = nil
            if case .replace(.anew(let lost), _) = action { record.lostState = lost }
            if case .start(.anew(let lost)) = action { record.lostState = lost }
        case .notStarted(let error, let before, let number):
            refuse(error, before, number, action, &record, now)
        case .wasReset(nil, _):
            record.stored.record.isStateStale = false
            record.stored.record.stateMeaning = nil
            unwritten.insert(name)
        case .stopped(let status):
            record.lastStatus = status ?? record.lastStatus
            record.lastStatus?.rowsPerSecond = 0
            record.startedAt = nil
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
        record.observed.stateMeaning = record.stored.record.stateMeaning
        if record.observed.removedAt == nil {
            record.observed.removedAt = record.stored.record.removedAt
        }
        records[name] = record
        touched.insert(name)
        report(name, outcome)
        if let exit = earlyExits.removeValue(forKey: record.launchNumber), record.running != nil {
            take(name, exit)
        }
    }

    private func adopt(
        _ running: any RunningPipeline, _ number: Int64, _ record: inout PipelineRecord,
        _ now: Int64
    ) {
        record.running = running
        record.launchNumber = number
        record.startedAt = now
        record.lastStatus = nil
        record.appliedRevision = revision
        record.runningGeneration = record.stored.record.generation
        record.observed.activity = .running(digest: record.stored.record.stateMeaning?.digest ?? "")
    }

    /// A graph could not be started: what the catalog was told about its state is taken back.
    private func refuse(
        _ error: EngineError, _ before: (any RunningPipeline)?, _ number: Int64,
        _ action: Action.Kind?, _ record: inout PipelineRecord, _ now: Int64
    ) {
        let digest = record.stored.record.stateMeaning?.digest ?? record.stored.record.digest
        record.fail(
            digest: digest, error, ranMicros: 0, options.backoff, now: now,
            random: around.random())
        if case .reset = action {
            record.stored.record.stateMeaning = nil
            record.stored.record.isStateStale = false
        } else {
            record.stored.record.stateMeaning = record.observed.stateMeaning
            record.stored.record.isStateStale = record.wasStateStale
        }
        unwritten.insert(record.name)
        guard let before else {
            record.startedAt = nil
            return
        }
        let generation = record.runningGeneration
        let revision = record.appliedRevision
        adopt(before, number, &record, now)
        record.runningGeneration = generation
        record.appliedRevision = revision
    }

    /// A graph has ended by itself.
    private func take(_ name: String, _ exit: PipelineExit) {
        guard var record = records[name], case .running(let digest) = record.observed.activity
        else { return }
        let now = around.now()
        record.lastStatus = record.running?.status
        record.lastStatus?.rowsPerSecond = 0
        record.running = nil
        switch exit {
        case .finished:
            record.observed.activity = .finished(digest: digest)
            record.observed.failure = nil
            records[name] = record
            note(name, .normal, "Finished", "read its sources to the end")
        case .failed(let error):
            record.observed.activity = .idle
            let ran = record.startedAt.map { now - $0 } ?? 0
            record.fail(
                digest: digest, error, ranMicros: ran, options.backoff, now: now,
                random: around.random())
            if !error.isTerminal { record.restartsMade += 1 }
            record.startedAt = nil
            records[name] = record
            note(name, .warning, "Failed", error.message)
        }
    }

    private func report(_ name: String, _ outcome: ActionOutcome) {
        switch outcome {
        case .started: note(name, .normal, "Started", "started")
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
