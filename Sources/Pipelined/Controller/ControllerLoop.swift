import Config
import Store

/// What the controller is given of the world.
struct ControllerSurroundings {
    var engine: any Engine
    var store: any ControllerStore
    /// Runs work that blocks, soon, somewhere else.
    var submit: @Sendable (@escaping @Sendable () -> Void) -> Void
    /// Gives a message to the loop, from any thread.
    var post: @Sendable (ControllerMessage) -> Void
    /// Microseconds since the epoch.
    var now: @Sendable () -> Int64
    /// 0..<1.
    var random: @Sendable () -> Double
    var log: Log
    var reading: SpecLibrary.Reading
    /// Takes what others may see, after every change.
    var publish: @Sendable (ControllerView) -> Void
}

struct ControllerOptions: Sendable {
    /// The directory of specs.
    var folder: String
    var allowEmpty = false
    var retentionMicros: Int64 = 7 * 86_400_000_000
    var stopTimeoutMicros: Int64 = 30_000_000
    var backoff = Backoff()
    /// Without hints the directory is looked at this often.
    var lookIntervalMicros: Int64 = 5_000_000
    /// A hint is followed by a look when it has been quiet for this long, and not much later.
    var debounceMicros: Int64 = 40_000
    var debounceMicrosMax: Int64 = 250_000
    /// The pause before a look that is to make sure.
    var confirmMicros: Int64 = 150_000
    /// Rebuilds at once; others wait for their turn, so that memory does not grow with how many specs
    /// a commit changes.
    var rebuildsMax = 8
    /// How long a reload waits for files that somebody is writing.
    var busyMicrosMax: Int64 = 2_000_000
    var usesLeases = true
    /// The directory is the link of a ``GitFollower``, which says when there is something new.
    var isFollowed = false
}

enum ControllerMessage: Sendable {
    /// Something may have happened in the directory.
    case hint
    /// There may be something to do now.
    case wake
    case command(ControllerCommand, @Sendable (ControllerAnswer) -> Void)
    case acted(String, ActionOutcome)
    /// A graph has made its first checkpoint.
    case committed(String, launchNumber: Int64)
    case rebuilt(String, number: Int64, RebuildNews)
    case exited(String, launchNumber: Int64, PipelineExit)
    /// How it stands with the repository that is followed.
    case followed(GitFollowing)
}

/// The controller's state and steps; one thread calls it.
///
/// One step is: take messages, look at the directory if that is due, make the plan, begin what it
/// says, publish what changed. Nothing here blocks for long: graphs start and stop elsewhere.
final class ControllerLoop {
    let around: ControllerSurroundings
    let options: ControllerOptions
    var folder: SpecFolder
    var library: SpecLibrary
    var records: [String: PipelineRecord] = [:]
    /// Entries that the catalog does not have yet.
    var unwritten: Set<String> = []
    var storeProblem: String?
    var storeRetryAt: Int64 = 0

    /// When the next look is due, and the first hint that it follows.
    var lookAt: Int64
    var hintedAt: Int64?
    /// Somebody asked for a look and waits for it.
    var isLookOwed = false
    /// The next look takes more than half of the specs going as meant.
    var allowsEmptyOnce = false
    var hasLooked = false
    /// The documents of topics that the engine was given last, and what it refused, by file.
    var appliedTopics: [String: TopicSpec] = [:]
    var topicProblems: [String: [SpecProblem]] = [:]
    /// The commit of the files that the last look found.
    var revision: String?
    var following: GitFollowing?

    /// Names whose view has to be made anew.
    var touched: Set<String> = []
    var view = ControllerView()
    var pending: [PendingAnswer] = []
    /// Exits of graphs whose start has not been reported yet.
    var earlyExits: [Int64: PipelineExit] = [:]
    /// Of graphs whose start has not been reported yet.
    var earlyCommits: Set<Int64> = []
    var lastLaunch: Int64 = 0
    var lastEvent: Int64 = 0
    var isDraining = false

    init(_ around: ControllerSurroundings, _ options: ControllerOptions) {
        self.around = around
        self.options = options
        folder = SpecFolder(
            path: options.folder, usesLeases: options.usesLeases, isFollowed: options.isFollowed)
        library = SpecLibrary(around.reading)
        lookAt = around.now()
    }

    /// Takes up what an earlier daemon left. Call it once, before the first step.
    ///
    /// - Parameter crash: What the last death was, if it was one.
    func restore(after crash: CrashNote?) throws(StoreError) {
        let now = around.now()
        var remembered: [SpecLibrary.Remembered] = []
        defer { library.remember(remembered) }
        for (name, var stored) in try around.store.load().sorted(by: { $0.key < $1.key }) {
            if let crash { countDeath(&stored.record, isAtWork: crash.pipeline == name, now) }
            var record = PipelineRecord(name: name, stored: stored, now: now)
            settleTakeover(&record, name)
            if crash != nil { unwritten.insert(name) }
            if stored.record.deathCount >= CrashNote.deathsMax {
                record.observed.failure = PipelineFailure(
                    digest: stored.record.digest, attemptCount: stored.record.deathCount,
                    retryAt: nil,
                    error: EngineError(
                        message: "cannot start pipeline '\(name)': it was at work when the daemon "
                            + "died \(stored.record.deathCount) times in a row; change its spec, or "
                            + "'pipelined restart \(name)'", node: nil, isTerminal: true))
                record.lastError = record.observed.failure?.error.message
            }
            records[name] = record
            touched.insert(name)
            if record.stored.record.removedAt == nil, stored.record.folder == options.folder {
                let text = SpecLibrary.Text(
                    file: stored.record.file, bytes: stored.record.bytes)
                remembered.append(SpecLibrary.Remembered(name: name, text: text))
            }
        }
    }

