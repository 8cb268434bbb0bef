/// A node of a running graph: batches in, batches out, and state that checkpoints follow.
///
/// One lane owns an operator and calls it; there are no locks. An operator never emits a row older
/// than the watermark it has passed on, and its results for a watermark precede it.
package protocol Operator: AnyObject {
    /// Takes the rows of a batch.
    ///
    /// - Parameters:
    ///   - input: Which input they come from, 0-based.
    ///   - now: The clock, microseconds; constant within an epoch.
    /// - Complexity: one call a batch; O(rows).
    func process(_ batch: Batch, input: Int, now: Int64, to output: any OperatorOutput)

    /// No more rows before `watermark` will come. Called with ever higher values, after the rows.
    func advance(to watermark: Int64, now: Int64, to output: any OperatorOutput)

    /// Gives what is due by the clock. Called before a checkpoint is cut, in the order of the graph.
    func tick(now: Int64, to output: any OperatorOutput)

    /// When ``tick(now:to:)`` will give something; nil when it has nothing.
    var nextTickAt: Int64? { get }

    /// Adds what has changed since the last call to `changes`, and forgets that it has changed.
    func capture(into changes: inout StateChanges)

    /// Takes back one entry of a checkpoint. Called before anything else.
    func restore(_ entry: StateEntry) throws(StateError)

    /// The watermark that the operator had passed at the checkpoint; after the entries.
    func restore(watermark: Int64)

    var stateSize: StateSize { get }

    /// How far behind its input's watermark the operator may still emit rows, microseconds.
    var holdMicros: Int64 { get }

    /// The same for the rows that go to the unmatched port.
    var unmatchedHoldMicros: Int64 { get }
}

extension Operator {
    package var holdMicros: Int64 { 0 }
    package var unmatchedHoldMicros: Int64 { holdMicros }
    package func advance(to watermark: Int64, now: Int64, to output: any OperatorOutput) {}
    package func tick(now: Int64, to output: any OperatorOutput) {}
    package var nextTickAt: Int64? { nil }
    package func capture(into changes: inout StateChanges) {}
    package func restore(_ entry: StateEntry) throws(StateError) {
        throw StateError(message: "cannot restore state: the node keeps none")
    }
    package func restore(watermark: Int64) {}
    package var stateSize: StateSize { StateSize() }
}

/// Where an operator's results go.
package protocol OperatorOutput: AnyObject {
    func emit(_ batch: Batch)

    /// Rows that came too late for every window they belong to; the operator's input columns.
    /// `wasInTime` marks rows that were in time by their own split but whose windows had fired.
    func emitLate(_ batch: Batch, wasInTime: Bool)

    /// Late rows that no port has the columns of.
    func countLate(_ count: Int, wasInTime: Bool)

    /// Rows of a join without a partner; the operator's input columns.
    func emitUnmatched(_ batch: Batch)

    /// Whether anybody reads unmatched rows; otherwise they are only counted.
    var readsUnmatched: Bool { get }

    /// Counts rows without a partner that nobody reads.
    func countUnmatched(_ count: Int)

    /// Rows that could not be evaluated, with the reason of each and the columns they have.
    func reject(_ batch: Batch, schema: Schema, reasons: [String])

    /// Rows of which a text could not be read, with that text and the reason of each.
    func reject(_ batch: Batch, texts: Column, reasons: [String])
}

extension OperatorOutput {
    package func reject(_ batch: Batch, texts: Column, reasons: [String]) {
        reject(
            batch.replacingColumns([texts]), schema: Schema([Field("raw", .string)]),
            reasons: reasons)
    }
}

extension OperatorOutput {
    package var readsUnmatched: Bool { true }
    package func countUnmatched(_ count: Int) {}
}

package struct StateSize: Sendable {
    package var entries = 0
    package var bytes = 0

    package init(entries: Int = 0, bytes: Int = 0) {
        self.entries = entries
        self.bytes = bytes
    }
}

/// State from a checkpoint that is not what the operator wrote.
package struct StateError: Error, Sendable {
    package let message: String

    package init(message: String) { self.message = message }
}
