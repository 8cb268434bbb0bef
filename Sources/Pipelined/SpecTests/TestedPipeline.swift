import Config
import Connectors
import Operators
import Store
import Synchronization

/// A pipeline under test: the real engine and journal, on a disk in memory and a clock that moves when
/// it is told to. Sources and tables are given what the test has for them; what sinks are given is kept.
///
/// Everything happens on the thread that calls, so that the same test takes the same course every time.
final class TestedPipeline {
    private let clock: SimulatedClock
    /// Whether event times go by the clock: the test says what it shows.
    private let hasOwnClock: Bool
    private let state: StateDirectory
    private let engine: EmbeddedEngine
    private let connections: GivenConnections
    private let observed: [TestExpectation.Target]
    private var spec: PipelineSpec
    private var running: EmbeddedPipeline?
    private var generation = 0

    /// How often an engine may want to be run while time passes.
    private static let wakesMax = 200_000

    /// - Parameters:
    ///   - clockMicros: nil for a clock that no event time is compared with.
    ///   - observed: What will be asked for.
    init(
        _ spec: PipelineSpec, clockMicros: Int64?, observed: [TestExpectation.Target]
    ) throws(EngineError) {
        self.spec = spec
        self.observed = observed
        clock = SimulatedClock(start: clockMicros ?? 0)
        hasOwnClock = clockMicros != nil
        let connections = GivenConnections()
        self.connections = connections
        do throws(StoreError) {
            state = try StateDirectory.open(
                path: "/state", fileSystem: SimulatedFileSystem(), reserveBytes: 0)
        } catch {
            throw EngineError(error)
        }
        let engineClock = clock.engineClock
        var options = EngineOptions()
        options.workers = 0
        options.blockingThreads = 0
        options.clock = engineClock
        options.standIns = { _ in connections.opening }
        do throws(EngineError) {
            let topics = try TopicService.open(state, clock: engineClock.wall)
            engine = EmbeddedEngine(
                options: options, state: state, topics: topics, fileEvents: nil)
        } catch {
            state.close()
            throw error
        }
    }

    func close() {
        running?.requestStop()
        _ = engine.runReady()
        engine.close()
        state.close()
    }

    // MARK: What a test does

    /// - Parameter tables: What they hold from the start.
    func start(tables: [(table: String, portion: TestPortion)]) throws(EngineError) {
        for (table, portion) in tables { connections.input(table).give(portion) }
        try start(.keep)
    }

    func restart() throws(EngineError) {
        try stop()
        try start(.keep)
    }

    /// Goes on with another version of the spec, whose state is what the controller would keep.
    func upgrade(to next: PipelineSpec) throws(EngineError) {
        let former = prepared(spec)
        let prepared = prepared(next)
        let change = StateChange(
            from: PipelineMeaning(former), to: PipelineMeaning(prepared),
            rules: ChangeRules(prepared))
        if let refusal = change.refusal {
            throw EngineError(
                message: "cannot upgrade: \(refusal)", node: nil, isTerminal: true)
        }
        try stop()
        spec = next
        try start(.change(change, rebuilt: try rebuild(prepared, former, change)))
    }

    /// Gives rows; tables have theirs before sources are read.
    func send(_ portions: [(node: String, portion: TestPortion)]) throws(EngineError) {
        for (node, portion) in portions { connections.input(node).give(portion) }
        if portions.contains(where: { given in spec.tables.contains { $0.name == given.node } }) {
            running?.lookAtTables()
        }
        try settle()
    }

    /// Lets time pass: the clock's, and that of events, from the latest one on.
    func advance(by micros: Int64) throws(EngineError) {
        let start = clock.micros
        let reached = running?.reachedTime ?? start
        try pass(until: start.saturatingAdd(micros)) { now in
            reached.saturatingAdd(now - start)
        }
    }

    /// Lets time pass until the clock and all sources are there.
    func advance(to micros: Int64) throws(EngineError) {
        precondition(micros >= clock.micros, "time goes back to \(micros)")
        try pass(until: micros) { $0 }
    }

    /// What a sink or port was given so far, as JSON objects.
    func rows(_ target: TestExpectation.Target) -> [String] { connections.output(target).rows }

    /// Rows that could not be read or evaluated and that nothing reads, as ``InvalidPort/schema``.
    var deadLetters: [String] { connections.output(.port(GivenConnections.deadLetters)).rows }

    // MARK: Time

    /// Runs the engine at each moment at which it wants to be run.
    private func pass(until end: Int64, eventTime: (Int64) -> Int64) throws(EngineError) {
        for _ in 0..<Self.wakesMax {
            let next = try settle().map(clock.wall(atMonotonic:))
            let moment = min(next ?? end, end)
            clock.move(to: moment)
            for node in spec.sources.map(\.name) + spec.tables.map(\.name) {
                connections.input(node).reach(eventTime(moment))
            }
            if moment == end {
                try settle()
                return
            }
        }
        throw EngineError(
            message: "cannot advance so far: the pipeline has something to do more than "
                + "\(Self.wakesMax) times until then; advance in shorter steps",
            node: nil, isTerminal: true)
    }

