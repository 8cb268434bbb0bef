import Config
import Synchronization

@testable import Pipelined

/// An engine that runs nothing and says so, and notices two graphs of one name.
final class FakeEngine: Engine {
    struct State {
        var running: [String: FakePipeline] = [:]
        var launches: [PipelineLaunch] = []
        var removed: [String] = []
        /// What the next starts of a name are refused with, one after the other.
        var refusals: [String: [EngineError]] = [:]
        var overlaps = 0
        var rebuilds: [FakeRebuild] = []
        /// The generation that each name's state is of.
        var committed: [String: Int] = [:]
        /// Names whose graphs commit nothing before the test says so.
        var slow: Set<String> = []
        /// Rebuilds that have not caught up when they have begun.
        var rebuildsWait = false
        var rebuildRefusal: EngineError?
    }
    let state = Mutex(State())

    func start(_ launch: PipelineLaunch) throws(EngineError) -> any RunningPipeline {
        let pipeline = FakePipeline(launch, self)
        let refusal: EngineError? = state.withLock { state in
            if var errors = state.refusals[launch.spec.name], !errors.isEmpty {
                let error = errors.removeFirst()
                state.refusals[launch.spec.name] = errors
                return error
            }
            if state.running[launch.spec.name] != nil { state.overlaps += 1 }
            state.running[launch.spec.name] = pipeline
            state.launches.append(launch)
            return nil
        }
        if let refusal { throw refusal }
        if !state.withLock({ $0.slow.contains(launch.spec.name) }) { pipeline.commit() }
        return pipeline
    }

    func rebuild(_ launch: RebuildLaunch) throws(EngineError) -> any RunningRebuild {
        let (refusal, waits) = state.withLock { ($0.rebuildRefusal, $0.rebuildsWait) }
        if let refusal { throw refusal }
        let rebuild = FakeRebuild(launch)
        state.withLock { $0.rebuilds.append(rebuild) }
        if !waits { rebuild.catchUp() }
        return rebuild
    }

    func committedGeneration(of pipeline: String) throws(EngineError) -> Int? {
        state.withLock { $0.committed[pipeline] }
    }

    func expect(_ pipelines: Set<String>) {}

    func apply(topics: [TopicSpec]) -> [(topic: TopicSpec, error: EngineError)] { [] }

    func removeState(of pipeline: String, output: OutputDisposition) throws(EngineError) {
        state.withLock { state in
            if state.running[pipeline] != nil { state.overlaps += 1 }
            state.removed.append(pipeline)
            state.committed[pipeline] = 0
        }
    }

    func end(_ name: String, _ exit: PipelineExit) {
        let pipeline = state.withLock { state in state.running.removeValue(forKey: name) }
        pipeline?.launch.onExit(exit)
    }

    var names: [String] { state.withLock { $0.running.keys.sorted() } }
    var launches: [PipelineLaunch] { state.withLock { $0.launches } }
}

/// Reads nothing and has caught up when the test says so.
final class FakeRebuild: RunningRebuild {
    let launch: RebuildLaunch
    private let known = Mutex(RebuildStatus())
    let isCancelled = Mutex(false)

    init(_ launch: RebuildLaunch) { self.launch = launch }

    func catchUp() {
        known.withLock { $0.isCaughtUp = true }
        launch.onCaughtUp()
    }

    var status: RebuildStatus { known.withLock { $0 } }

    func finish(timeoutMicros: Int64) throws(EngineError) -> RebuiltState {
        RebuiltState(nodes: Set(launch.change.rebuilt))
    }

    func cancel() { isCancelled.withLock { $0 = true } }
}

final class FakePipeline: RunningPipeline {
    let launch: PipelineLaunch
    private let engine: FakeEngine
    private let taps = Mutex<[@Sendable (String) -> Bool]>([])

    init(_ launch: PipelineLaunch, _ engine: FakeEngine) {
        self.launch = launch
        self.engine = engine
    }

    var spec: PipelineSpec { launch.spec }

