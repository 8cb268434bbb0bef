import Config
import Operators

/// What runs pipelines. The controller knows only this, so that a second engine can stand here.
protocol Engine: AnyObject, Sendable {
    /// Builds the graph, restores its state and starts it.
    ///
    /// Blocks for as long as building and restoring take; call it on a thread that may block.
    /// - Throws: ``EngineError``; nothing runs then and no state has changed.
    func start(_ launch: PipelineLaunch) throws(EngineError) -> any RunningPipeline

    /// Begins to build the state of a new version of a pipeline from history, beside whatever runs.
    ///
    /// Blocks for as long as opening sources and reading tables takes.
    /// - Throws: ``EngineError`` where history is no longer there.
    func rebuild(_ launch: RebuildLaunch) throws(EngineError) -> any RunningRebuild

    /// Which generation of a pipeline made its last checkpoint; nil where there is none.
    func committedGeneration(of pipeline: String) throws(EngineError) -> Int?

    /// Says which pipelines run or are to run, so that readers need not wait for what others write.
    func expect(_ pipelines: Set<String>)

    /// Makes the topics that stand in documents what those say; returns what was refused.
    func apply(topics: [TopicSpec]) -> [(topic: TopicSpec, error: EngineError)]

    /// Deletes what a pipeline that does not run has in the state directory.
    func removeState(of pipeline: String, output: OutputDisposition) throws(EngineError)
}

/// A pipeline to start.
struct PipelineLaunch: Sendable {
    var spec: PipelineSpec
    /// Counts the specs of this name that were accepted, from 1.
    var generation: Int
    var state: StateTransition
    /// Called once, on any thread, when a first checkpoint has made the state this version's.
    var onCommit: @Sendable () -> Void = {}
    /// Called once, on any thread, when the pipeline has ended of itself or failed; not after `stop`.
    var onExit: @Sendable (PipelineExit) -> Void
}

/// What becomes of state that is there when a pipeline starts.
enum StateTransition: Sendable {
    /// It is this version's.
    case keep
    /// It goes, positions too.
    case anew
    /// It is an earlier version's, of which some goes on and some has been rebuilt.
    case change(StateChange, rebuilt: RebuiltState?)
}

/// A new version of a pipeline whose state is to be built.
struct RebuildLaunch: Sendable {
    var spec: PipelineSpec
    /// What runs, or ran last; nil where that cannot be known any more.
    var former: PipelineSpec?
    var change: StateChange
    /// Where history begins, of sources that no longer have all of it; nil where all is wanted.
    var replayFrom: TopicPosition?
    /// Called once, on any thread, when it has read as far as the other version.
    var onCaughtUp: @Sendable () -> Void
    /// Called once, on any thread; not after `cancel` and `finish`.
    var onFailure: @Sendable (EngineError) -> Void
}

/// A rebuild under way. All calls are safe from any thread.
protocol RunningRebuild: AnyObject, Sendable {
    var status: RebuildStatus { get }

    /// Reads on to what the other version, which has been stopped, committed last, and hands over
    /// the state. Blocks.
    ///
    /// - Throws: ``EngineError``, also after `timeoutMicros`; the rebuild has ended then.
    func finish(timeoutMicros: Int64) throws(EngineError) -> RebuiltState

    func cancel()
}

struct RebuildStatus: Equatable, Sendable {
    /// Monotonic clock, microseconds.
    var startedAt: Int64 = 0
    var rows: Int64 = 0
    /// How much of history has been read, 0...1; nil where that is not known.
    var share: Double?
    var microsLeft: Int64?
    var isCaughtUp = false
}

/// What becomes of the rows that a pipeline's file sinks have written when its state goes.
enum OutputDisposition: String, Sendable {
    /// They stay, and the pipeline writes on behind them.
    case keep
    /// The files are deleted; the pipeline writes them anew.
    case replace
    /// They stay and are no longer the pipeline's.
    case forget
}

enum PipelineExit: Sendable {
    /// Every source has ended and the last checkpoint is committed.
    case finished
    case failed(EngineError)
}

