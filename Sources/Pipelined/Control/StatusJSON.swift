/// How the daemon's answers are written. docs/control-protocol.md describes every member; a test
/// holds the two together.
enum StatusJSON {
    /// `2026-03-01T10:20:30.123456Z`; null for no time, `end` for the watermark behind all rows.
    static func time(_ micros: Int64?) -> JSONValue {
        guard let micros else { return .null }
        guard micros < .max else { return "end" }
        return .string(HumanText.time(micros: micros, fractionDigits: 6))
    }

    /// One pipeline as `status` lists it.
    ///
    /// - Parameter now: Microseconds since the epoch, for its age.
    static func row(_ view: PipelineView, now: Int64) -> JSONObject {
        let status = view.status
        return JSONObject([
            ("name", .string(view.name)), ("file", .string(view.file)),
            ("phase", .string(view.phaseNow.rawValue)),
            ("ready", .bool(view.conditions[.ready].isTrue)), ("message", .string(view.message)),
            ("generation", .count(view.generation)),
            ("observed_generation", .count(view.observedGeneration)),
            ("revision", .optional(view.appliedRevision)),
            ("revision_attempted", .optional(view.attemptedRevision)),
            ("conditions", .array(view.conditions.all.map(condition))),
            ("started_at", time(view.startedAt)),
            ("age_micros", .optional(view.startedAt.map { max(0, now - $0) })),
            ("restarts", .count(view.restartCount)),
            ("last_error", .optional(view.lastError)), ("next_retry_at", time(view.retryAt)),
            ("rows_per_second", .number(status?.rowsPerSecond ?? 0)),
            ("rows", .integer(status?.rowsRead ?? 0)), ("bytes", .integer(status?.bytesRead ?? 0)),
            ("watermark", time(status?.watermark)),
            ("watermark_held_by", .optional(status?.heldBy)), ("lag", .integer(status?.lag ?? 0)),
            ("state_entries", .count(status?.stateEntries ?? 0)),
            ("state_bytes", .count(status?.stateBytes ?? 0)),
            ("late", .integer(status?.late ?? 0)),
            ("dead_letters", .integer(status?.deadLetters ?? 0)),
            ("checkpoint", checkpoint(status)), ("history", history(status)),
            ("rebuild", rebuild(view.rebuild?.status)),
            ("pending_plan", .optional(view.pendingPlan)),
            ("paused_by", .optional(view.pausedBy)), ("paused_at", time(view.pausedAt)),
        ])
    }

    /// How far the source that has most to read yet has come; null where none takes a second more.
    static func history(_ status: PipelineStatus?) -> JSONValue {
        let reading = (status?.sources ?? []).filter { $0.microsLeft ?? 0 >= 1_000_000 }
        guard status?.phase == .running,
            let last = reading.max(by: { $0.microsLeft ?? 0 < $1.microsLeft ?? 0 }),
            let share = last.share
        else { return .null }
        return [
            "source": .string(last.name), "share": .number(share),
            "micros_left": .optional(last.microsLeft),
        ]
    }

    /// How far a rebuild has come; null where there is none.
    static func rebuild(_ status: RebuildStatus?) -> JSONValue {
        guard let status else { return .null }
        return [
            "rows": .integer(status.rows), "share": status.share.map(JSONValue.number) ?? .null,
            "micros_left": .optional(status.microsLeft), "caught_up": .bool(status.isCaughtUp),
        ]
    }

    private static func apply(_ apply: AppliedChange) -> JSONValue {
        [
            "at": time(apply.at), "duration_micros": .integer(apply.micros),
            "generation": .count(apply.generation), "revision": .optional(apply.revision),
            "result": .string(apply.result.rawValue), "message": .string(apply.message),
        ]
    }

    static func checkpoint(_ status: PipelineStatus?) -> JSONValue {
        guard let status, let at = status.checkpointAt else { return .null }
        return [
            "epoch": .integer(Int64(clamping: status.checkpointEpoch)), "at": time(at),
            "duration_micros": .integer(status.checkpointMicros),
        ]
    }

    static func condition(_ condition: Condition) -> JSONValue {
        [
            "type": .string(condition.kind.rawValue), "status": .bool(condition.isTrue),
            "reason": .string(condition.reason), "message": .string(condition.message),
            "last_transition_at": time(condition.lastTransitionAt),
        ]
    }