    var status: PipelineStatus {
        var status = PipelineStatus()
        status.phase = .running
        status.startedAt = 1_700_000_000_000_000
        status.rowsPerSecond = 1234
        status.rowsRead = 56_789
        status.stateBytes = 4096
        status.stateEntries = 12
        status.late = 3
        status.deadLetters = 1
        status.sources = [SourceStatus(name: "events", rows: 56_789)]
        status.nodes = [NodeStatus(name: "views", rowsIn: 56_789, rowsOut: 100)]
        status.sinks = [SinkStatus(name: "out", rows: 100, bytes: 2000, guarantee: "exactly-once")]
        return status
    }

    /// Its first checkpoint.
    func commit() {
        engine.state.withLock { $0.committed[launch.spec.name] = launch.generation }
        launch.onCommit()
    }

    func stop(timeoutMicros: Int64) {
        engine.state.withLock { $0.committed[launch.spec.name] = launch.generation }
        engine.state.withLock { state in
            if state.running[launch.spec.name] === self { state.running[launch.spec.name] = nil }
        }
    }

    func tap(
        _ node: NodeReference, receive: @escaping @Sendable (String) -> Bool
    ) throws(EngineError) {
        guard node.node == "views" else {
            throw EngineError(
                message: "cannot tap \(node.node): there is no such node", node: node.node,
                isTerminal: true)
        }
        taps.withLock { $0.append(receive) }
    }

    var tapCount: Int { taps.withLock { $0.count } }

    /// A row leaves the tapped node.
    func emit(_ row: String) {
        taps.withLock { taps in taps = taps.filter { $0(row) } }
    }
}

/// Reads each text by itself: specs of tests name no topics.
func loadTiny(_ texts: [SpecLibrary.Text], _ known: [String: KnownTopic]) -> [LoadedFile] {
    texts.map { loadTiny($0.file, $0.bytes) }
}

extension StateTransition {
    /// For comparisons: `keep`, `anew`, or the nodes that do not simply go on.
    var words: String {
        switch self {
        case .keep: "keep"
        case .anew: "anew"
        case .change(let change, _):
            change.changed.map { "\($0.node) \($0.fate.rawValue)" }.joined(separator: ", ")
        }
    }
}

/// Specs in a language of one line for tests: `name [version] [window]`, `broken`, several by `;`, and
/// the words `suspend`, `manual`, `discard`, `refuse`, `replace`.
func loadTiny(_ file: String, _ bytes: [UInt8]) -> LoadedFile {
    var loaded = LoadedFile()
    let text = String(decoding: bytes, as: UTF8.self)
    for line in text.split(separator: ";") {
        let words = line.split { $0 == " " || $0 == "\n" }.map(String.init)
        guard let name = words.first else { continue }
        if name == "broken" {
            let summary = "\(file):1:1: it is broken"
            loaded.problems.append(
                SpecProblem(
                    pipeline: words.count > 1 ? words[1] : nil, summary: summary,
                    rendered: "error: it is broken\n --> \(file):1:1\n"))
            continue
        }
        var settings = PipelineSettings()
        settings.isSuspended = words.contains("suspend")
        let policies = PipelineSettings.ChangePolicy.allCases.map(\.rawValue)
        let plain = words.filter { !(policies + ["suspend", "manual"]).contains($0) }
        let version = plain.count > 1 ? plain[1] : "1"
        let window = plain.count > 2 ? plain[2] : "w"
        var rules = ChangeRules()
        rules.policy = words.compactMap(PipelineSettings.ChangePolicy.init).first
        rules.needsApproval = words.contains("manual")
        rules.ancestors = ["counts": ["events"]]
        loaded.pipelines.append(
            LoadedPipeline(
                spec: PipelineSpec(
                    name: name, description: version + window, path: file, line: 1, parameters: [:],
                    sources: [], tables: [], steps: [], sinks: [], settings: settings),
                meaning: PipelineMeaning(
                    digest: version + window + (settings.isSuspended ? "s" : ""),
                    nodes: [
                        NodeMeaning(
                            name: "events", kind: .source, isStateful: true, fingerprint: "e",
                            own: "e"),
                        NodeMeaning(
                            name: "counts", kind: .step, isStateful: true, fingerprint: window,
                            own: window),
                    ]), rules: rules))
    }
    if text.isEmpty {
        loaded.problems.append(
            SpecProblem(summary: "\(file): it is empty", rendered: "error: it is empty\n"))
    }
    return loaded
}
