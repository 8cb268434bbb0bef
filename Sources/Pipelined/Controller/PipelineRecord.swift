import Config

/// All that the controller knows of one name.
struct PipelineRecord {
    let name: String
    var stored: StoredPipeline
    var observed = ObservedPipeline()
    /// What was asked for since the daemon began.
    var restartCount = 0
    var resetCount = 0
    var resetOutput: OutputDisposition = .keep
    var rebuildCount = 0
    /// Where the rebuild that a person asked for begins.
    var rebuildFrom: TopicPosition?

    var conditions: Conditions
    var events = EventRing()
    var phase = PipelinePhase.pending
    var running: (any RunningPipeline)?
    var lastStatus: PipelineStatus?
    var startedAt: Int64?
    /// Tells an exit of this graph from one of an earlier graph.
    var launchNumber: Int64 = 0
    var action: Action.Kind?
    /// What was started last: what the state is once it has committed.
    var launched: CatalogRecord.Takeover?
    /// When the change under way was begun, for the list of those.
    var changeBegunAt: Int64?
    var change: StateChange?
    /// What was last said to be wrong with its spec, so that it is said once.
    var saidProblem: String?
    /// The launch that carries the change out.
    var changeLaunch: Int64?
    /// The next start is of a version that another one may have stood in for.
    var isPutBack = false
    /// The rebuild under way, and what tells its messages from those of an earlier one.
    var rebuild: (any RunningRebuild)?
    var rebuildNumber: Int64 = 0
    /// The spec of the state, read.
    var former: LoadedPipeline?
    /// The digest for which that was tried.
    var formerTried: String?
    /// The spec that a person's `rollback` put in the place of the file's, read.
    var pinned: LoadedPipeline?

    /// Failures in a row of the meaning `failedDigest`.
    var attemptCount = 0
    var failedDigest = ""
    /// Automatic restarts since the daemon began.
    var restartsMade = 0
    var lastError: String?
    /// What the last change did to the state.
    var lastChange: [NodeFate] = []
    var runningGeneration = 0
    var appliedRevision: String?

    init(name: String, stored: StoredPipeline, now: Int64) {
        self.name = name
        self.stored = stored
        conditions = Conditions(now: now)
        observed.stateMeaning = stored.record.stateMeaning
        observed.removedAt = stored.record.removedAt
    }

    /// The state is that version's now; the spec of it is read again when it is needed.
    mutating func adoptState(of version: CatalogRecord.Takeover) {
        stored.record.adopt(version)
        observed.stateMeaning = version.meaning
        former = nil
        formerTried = nil
    }

    /// Notes a failure of a meaning and when it may be tried again.
    mutating func fail(
        digest: String, changeKey: String? = nil, _ error: EngineError, ranMicros: Int64,
        _ backoff: Backoff, now: Int64, random: Double
    ) {
        let isFirst = failedDigest != digest || ranMicros >= backoff.forgivenAfterMicros
        attemptCount = isFirst ? 1 : attemptCount + 1
        failedDigest = digest
        lastError = error.message
        let pause = backoff.pauseMicros(attemptCount: attemptCount, random: random)
        observed.failure = PipelineFailure(
            digest: digest, changeKey: changeKey, attemptCount: attemptCount,
            retryAt: error.isTerminal ? nil : now.saturatingAdd(pause), error: error)
    }
}