/// Why a pipeline could not start or go on.
struct EngineError: Error, Sendable {
    /// `cannot <verb> <object>: <cause>; <remedy>`.
    var message: String
    /// The node where it happened, if it was at one.
    var node: String?
    /// A person must change something: trying again does not help.
    var isTerminal: Bool
    /// The disk, or the user's share of it, is full.
    var isDiskFull = false
}

/// A pipeline that has been started. All calls are safe from any thread.
protocol RunningPipeline: AnyObject, Sendable {
    var spec: PipelineSpec { get }
    var status: PipelineStatus { get }

    /// Reads no more, takes a last checkpoint and lets go of everything. Blocks; bounded by
    /// `timeoutMicros`, after which it stops without a checkpoint (nothing committed is lost).
    func stop(timeoutMicros: Int64)

    /// Sees the rows that leave a node from now on, as JSON objects, one a call. `receive` returns
    /// false to end it; it is called on the lane and must not block (drop rows instead).
    /// - Throws: ``EngineError`` when there is no such node or port.
    func tap(
        _ node: NodeReference, receive: @escaping @Sendable (String) -> Bool
    ) throws(EngineError)
}

/// A pipeline's figures at one moment. Times are microseconds since the epoch.
struct PipelineStatus: Sendable {
    enum Phase: String, Sendable {
        case starting, running, finished, failed, stopped
    }
    var phase: Phase = .starting
    /// Why the pipeline failed, also when that was at the checkpoint of a stop.
    var failure: EngineError?
    var startedAt: Int64 = 0
    /// Rows read per second, over the last seconds.
    var rowsPerSecond: Double = 0
    var rowsRead: Int64 = 0
    var bytesRead: Int64 = 0
    /// Time that its lane has been at work since it was started, and the rows of that time.
    var busyMicros: Int64 = 0
    var rowsReadHere: Int64 = 0
    /// The lowest watermark of the sources; nil before the first row.
    var watermark: Int64?
    /// The source that holds the watermark back, where there are several and one does.
    var heldBy: String?
    /// Input that is there and not yet read, bytes (files) or rows.
    var lag: Int64 = 0
    var stateEntries: Int = 0
    var stateBytes: Int = 0
    var checkpointEpoch: UInt64 = 0
    var checkpointAt: Int64?
    var checkpointMicros: Int64 = 0
    var deadLetters: Int64 = 0
    var late: Int64 = 0
    var sources: [SourceStatus] = []
    var nodes: [NodeStatus] = []
    var sinks: [SinkStatus] = []
}

struct SourceStatus: Sendable {
    var name: String
    var rows: Int64 = 0
    var invalid: Int64 = 0
    /// Tombstones of keys under which nothing stood.
    var unknownDeletions: Int64 = 0
    var watermark: Int64?
    /// The split that holds the watermark back, where there are several.
    var heldBy: String?
    var done: Int64 = 0
    var total: Int64?
    var isEnded = false
    var isIdle = false
    /// While what was there already is read: how long that will take yet, by the rate of the last
    /// seconds; microseconds.
    var microsLeft: Int64?

    /// How much of what is there has been read, 0...1; nil where that is not known.
    var share: Double? {
        guard let total, total > 0 else { return nil }
        return min(1, max(0, Double(done) / Double(total)))
    }
}

struct NodeStatus: Sendable {
    var name: String
    var rowsIn: Int64 = 0
    var rowsOut: Int64 = 0
    var late: Int64 = 0
    var unmatched: Int64 = 0
    /// Of these, rows that asked for versions of a table which are no longer kept.
    var forgotten: Int64 = 0
    var invalid: Int64 = 0
    var stateEntries: Int = 0
    var stateBytes: Int = 0
    /// Rows that came in per second, over the last seconds.
    var rowsPerSecond: Double = 0
    /// What its verb has reached; nil before the first row.
    var watermark: Int64?
}

struct SinkStatus: Sendable {
    var name: String
    var rows: Int64 = 0
    var bytes: Int64 = 0
    /// `exactly-once` or `at-least-once`, with the source taken into account.
    var guarantee: String
}
