import Config
import Operators

/// Figures of one node of a spec. Written by the lane only.
final class NodeCounters {
    let name: String
    var rowsIn: Int64 = 0
    var rowsOut: Int64 = 0
    var late: Int64 = 0
    /// Of the late rows, those in time by their split whose window had fired.
    var lateThoughInTime: Int64 = 0
    var unmatched: Int64 = 0
    var invalid: Int64 = 0

    init(name: String) { self.name = name }
}

/// Takes batches: an input of a graph's node, or a sink.
protocol BatchReceiver: AnyObject {
    /// - Parameter input: Which of the receiver's inputs, 0-based.
    func receive(_ batch: Batch, input: Int)

    /// The input's watermark has risen; `isIdle` inputs do not hold their node's watermark back.
    func receive(watermark: Int64, isIdle: Bool, input: Int)
}

/// A wire from a port to a receiver.
struct Edge {
    let receiver: any BatchReceiver
    let input: Int
    /// Positions of the receiver's columns in the sender's; nil when they are the same.
    let columns: [Int]?

    func send(_ batch: Batch) {
        guard let columns else { return receiver.receive(batch, input: input) }
        var mapped = batch
        mapped.columns = columns.map { batch.columns[$0] }
        receiver.receive(mapped, input: input)
    }
}

/// What the graph's parts share while a lane runs: the clock, and where rows that fail go.
final class LaneContext {
    /// The wall clock, constant within an epoch; microseconds.
    var now: Int64 = 0
    var clock = EngineClock.system
    /// The first error that must stop the pipeline.
    private(set) var failure: EngineError?
    let onError: PipelineSettings.OnError
    /// Rows that the sources may still give; nil without a limit.
    var rowsLeft: Int64?
    /// Where rows that fail are written, if anywhere.
    var deadLetters: DeadLetters?

    init(onError: PipelineSettings.OnError) { self.onError = onError }

    func fail(_ error: EngineError) {
        if failure == nil { failure = error }
    }
}

/// A named output that steps, sinks and taps can listen to.
final class OutputPort {
    let schema: Schema
    var edges: [Edge] = []
    var taps: [any BatchReceiver] = []

    init(schema: Schema) { self.schema = schema }

    var isRead: Bool { !edges.isEmpty }

    func send(_ batch: Batch) {
        for edge in edges { edge.send(batch) }
        for tap in taps { tap.receive(batch, input: 0) }
    }

    func send(watermark: Int64, isIdle: Bool) {
        for edge in edges {
            edge.receiver.receive(watermark: watermark, isIdle: isIdle, input: edge.input)
        }
    }
}

/// An operator in its place: inputs and their watermarks on one side, ports on the other.
final class GraphNode: BatchReceiver, OperatorOutput {
    let counters: NodeCounters
    let operation: any Operator
    let main: OutputPort
    let late: OutputPort
    let unmatched: OutputPort
    let invalid: InvalidPort
    private let context: LaneContext
    private let isFirst: Bool
    private let isLast: Bool
    /// Whether this is the stage that does the step's verb.
    let isVerb: Bool
    private var inputs: [(watermark: Int64, isIdle: Bool)]
    /// The lowest watermark of the inputs, as passed to the operator.
    private(set) var watermark = Int64.min

    /// - Parameters:
    ///   - isFirst: Counts the rows that come in for its step; inputs behind the first always do.
    ///   - isLast: Counts the rows that go out of it.
    init(
        _ operation: any Operator, counters: NodeCounters, inputCount: Int, inputSchema: Schema,
        outputSchema: Schema, invalid: InvalidPort, context: LaneContext, isFirst: Bool,
        isLast: Bool, isVerb: Bool
    ) {
        self.operation = operation
        self.counters = counters
        self.context = context
        self.isFirst = isFirst
        self.isLast = isLast
        self.isVerb = isVerb
        self.invalid = invalid
        main = OutputPort(schema: outputSchema)
        late = OutputPort(schema: inputSchema)
        unmatched = OutputPort(schema: inputSchema)
        inputs = Array(repeating: (Int64.min, false), count: inputCount)
    }

    func receive(_ batch: Batch, input: Int) {
        if isFirst || input > 0 { counters.rowsIn += Int64(batch.count) }
        operation.process(batch, input: input, now: context.now, to: self)
    }

    func receive(watermark: Int64, isIdle: Bool, input: Int) {
        inputs[input] = (watermark, isIdle)
        let open = inputs.filter { $0.watermark != .max }
        let active = open.filter { !$0.isIdle }
        // Idle inputs do not hold the others back. Where all that have not ended are idle, what one
        // of them has reached stands, as it does when they become idle one after the other.
        let lowest = active.map(\.watermark).min() ?? open.map(\.watermark).max() ?? .max
        if lowest > self.watermark {
            self.watermark = lowest
            operation.advance(to: lowest, now: context.now, to: self)
        }
        let isIdle = active.isEmpty && !open.isEmpty
        let passed = passedWatermark(holding: operation.holdMicros)
        for port in [main, late, invalid.port] { port.send(watermark: passed, isIdle: isIdle) }
        unmatched.send(
            watermark: passedWatermark(holding: operation.unmatchedHoldMicros), isIdle: isIdle)
    }

    /// Has the operator give what is due by the clock.
    func tick(now: Int64) {
        if let at = operation.nextTickAt, at <= now { operation.tick(now: now, to: self) }
    }

    private func passedWatermark(holding hold: Int64) -> Int64 {
        let (held, overflow) = watermark.subtractingReportingOverflow(hold)
        return watermark == .max ? .max : overflow ? .min : held
    }

    /// Puts the watermark of a checkpoint back, without firing anything.
    func restore(watermark: Int64) {
        self.watermark = watermark
        for index in inputs.indices { inputs[index].watermark = watermark }
        operation.restore(watermark: watermark)
    }

    // MARK: What the operator gives

    func emit(_ batch: Batch) {
        if isLast { counters.rowsOut += Int64(batch.count) }
        main.send(batch)
    }

    func emitLate(_ batch: Batch, wasInTime: Bool) {
        counters.late += Int64(batch.count)
        if wasInTime { counters.lateThoughInTime += Int64(batch.count) }
        late.send(batch)
    }

    func countLate(_ count: Int, wasInTime: Bool) {
        counters.late += Int64(count)
        if wasInTime { counters.lateThoughInTime += Int64(count) }
    }

    func emitUnmatched(_ batch: Batch) {
        counters.unmatched += Int64(batch.count)
        unmatched.send(batch)
    }

    var readsUnmatched: Bool { unmatched.isRead || !unmatched.taps.isEmpty }

    func countUnmatched(_ count: Int) { counters.unmatched += Int64(count) }

    func reject(_ batch: Batch, schema: Schema, reasons: [String]) {
        invalid.reject(batch, schema: schema, reasons: reasons)
    }

    func reject(_ batch: Batch, texts: Column, reasons: [String]) {
        invalid.reject(batch, texts: texts, reasons: reasons)
    }
}
