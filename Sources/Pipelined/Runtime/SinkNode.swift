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
    /// Whether something was written since the last checkpoint.
    var hasChanged = false

    init(name: String, sink: any Sink, guarantee: String, context: LaneContext) {
        self.name = name
        self.sink = sink
        self.guarantee = guarantee
        self.context = context
    }

    func receive(_ batch: Batch, input: Int) {
        guard context.failure == nil else { return }
        hasChanged = true
        do throws(ConnectorError) {
            try sink.write(batch)
        } catch {
            context.fail(EngineError(error, node: name))
        }
    }

    func receive(watermark: Int64, isIdle: Bool, input: Int) {}
}

extension EngineError {
    init(_ error: ConnectorError, node: String?) {
        self.init(message: error.message, node: node, isTerminal: error.kind == .terminal)
    }
}
