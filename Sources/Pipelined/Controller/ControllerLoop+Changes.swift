import Config

/// Commands about changes of a spec: building anew, going back, approving.
extension ControllerLoop {
    func rebuild(
        _ name: String, _ from: TopicPosition?,
        _ answer: @escaping @Sendable (ControllerAnswer) -> Void
    ) {
        guard let record = records[name], let wanted = wanted(name) else {
            return answer(.notFound(name))
        }
        guard let meaning = record.observed.stateMeaning else {
            return answer(.refused("cannot rebuild '\(name)': it has no checkpoint yet"))
        }
        guard meaning.digest == wanted.loaded.meaning.digest else {
            return answer(
                .refused(
                    "cannot rebuild '\(name)': its spec has changed and that is not applied; approve "
                        + "the change, or take it back"))
        }
        if record.stored.isPaused {
            return answer(
                .refused("cannot rebuild '\(name)': it is paused; 'pipelined resume \(name)' first")
            )
        }
        let change = StateChange(
            from: meaning, to: wanted.loaded.meaning, rules: wanted.loaded.rules, forced: true)
        if let refusal = change.refusal {
            return answer(.refused("cannot rebuild '\(name)': \(refusal)"))
        }
        guard change.isRebuild else {
            return answer(
                .refused("cannot rebuild '\(name)': nothing in it keeps state that history makes"))
        }
        self.change(name, answer) { record in
            record.rebuildCount += 1
            record.rebuildFrom = from
            record.observed.failure = nil
        }
    }

    func rollback(_ name: String, _ answer: @escaping @Sendable (ControllerAnswer) -> Void) {
        guard let record = records[name], let entry = library.pipelines[name] else {
            return answer(.notFound(name))
        }
        let stored = record.stored.record
        let now = entry.loaded.meaning.digest
        // What has not been applied, or was rolled back, leaves the version before as it is.
        let target = stored.applied?.digest == now ? stored.previous : stored.applied
        guard let target, stored.pin == nil || stored.pin?.spec.digest != target.digest else {
            return answer(
                .refused("cannot roll back '\(name)': no version before this one is known"))
        }
        let text = SpecLibrary.Text(file: target.file, bytes: target.bytes)
        guard let loaded = library.load(text, name: name), loaded.meaning.digest == target.digest
        else {
            return answer(
                .refused(
                    "cannot roll back '\(name)': the spec before, of generation "
                        + "\(target.generation), does not mean what it did; its environment or a "
                        + "topic that it names has changed"))
        }
        change(name, answer) { record in
            record.stored.record.pin = .init(digest: now, bytes: entry.bytes, spec: target)
            record.stored.record.generation += 1
            record.pinned = loaded
            record.observed.failure = nil
        }
        // Who asks for it has approved it.
        if let record = records[name], let meaning = record.observed.stateMeaning,
            let wanted = wanted(name)
        {
            records[name]?.stored.record.approvedPlan = planHash(meaning, desired(record, wanted))
            unwritten.insert(name)
        }
        note(
            name, .normal, "RolledBack",
            "going back to generation \(target.generation), as asked, until its file changes")
    }

    func approve(
        _ name: String, _ plan: String, _ answer: @escaping @Sendable (ControllerAnswer) -> Void
    ) {
        guard let record = records[name], let wanted = wanted(name) else {
            return answer(.notFound(name))
        }
        let desired = desired(record, wanted)
        guard let meaning = record.observed.stateMeaning, meaning.digest != desired.meaning.digest
        else {
            return answer(.refused("cannot approve a change of '\(name)': there is none"))
        }
        let current = planHash(meaning, desired)
        guard plan == current else {
            return answer(
                .refused(
                    "cannot approve plan \(plan) of '\(name)': the plan is \(current) now; look at "
                        + "'pipelined diff' and approve that"))
        }
        change(name, answer) { $0.stored.record.approvedPlan = plan }
        note(name, .normal, "Approved", "plan \(plan) was approved")
    }

    func plannedChange(_ action: Action) -> PlannedChange {
        var change = PlannedChange(action)
        change.estimate = estimate(change)
        return change
    }

    /// How much a rebuild has to read, and how long that takes at the pace of what runs.
    func estimate(_ change: PlannedChange) -> PlannedChange.Estimate? {
        guard let record = records[change.name] else { return nil }
        return PlannedChange.Estimate(change, record.running?.status ?? record.lastStatus)
    }
}

extension PlannedChange.Estimate {
    /// nil where nothing is rebuilt, or nothing is known of what runs.
    init?(_ change: PlannedChange, _ status: PipelineStatus?) {
        guard change.fates.contains(where: { $0.fate == .rebuilt }), let status else { return nil }
        self.init(rows: status.rowsRead, micros: status.microsToReadAll)
    }
}

extension PipelineStatus {
    /// How long reading everything once more takes, at the pace so far; nil where that is not known.
    var microsToReadAll: Int64? {
        guard rowsReadHere > 0 else { return nil }
        let perRow = Double(busyMicros) / Double(rowsReadHere)
        return Int64(min(1e15, perRow * Double(rowsRead)))
    }
}
