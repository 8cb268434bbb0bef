import Config

/// What a pipeline is doing, in one word.
enum PipelinePhase: String, CaseIterable, Sendable {
    case pending = "Pending"
    case starting = "Starting"
    case running = "Running"
    /// It runs, and a new version is being built beside it, or is taking its place.
    case upgrading = "Upgrading"
    /// A new version failed, and the one before is being put back.
    case rollingBack = "RollingBack"
    /// It runs, and has history to read yet.
    case backfilling = "Backfilling"
    case deleting = "Deleting"
    case stopping = "Stopping"
    case finished = "Finished"
    case paused = "Paused"
    case suspended = "Suspended"
    /// It failed and is tried again by itself.
    case failed = "Failed"
    /// It failed and a person has to do something.
    case stalled = "Stalled"
    /// There is no good version of its spec.
    case invalid = "Invalid"
}

/// A pipeline as others see it: a copy that the controller hands out whenever something changed.
struct PipelineView: Sendable {
    var name: String
    /// The spec's file, below the directory.
    var file: String
    var phase: PipelinePhase
    var conditions: Conditions
    /// One line: what is wrong or under way.
    var message: String
    /// Why the file's present text does not count.
    var problem: SpecProblem?
    var generation: Int
    /// The generation that runs.
    var observedGeneration: Int
    /// The git commit that was checked out when the running spec was applied, and the one now.
    var appliedRevision: String?
    var attemptedRevision: String?
    /// Automatic restarts after failures since the daemon began.
    var restartCount: Int
    var lastError: String?
    var retryAt: Int64?
    /// Since when the graph runs.
    var startedAt: Int64?
    /// What the last change of the spec did to state that did not simply go on.
    var lastChange: [NodeFate] = []
    /// The last changes, oldest first.
    var applies: [AppliedChange] = []
    /// The plan of a change that has not been made.
    var pendingPlan: String?
    var rebuild: (any RunningRebuild)?
    /// What its state belongs to; nil before its first checkpoint.
    var stateMeaning: PipelineMeaning?
    var needsApproval = false
    var approvedPlan: String?
    var pausedBy: String?
    var pausedAt: Int64?
    /// The generation that a rollback put in the place of the file's.
    var pinnedGeneration: Int?
    var events: EventRing
    /// The spec that runs, or would.
    var spec: PipelineSpec?
    var running: (any RunningPipeline)?
    /// The figures of a graph that has ended.
    var lastStatus: PipelineStatus?

    /// The figures now.
    var status: PipelineStatus? { running?.status ?? lastStatus }

    /// The phase, with what only the figures tell.
    var phaseNow: PipelinePhase {
        guard phase == .running, let status, StatusJSON.history(status) != .null else {
            return phase
        }
        return .backfilling
    }
}

/// Everything that others see of the controller at one moment.
struct ControllerView: Sendable {
    var pipelines: [String: PipelineView] = [:]
    /// Problems of files that have no pipeline to show them with.
    var orphanProblems: [String: [SpecProblem]] = [:]
    var folderProblem: String?
    /// Files that somebody has open for writing: their text does not count yet.
    var busyFiles: Set<String> = []
    /// Why nothing can be changed just now: the catalog cannot be written.
    var storeProblem: String?
    /// The commit of the files that were looked at last.
    var revision: String?
    /// How it stands with the repository that is followed; nil where none is.
    var following: GitFollowing?
    /// The first look is over and everything it asked for has been done or has failed.
    var hasConverged = false
    /// Counts the changes.
    var number: Int64 = 0
    /// The number of the newest event.
    var lastEvent: Int64 = 0

    var inOrder: [PipelineView] { pipelines.values.sorted { $0.name < $1.name } }
}
