import Config

/// What is asked of the controller.
enum ControllerCommand: Sendable {
    /// Look now, at everything, and carry out what follows.
    case reload(allowEmpty: Bool)
    /// By whom: a user's name, as the socket tells it.
    case pause(String, by: String)
    case resume(String)
    case restart(String)
    case reset(String, OutputDisposition)
    /// Builds the state anew from history, beside what runs.
    case rebuild(String, from: TopicPosition?)
    /// Puts the spec before this one in its place, until the file says another one.
    case rollback(String)
    /// Lets a change pass that waits for it.
    case approve(String, plan: String)
    /// What a reload would do; changes nothing.
    case diff
    /// Stop everything with a last checkpoint; the specs stay.
    case drain
}

enum ControllerAnswer: Sendable {
    /// Done, and this is what was done.
    case done([PlannedChange])
    /// What would be done.
    case plan([PlannedChange], problems: [SpecProblem], busyFiles: Set<String>)
    /// There is no pipeline of that name.
    case notFound(String)
    case refused(String)
}

/// A command whose answer waits until what it asked for has been done.
struct PendingAnswer {
    /// nil for all pipelines.
    var name: String?
    /// Until then a reload waits for files that are being written; microseconds.
    var busyUntil: Int64 = 0
    var changes: [PlannedChange] = []
    var answer: @Sendable (ControllerAnswer) -> Void

    func concerns(_ other: String) -> Bool { name == nil || name == other }
}

extension ControllerLoop {
    func take(
        _ command: ControllerCommand, _ answer: @escaping @Sendable (ControllerAnswer) -> Void
    ) {
        if isDraining, case .drain = command {
        } else if isDraining {
            return answer(.refused("cannot change anything: the daemon is stopping"))
        }
        switch command {
        case .reload(let allowEmpty):
            folder.forget()
            lookAt = around.now()
            isLookOwed = true
            allowsEmptyOnce = allowsEmptyOnce || allowEmpty
            let busyUntil = around.now().saturatingAdd(options.busyMicrosMax)
            pending.append(PendingAnswer(busyUntil: busyUntil, answer: answer))
        case .pause(let name, let user):
            let now = around.now()
            change(name, answer) { record in
                guard !record.stored.isPaused else { return }
                record.stored.isPaused = true
                record.stored.record.pausedBy = user
                record.stored.record.pausedAt = now
            }
            note(name, .normal, "Paused", "paused by \(user)")
        case .resume(let name):
            change(name, answer) { record in
                record.stored.isPaused = false
                record.stored.record.pausedBy = nil
                record.stored.record.pausedAt = nil
                if record.stored.record.pin != nil {
                    // A rollback ends too: the file's spec counts again.
                    record.stored.record.pin = nil
                    record.pinned = nil
                    record.stored.record.generation += 1
                }
                record.clearFailure()
            }
        case .restart(let name):
            change(name, answer) { record in
                record.restartCount += 1
                record.clearFailure()
            }
        case .reset(let name, let output):
            change(name, answer) { record in
                record.resetCount += 1
                record.resetOutput = output
                record.clearFailure()
            }
        case .rebuild(let name, let from): rebuild(name, from, answer)
        case .rollback(let name): rollback(name, answer)
        case .approve(let name, let plan): approve(name, plan, answer)
        case .diff: answer(diff())
        case .drain:
            isDraining = true
            pending.append(PendingAnswer(answer: answer))
        }
    }

    func change(
        _ name: String, _ answer: @escaping @Sendable (ControllerAnswer) -> Void,
        _ body: (inout PipelineRecord) -> Void
    ) {
        guard var record = records[name], library.pipelines[name] != nil else {
            return answer(.notFound(name))
        }
        let stored = record.stored
        body(&record)
        if record.stored != stored { unwritten.insert(name) }
        records[name] = record
        touched.insert(name)
        pending.append(PendingAnswer(name: name, answer: answer))
    }

    /// Looks at the directory with copies of what is known, and plans from there.
    private func diff() -> ControllerAnswer {
        var folder = folder
        var library = library
        folder.forget()
        // Twice: what is gone for sure after two looks is meant to be gone.
        for _ in 0..<SpecLibrary.absentLooksMin {
            let found = folder.look(now: around.now())
            if found == .unsettled {
                return .refused("cannot compare: \(options.folder) is being written; try again")
            }
            if case .unreadable(let problem) = found { return .refused(problem) }
            _ = library.take(found, allowEmpty: options.allowEmpty)
        }
        var desired: [String: DesiredPipeline] = [:]
        for (name, entry) in library.pipelines {
            let record =
                records[name]
                ?? PipelineRecord(name: name, stored: StoredPipeline(), now: around.now())
            var wanted = WantedSpec(
                loaded: entry.loaded,
                stored: StoredSpec(
                    file: entry.file, digest: entry.loaded.meaning.digest,
                    generation: record.stored.record.generation), entry: entry)
            if let pin = record.stored.record.pin, pin.standsIn(for: entry),
                let pinned = record.pinned
            {
                wanted.loaded = pinned
            }
            desired[name] = self.desired(record, wanted)
        }
        let problems =
            library.pipelines.sorted { $0.key < $1.key }.compactMap(\.value.problem)
            + library.orphanProblems.merging(topicProblems) { $0 + $1 }.sorted { $0.key < $1.key }
            .flatMap(\.value)
        let changes = differences(
            desired: desired, observed: observed(around.now()), now: around.now(),
            retentionMicros: options.retentionMicros
        ).map { change in
            var change = change
            change.estimate = estimate(change)
            return change
        }
        return .plan(
            changes, problems: problems, busyFiles: library.busyFiles)
    }

    /// Answers the commands whose work is done.
    func answerPending(_ now: Int64) {
        guard !pending.isEmpty else { return }
        // Rebuilds that wait for their turn are begun later: they may take long.
        let actions = inTurn(currentPlan(now))
        pending.removeAll { pending in
            guard isSettled(pending, actions, now) else { return false }
            if let problem = storeProblem {
                pending.answer(.refused(problem))
            } else {
                pending.answer(.done(pending.changes))
            }
            return true
        }
    }

    private func isSettled(_ pending: PendingAnswer, _ actions: [Action], _ now: Int64) -> Bool {
        if storeProblem != nil { return true }
        let isWaiting = { (record: PipelineRecord) in record.observed.activity == .busy }
        if let name = pending.name {
            return records[name].map(isWaiting) != true && !actions.contains { $0.name == name }
        }
        let isWriting = !library.busyFiles.isEmpty && now < pending.busyUntil
        let hasLooked =
            isDraining || (hasLooked && !isLookOwed && !library.isMakingSure && !isWriting)
        return hasLooked && actions.isEmpty && !records.values.contains(where: isWaiting)
    }
}

extension PipelineRecord {
    /// A person has looked at it: it is tried again at once.
    fileprivate mutating func clearFailure() {
        observed.failure = nil
        attemptCount = 0
        stored.record.deathCount = 0
        stored.record.diedAt = nil
    }
}