    /// Finds out whether a change that was under way had been committed, and what a reset that was
    /// under way has left.
    private func settleTakeover(_ record: inout PipelineRecord, _ name: String) {
        if record.stored.record.takeover != nil {
            unwritten.insert(name)
            settleTakeover(&record)
            // It may have begun partitions for sinks that the version before does not have.
            record.isPutBack = record.stored.record.takeover == nil
        }
        guard record.stored.record.isStateStale else { return }
        record.stored.record.stateMeaning = nil
        record.observed.stateMeaning = nil
        unwritten.insert(name)
    }

    /// Asks the journal whose the state is. Where that cannot be told now, the takeover stays noted,
    /// and a start on the wrong version's state is refused by the engine.
    func settleTakeover(_ record: inout PipelineRecord) {
        guard let takeover = record.stored.record.takeover else { return }
        let generation: Int?
        do throws(EngineError) {
            generation = try around.engine.committedGeneration(of: record.name)
        } catch { return }
        record.stored.record.takeover = nil
        guard generation == takeover.spec.generation else { return }
        record.stored.record.isStateStale = false
        record.adoptState(of: takeover)
    }

    private func countDeath(_ record: inout CatalogRecord, isAtWork: Bool, _ now: Int64) {
        guard isAtWork else {
            record.deathCount = 0
            record.diedAt = nil
            return
        }
        let isInARow = record.diedAt.map { now - $0 < CrashNote.memoryMicros } ?? false
        record.deathCount = isInARow ? record.deathCount + 1 : 1
        record.diedAt = now
    }

    /// Does all that can be done now.
    ///
    /// - Returns: When it wants to be called again without a message; microseconds.
    func step(_ messages: [ControllerMessage]) -> Int64 {
        for message in messages { take(message) }
        let now = around.now()
        if now >= lookAt, !isDraining { look(now) }
        acceptSpecs(now)
        if hasLooked { expectWriters() }
        apply(currentPlan(now), now)
        // Published first: an answer may be made from the view.
        publish(now)
        answerPending(now)
        return nextStep(now)
    }

    /// Tells the engine whose rows are still to come: of all that are not held.
    private func expectWriters() {
        around.engine.expect(
            Set(
                desired().filter { _, pipeline in
                    if case .hold = pipeline.mode { return false }
                    return true
                }.keys))
    }

    /// What there is to do at this moment.
    func currentPlan(_ now: Int64) -> [Action] {
        guard hasLooked else { return [] }
        let observed = observed(now)
        guard isDraining else {
            return plan(
                desired: desired(), observed: observed, now: now,
                retentionMicros: options.retentionMicros)
        }
        return plan(desired: [:], observed: observed, now: now, retentionMicros: .max).map {
            if case .abandon = $0.kind { return $0 }
            return Action(name: $0.name, kind: .stop(.draining))
        }
    }

    /// What is the case, with what could be started in the place of what is wanted.
    func observed(_ now: Int64) -> [String: ObservedPipeline] {
        records.mapValues { record in
            var observed = record.observed
            observed.needsApproval = record.stored.record.needsApproval
            if record.former != nil, let meaning = observed.stateMeaning {
                let failure = observed.failure
                let hasFailed = failure?.digest == meaning.digest && failure?.changeKey == nil
                observed.canRunFormer =
                    !hasFailed || failure?.retryAt.map { now >= $0 } ?? false
            }
            return observed
        }
    }

    /// What the specs and the commands ask for.
    func desired() -> [String: DesiredPipeline] {
        library.pipelines.keys.reduce(into: [:]) { result, name in
            guard let record = records[name], let wanted = wanted(name) else { return }
            result[name] = desired(record, wanted)
        }
    }

    func desired(_ record: PipelineRecord, _ wanted: WantedSpec) -> DesiredPipeline {
        let isHeldBack = library.heldBack.contains(record.name)
        let mode: DesiredPipeline.Mode =
            wanted.entry.absentCount > 0 && !isHeldBack
            ? .asIs
            : record.stored.isPaused
                ? .hold(.paused)
                : wanted.loaded.spec.settings.isSuspended ? .hold(.suspended) : .run
        return DesiredPipeline(
            meaning: wanted.loaded.meaning, rules: wanted.loaded.rules,
            generation: wanted.stored.generation, mode: mode, restartCount: record.restartCount,
            resetCount: record.resetCount, resetOutput: record.resetOutput,
            rebuildCount: record.rebuildCount, approvedPlan: record.stored.record.approvedPlan)
    }

    private func nextStep(_ now: Int64) -> Int64 {
        var next = lookAt
        if isDraining { next = now.saturatingAdd(options.lookIntervalMicros) }
        if storeProblem != nil { next = min(next, storeRetryAt) }
        let deadline = nextDeadline(
            desired: desired(), observed: observed(now),
            retentionMicros: options.retentionMicros, after: now)
        // A deadline that has passed and left nothing to do must not make the loop spin.
        if let deadline { next = min(next, max(deadline, now.saturatingAdd(20_000))) }
        return next
    }

    // MARK: events

    func note(
        _ name: String, _ severity: PipelineEvent.Severity, _ reason: String, _ message: String
    ) {
        lastEvent += 1
        let event = PipelineEvent(
            number: lastEvent, time: around.now(), pipeline: name, severity: severity,
            reason: reason, message: message)
        records[name]?.events.append(event)
        touched.insert(name)
        around.log.line(
            severity == .normal ? .info : .warning, message.isEmpty ? reason : message,
            [("pipeline", name), ("event", reason)])
    }
}
