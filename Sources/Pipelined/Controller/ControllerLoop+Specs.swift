import Config

extension ControllerLoop {
    /// Makes a look due soon, when the directory has been quiet for a moment.
    func takeHint() {
        guard !isLookOwed else { return }
        let now = around.now()
        let first = hintedAt ?? now
        hintedAt = first
        lookAt = min(
            now.saturatingAdd(options.debounceMicros),
            first.saturatingAdd(options.debounceMicrosMax))
    }

    /// Looks at the directory and says when the next look is due.
    func look(_ now: Int64) {
        hintedAt = nil
        let found = folder.look(now: now)
        if found == .unsettled {
            lookAt = now.saturatingAdd(options.debounceMicros)
            return
        }
        isLookOwed = false
        let hadProblem = library.folderProblem
        let heldBefore = library.heldBack
        let isChanged = library.take(found, allowEmpty: options.allowEmpty || allowsEmptyOnce)
        allowsEmptyOnce = allowsEmptyOnce && library.isMakingSure
        hasLooked = true
        if case .files = found { revision = folder.revision }
        let isBusy = !library.busyFiles.isEmpty
        let pause =
            library.isMakingSure
            ? options.confirmMicros
            : isBusy ? options.debounceMicrosMax : options.lookIntervalMicros
        lookAt = now.saturatingAdd(pause)
        applyTopics()
        guard isChanged else { return }
        // Before the first fetch of a repository is over there is nothing to be said.
        let isFetching = options.isFollowed && following?.attemptedAt == nil
        if let problem = library.folderProblem, problem != hadProblem, !isFetching {
            around.log.line(.warning, problem)
        }
        if !library.heldBack.isEmpty, library.heldBack != heldBefore {
            around.log.line(
                .warning, heldBackMessage, [("pipelines", "\(library.heldBack.count)")])
        }
        touched.formUnion(library.pipelines.keys)
        touched.formUnion(heldBefore)
    }

    /// Gives the engine the topics' documents where they have changed. Before any pipeline that the
    /// look brought is started.
    private func applyTopics() {
        let documents = library.topics.filter { $0.value.writer == nil }
        guard documents != appliedTopics else { return }
        let changed = documents.filter { appliedTopics[$0.key] != $0.value }
        appliedTopics = documents
        let files = Set(changed.values.map(\.path))
        topicProblems = topicProblems.filter { !files.contains($0.key) }
        for (topic, error) in around.engine.apply(
            topics: changed.values.sorted { $0.name < $1.name })
        {
            // What may pass is tried again at the next look.
            if !error.isTerminal { appliedTopics[topic.name] = nil }
            let place = "\(topic.path):\(topic.line): "
            around.log.line(.error, place + error.message)
            topicProblems[topic.path, default: []].append(
                SpecProblem(
                    summary: place + error.message, rendered: "error: \(place)\(error.message)\n"))
        }
    }

    /// What is wrong with files beside what is wrong with a pipeline.
    var fileProblems: [String: [SpecProblem]] {
        library.orphanProblems.merging(topicProblems) { $0 + $1 }
    }

    var heldBackMessage: String {
        "more than half of the specs are gone from \(options.folder) at once; they go on running "
            + "until 'pipelined reload --allow-empty'"
    }

