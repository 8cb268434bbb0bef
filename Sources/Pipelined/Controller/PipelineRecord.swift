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

    var conditions: Conditions
    var events = EventRing()
    var phase = PipelinePhase.pending
    var running: (any RunningPipeline)?
    var lastStatus: PipelineStatus?
    var startedAt: Int64?
    /// Tells an exit of this graph from one of an earlier graph.
    var launchNumber: Int64 = 0
    var action: Action.Kind?
    /// What `stored.record.isStateStale` was before the action under way, in case it is refused.
    var wasStateStale = false

    /// Failures in a row of the meaning `failedDigest`.
    var attemptCount = 0
    var failedDigest = ""
    /// Automatic restarts since the daemon began.
    var restartsMade = 0
    var lastError: String?
    var lostState: [LostState] = []
    var runningGeneration = 0
    var appliedRevision: String?

    init(name: String, stored: StoredPipeline, now: Int64) {
        self.name = name
        self.stored = stored
        conditions = Conditions(now: now)
        observed.stateMeaning = stored.record.stateMeaning
        observed.removedAt = stored.record.removedAt
    }

    /// Notes a failure of a meaning and when it may be tried again.
    mutating func fail(
        digest: String, _ error: EngineError, ranMicros: Int64, _ backoff: Backoff, now: Int64,
        random: Double
    ) {
        let isFirst = failedDigest != digest || ranMicros >= backoff.forgivenAfterMicros
        attemptCount = isFirst ? 1 : attemptCount + 1
        failedDigest = digest
        lastError = error.message
        let pause = backoff.pauseMicros(attemptCount: attemptCount, random: random)
        observed.failure = PipelineFailure(
            digest: digest, attemptCount: attemptCount,
            retryAt: error.isTerminal ? nil : now.saturatingAdd(pause), error: error)
    }
}