    /// One pipeline with all that is known of it, as `describe` shows it.
    static func description(_ view: PipelineView, now: Int64) -> JSONValue {
        var object = row(view, now: now)
        let status = view.status
        object["description"] = .optional(view.spec?.description)
        object["problem"] = view.problem.map(problem) ?? .null
        object["last_change"] = .array(view.lastChange.map(fate))
        object["applies"] = .array(view.applies.map(apply))
        object["pinned_generation"] = .optional(view.pinnedGeneration.map(Int64.init))
        object["sources"] = .array((status?.sources ?? []).map(source))
        object["nodes"] = .array((status?.nodes ?? []).map(node))
        object["sinks"] = .array((status?.sinks ?? []).map(sink))
        object["events"] = .array(view.events.inOrder.map(event))
        return .object(object)
    }

    private static func source(_ source: SourceStatus) -> JSONValue {
        [
            "name": .string(source.name), "rows": .integer(source.rows),
            "invalid": .integer(source.invalid),
            "unknown_deletions": .integer(source.unknownDeletions),
            "watermark": time(source.watermark),
            "held_by": .optional(source.heldBy), "done": .integer(source.done),
            "total": .optional(source.total), "ended": .bool(source.isEnded),
            "idle": .bool(source.isIdle), "micros_left": .optional(source.microsLeft),
        ]
    }

    private static func node(_ node: NodeStatus) -> JSONValue {
        [
            "name": .string(node.name), "rows_in": .integer(node.rowsIn),
            "rows_out": .integer(node.rowsOut), "late": .integer(node.late),
            "unmatched": .integer(node.unmatched), "forgotten": .integer(node.forgotten),
            "invalid": .integer(node.invalid),
            "state_entries": .count(node.stateEntries), "state_bytes": .count(node.stateBytes),
            "rows_per_second": .number(node.rowsPerSecond), "watermark": time(node.watermark),
        ]
    }

    private static func sink(_ sink: SinkStatus) -> JSONValue {
        [
            "name": .string(sink.name), "rows": .integer(sink.rows), "bytes": .integer(sink.bytes),
            "guarantee": .string(sink.guarantee),
        ]
    }

    static func problem(_ problem: SpecProblem) -> JSONValue {
        [
            "pipeline": .optional(problem.pipeline), "summary": .string(problem.summary),
            "rendered": .string(problem.rendered),
        ]
    }

    static func fate(_ fate: NodeFate) -> JSONValue {
        [
            "node": .string(fate.node), "kind": .string(fate.kind.rawValue),
            "fate": .string(fate.fate.rawValue), "reason": .string(fate.reason),
            "former_name": .optional(fate.formerName),
        ]
    }

    static func event(_ event: PipelineEvent) -> JSONValue {
        [
            "number": .integer(event.number), "at": time(event.time),
            "pipeline": .string(event.pipeline), "severity": .string(event.severity.rawValue),
            "reason": .string(event.reason), "message": .string(event.message),
        ]
    }

    static func change(_ change: PlannedChange) -> JSONValue {
        [
            "name": .string(change.name), "action": .string(change.action),
            "reason": .string(change.reason),
            "keeps_state": change.keepsState.map(JSONValue.bool) ?? .null,
            "nodes": .array(change.fates.map(fate)), "hold": .optional(change.hold),
            "plan": .optional(change.plan),
            "rebuild": change.estimate.map { estimate -> JSONValue in
                ["rows": .integer(estimate.rows), "micros": .optional(estimate.micros)]
            } ?? .null,
            "text": .string(change.text),
        ]
    }

    /// What a pipeline's state belongs to, for who compares specs with it.
    static func meaning(_ view: PipelineView) -> JSONValue {
        [
            "name": .string(view.name), "file": .string(view.file),
            "phase": .string(view.phase.rawValue), "state": view.stateMeaning?.json ?? .null,
            "needs_approval": .bool(view.needsApproval),
            "approved_plan": .optional(view.approvedPlan),
            "rows": .integer(view.status?.rowsRead ?? 0),
            "micros_to_read_all": .optional(view.status?.microsToReadAll),
        ]
    }

    /// What `status` answers: the daemon, its pipelines and the files without one.
    static func status(_ view: ControllerView, names: [String], now: Int64) -> JSONValue {
        let rows = view.inOrder.filter { names.isEmpty || names.contains($0.name) }
        let problems = view.orphanProblems.sorted { $0.key < $1.key }.flatMap { file, problems in
            problems.map { one -> JSONValue in
                var object = problem(one).object ?? JSONObject()
                object["file"] = .string(file)
                return .object(object)
            }
        }
        return [
            "converged": .bool(view.hasConverged), "revision": .optional(view.revision),
            "git": view.following.map(following) ?? .null,
            "folder_problem": .optional(view.folderProblem),
            "store_problem": .optional(view.storeProblem),
            "busy_files": .array(view.busyFiles.sorted().map(JSONValue.string)),
            "pipelines": .array(rows.map { .object(row($0, now: now)) }),
            "problems": .array(names.isEmpty ? problems : []),
        ]
    }
}