    /// Gives names that are new a record, and meanings that are new a generation; notes since when
    /// a spec is gone.
    func acceptSpecs(_ now: Int64) {
        for (name, record) in records
        where hasLooked && library.pipelines[name] == nil && record.observed.removedAt == nil
            && record.running == nil && record.observed.activity != .busy
        {
            records[name]?.observed.removedAt = now
            records[name]?.stored.record.removedAt = now
            unwritten.insert(name)
            touched.insert(name)
        }
        for (name, entry) in library.pipelines {
            var record =
                records[name] ?? PipelineRecord(name: name, stored: StoredPipeline(), now: now)
            var stored = record.stored.record
            let isNew = stored.digest != entry.loaded.meaning.digest
            if let pin = stored.pin, !pin.standsIn(for: entry) {
                // A rollback holds until somebody touches the spec.
                stored.pin = nil
                record.pinned = nil
            }
            if isNew {
                stored.digest = entry.loaded.meaning.digest
                stored.generation += 1
                stored.deathCount = 0
                stored.diedAt = nil
            }
            if entry.problem == nil, entry.absentCount == 0 {
                stored.bytes = entry.bytes.isEmpty ? stored.bytes : entry.bytes
                stored.file = entry.file
                stored.folder = options.folder
            }
            if stored.removedAt != nil, entry.absentCount == 0 {
                stored.removedAt = nil
                record.observed.removedAt = nil
            }
            if stored.applied?.digest == entry.loaded.meaning.digest {
                stored.needsApproval = entry.loaded.rules.needsApproval
            }
            let running = record.observed.stateMeaning?.digest
            if let failure = record.observed.failure, failure.digest != running,
                failure.digest != wanted(name)?.loaded.meaning.digest, stored.pin == nil
            {
                // It was of a version that nobody wants any more.
                record.observed.failure = nil
                touched.insert(name)
            }
            if stored != record.stored.record {
                record.stored.record = stored
                unwritten.insert(name)
                touched.insert(name)
            }
            loadFormerSpecs(&record)
            records[name] = record
            if isNew {
                note(
                    name, .normal, "SpecAccepted",
                    "accepted generation \(stored.generation) from \(entry.file)")
            }
            sayWhatWaits(name, entry, isNew: isNew)
        }
    }

    /// Says once what is wrong with a text, and why a change is not made.
    private func sayWhatWaits(_ name: String, _ entry: SpecLibrary.Entry, isNew: Bool) {
        if let problem = entry.problem?.summary, problem != records[name]?.saidProblem {
            note(name, .warning, "SpecInvalid", "\(problem); the last good version counts")
        }
        records[name]?.saidProblem = entry.problem?.summary
        guard isNew, let record = records[name], let wanted = wanted(name),
            let meaning = record.observed.stateMeaning,
            meaning.digest != wanted.loaded.meaning.digest
        else { return }
        let change = StateChange(
            from: meaning, to: wanted.loaded.meaning, rules: wanted.loaded.rules)
        if let refusal = change.refusal {
            note(name, .warning, "ChangeRefused", "the change is refused: \(refusal)")
        } else if wanted.loaded.rules.needsApproval || record.stored.record.needsApproval {
            let plan = planHash(meaning, desired(record, wanted))
            note(
                name, .normal, "AwaitingApproval",
                "a change waits for 'pipelined approve \(name) --plan \(plan)'")
        }
    }

    /// Reads again the version that the state belongs to, where another one is wanted, and the one
    /// that a rollback asks for.
    private func loadFormerSpecs(_ record: inout PipelineRecord) {
        let stored = record.stored.record
        func load(_ spec: StoredSpec) -> LoadedPipeline? {
            let text = SpecLibrary.Text(file: spec.file, bytes: spec.bytes)
            let loaded = library.load(text, name: record.name)
            // Its environment, or a topic that it names, may be another one now.
            return loaded?.meaning.digest == spec.digest ? loaded : nil
        }
        if let pin = stored.pin, record.pinned == nil {
            record.pinned = load(pin.spec)
            if record.pinned == nil {
                record.stored.record.pin = nil
                unwritten.insert(record.name)
                note(
                    record.name, .warning, "RollbackEnded",
                    "the spec that a rollback went back to does not mean what it did; its environment "
                        + "or a topic that it names has changed")
            }
        }
        guard let applied = stored.applied, record.former?.meaning.digest != applied.digest else {
            return
        }
        let isWanted =
            record.pinned == nil
            && library.pipelines[record.name]?.loaded.meaning.digest == applied.digest
        if isWanted {
            record.former = library.pipelines[record.name]?.loaded
        } else if record.formerTried != applied.digest {
            record.formerTried = applied.digest
            record.former = load(applied)
        }
    }
}