    /// Runs the engine until it has nothing to do now.
    @discardableResult
    private func settle() throws(EngineError) -> Int64? {
        let next = engine.runReady()
        if let error = connections.failure { throw error }
        return next
    }

    // MARK: Start and stop

    /// Reads history once more for what cannot be kept; nil where there is nothing of the kind.
    private func rebuild(
        _ spec: PipelineSpec, _ former: PipelineSpec, _ change: StateChange
    ) throws(EngineError) -> RebuiltState? {
        guard change.isRebuild else { return nil }
        let rebuild = try engine.rebuild(
            RebuildLaunch(
                spec: spec, former: former, change: change,
                replayFrom: spec.settings.replayFrom, onCaughtUp: {},
                onFailure: { [connections] in connections.note($0) }))
        try settle()
        return try rebuild.finish(timeoutMicros: 0)
    }

    private func start(_ state: StateTransition) throws(EngineError) {
        generation += 1
        let prepared = prepared(spec)
        let started = try engine.start(
            PipelineLaunch(
                spec: prepared, generation: generation, state: state,
                onExit: { [connections] exit in
                    if case .failed(let error) = exit { connections.note(error) }
                }))
        running = started as? EmbeddedPipeline
        try settle()
    }

    private func stop() throws(EngineError) {
        guard let running else { return }
        running.requestStop()
        try settle()
        if let error = running.status.failure { throw error }
        self.running = nil
    }

    /// The spec with nothing that would look outside, and with a sink for each port that is observed.
    private func prepared(_ spec: PipelineSpec) -> PipelineSpec {
        var prepared = spec
        for index in prepared.tables.indices {
            guard case .file(var options) = prepared.tables[index].connector else { continue }
            // No file is there, and the test says when its rows have changed.
            options.path = ""
            if options.refreshMicros != nil { options.refreshMicros = Self.neverMicros }
            prepared.tables[index].connector = .file(options)
        }
        if !hasOwnClock {
            for index in prepared.sources.indices {
                prepared.sources[index].eventTime.maxFutureMicros = .max
            }
            for index in prepared.tables.indices {
                prepared.tables[index].eventTime?.maxFutureMicros = .max
            }
        }
        for case .port(let reference) in observed {
            guard let output = spec.output(of: reference) else { continue }
            prepared.sinks.append(GivenConnections.observer(of: reference, output))
        }
        return prepared
    }

    /// A hundred years.
    private static let neverMicros: Int64 = 36_500 * 86_400_000_000
}

/// What stands in for the connectors of a pipeline under test; outlives its restarts.
final class GivenConnections: Sendable {
    private struct Ends {
        var inputs: [String: GivenInput] = [:]
        var outputs: [TestExpectation.Target: GivenOutput] = [:]
        var failure: EngineError?
    }
    private let ends = Mutex(Ends())
    private static let observerPrefix = "test:"
    /// No node can have this name.
    static let deadLetters = NodeReference(node: "dead-letters", port: .invalid)

    /// Why the pipeline ended of itself.
    var failure: EngineError? { ends.withLock { $0.failure } }

    func note(_ failure: EngineError) { ends.withLock { $0.failure = failure } }

    func input(_ node: String) -> GivenInput {
        ends.withLock { ends in
            if let known = ends.inputs[node] { return known }
            let input = GivenInput()
            ends.inputs[node] = input
            return input
        }
    }

    func output(_ target: TestExpectation.Target) -> GivenOutput {
        ends.withLock { ends in
            if let known = ends.outputs[target] { return known }
            let output = GivenOutput()
            ends.outputs[target] = output
            return output
        }
    }

    /// A sink that takes what a port gives.
    static func observer(of reference: NodeReference, _ output: NodeOutput) -> SinkSpec {
        var key: [Int]?
        if case .updating(let names?) = output.change {
            key = names.compactMap { output.schema.index(of: $0) }
        }
        return SinkSpec(
            name: "\(observerPrefix)\(reference.node).\(reference.port.rawValue)",
            input: reference, inputSchema: output.schema, inputKey: key, connector: .stdout,
            format: .json(JSONOptions()), mode: output.change == .append ? .append : .changelog,
            deleteWhen: nil)
    }

    var opening: GraphBuilder.ConnectorOpening {
        GraphBuilder.ConnectorOpening(
            openSource: { (source) throws(ConnectorError) in
                try GivenSource(source, input: self.input(source.name))
            },
            openTable: { (table) throws(ConnectorError) in
                try GivenSource(table, input: self.input(table.name))
            },
            openSink: { (sink) throws(ConnectorError) in
                let isObserver = sink.name.hasPrefix(Self.observerPrefix)
                return try GivenSink(
                    sink,
                    output: self.output(isObserver ? .port(sink.input) : .sink(sink.name)))
            },
            openDeadLetters: { () throws(ConnectorError) in
                let letters = GivenConnections.deadLetters
                let schema = SinkFactory.deadLetterSchema
                return try GivenSink(
                    Self.observer(of: letters, NodeOutput(schema: schema, change: .append)),
                    output: self.output(.port(letters)))
            })
    }
}
