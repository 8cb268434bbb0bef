import Config

/// What should be the case for one name, as the specs and the commands say.
struct DesiredPipeline: Equatable, Sendable {
    enum Mode: Equatable, Sendable {
        case run
        /// It stands still, with its state: a person paused it or the spec says `suspend`.
        case hold(HoldReason)
        /// Its spec was not in the last listing of the directory, which is not yet sure: nothing is
        /// started or stopped.
        case asIs
    }
    var meaning: PipelineMeaning
    /// What the spec says about changes of itself.
    var rules = ChangeRules()
    /// Counts the meanings that were accepted for this name, from 1.
    var generation: Int
    var mode: Mode = .run
    /// How many restarts, resets and rebuilds were asked for since the daemon began.
    var restartCount = 0
    var resetCount = 0
    var resetOutput: OutputDisposition = .keep
    var rebuildCount = 0
    /// The plan that a person has approved.
    var approvedPlan: String?
}

enum HoldReason: String, Equatable, Sendable {
    case paused, suspended
}

/// What is the case for one name.
struct ObservedPipeline: Equatable, Sendable {
    enum Activity: Equatable, Sendable {
        /// Nothing runs.
        case idle
        /// An action on it is under way; nothing else may be begun.
        case busy
        /// A graph of this meaning runs.
        case running(digest: String)
        /// A graph of this meaning ran to the end of its sources.
        case finished(digest: String)
    }
    /// A new version's state that is being built beside what runs.
    struct Rebuild: Equatable, Sendable {
        /// Of the meaning, and the way, that it is for.
        var target: String
        var isCaughtUp = false
    }
    var activity: Activity = .idle
    /// What the state on disk belongs to; nil where there is none.
    var stateMeaning: PipelineMeaning?
    /// Whether what runs has not yet made the state its own.
    var isOnProbation = false
    /// Whether the spec that the state belongs to is known and could be started.
    var canRunFormer = false
    /// Whether the spec that the state belongs to lets no change pass unapproved.
    var needsApproval = false
    var rebuild: Rebuild?
    var failure: PipelineFailure?
    /// How many of the requests have been answered by an action.
    var restartCount = 0
    var resetCount = 0
    var rebuildCount = 0
    /// Since when its spec is gone, where its state is still kept; microseconds.
    var removedAt: Int64?
}

/// A meaning that could not be started, or failed, and when it may be tried again.
struct PipelineFailure: Equatable, Sendable {
    var digest: String
    /// The way in which the change to it was to be made; nil of a graph that ran.
    var changeKey: String?
    /// Failures in a row.
    var attemptCount: Int
    /// Microseconds; nil where only a new spec or a person's `restart` helps.
    var retryAt: Int64?
    var error: EngineError
}

extension EngineError: Equatable {
    static func == (left: EngineError, right: EngineError) -> Bool {
        left.message == right.message && left.node == right.node
            && left.isTerminal == right.isTerminal
    }
}
