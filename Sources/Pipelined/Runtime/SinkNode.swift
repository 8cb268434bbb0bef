import Config
import Connectors
import Operators

/// A sink in its place in a graph.
final class SinkNode: BatchReceiver {
    let name: String
    let sink: any Sink
    let guarantee: String
    /// Of the graph that has this node; it holds the dead letters' node in turn.
    private unowned let context: LaneContext
    /// A row for which this is true is written as a deletion.
    private let deleteWhen: ExpressionEvaluator?
    /// Whether something was written since the last checkpoint.
    var hasChanged = false

    init(
        name: String, sink: any Sink, guarantee: String, deleteWhen: BoundExpression? = nil,
        context: LaneContext
    ) {
        self.deleteWhen = deleteWhen.map { ExpressionEvaluator($0) }
        self.name = name
        self.sink = sink
        self.guarantee = guarantee
        self.context = context
    }

    func receive(_ batch: Batch, input: Int) {
        guard context.failure == nil else { return }
        hasChanged = true
        do throws(ConnectorError) {
            try sink.write(deleteWhen.map { withDeletions(batch, $0) } ?? batch)
        } catch {
            context.fail(EngineError(error, node: name))
        }
    }

    /// The batch with −1 for rows that are deletions. A row that goes has gone before if it was one.
    private func withDeletions(_ batch: Batch, _ evaluator: ExpressionEvaluator) -> Batch {
        var rows = batch.compacted()
        let (found, _) = evaluator.evaluateFilter(rows, now: context.now)
        guard found.count > 0 else { return rows }
        let weights = Buffer(capacity: rows.rowCount * 4)
        let target = weights.pointer(to: Int32.self)
        if let known = rows.weights?.pointer(to: Int32.self) {
            target.update(from: known, count: rows.rowCount)
        } else {
            target.update(repeating: 1, count: rows.rowCount)
        }
        let kept = Buffer(capacity: rows.rowCount * 4)
        let keptRows = kept.pointer(to: Int32.self)
        var keptCount = 0
        var next = 0
        for row in 0..<rows.rowCount {
            let isDeletion = next < found.count && Int(found.pointer[next]) == row
            if isDeletion {
                next += 1
                if target[row] < 0 { continue }
                target[row] = -1
            }
            keptRows[keptCount] = Int32(row)
            keptCount += 1
        }
        rows.weights = weights
        return rows.selecting(Selection(rows: kept, count: keptCount))
    }

    func receive(watermark: Int64, isIdle: Bool, input: Int) { sink.advance(watermark: watermark) }
}

extension EngineError {
    init(_ error: ConnectorError, node: String?) {
        self.init(
            message: error.message, node: node, isTerminal: error.kind == .terminal,
            isHistoryGone: error.isHistoryGone)
    }
}
