import Operators
import Testing

@testable import Pipelined

@Suite("Watermarks of a node with several inputs")
struct GraphNodeTests {
    /// Notes the watermarks that it is given.
    private final class Probe: Operator, BatchReceiver {
        var watermarks: [Int64] = []
        var isIdle = false

        func process(_ batch: Batch, input: Int, now: Int64, to output: any OperatorOutput) {}

        func advance(to watermark: Int64, now: Int64, to output: any OperatorOutput) {
            watermarks.append(watermark)
        }

        func receive(_ batch: Batch, input: Int) {}

        func receive(watermark: Int64, isIdle: Bool, input: Int) { self.isIdle = isIdle }
    }

    private let probe = Probe()
    private let context = LaneContext(onError: .deadLetter)

    private func makeNode() -> GraphNode {
        let counters = NodeCounters(name: "node")
        let node = GraphNode(
            probe, counters: counters, inputCount: 2, inputSchema: Schema([]),
            outputSchema: Schema([]), invalid: InvalidPort(counters: counters, context: context),
            context: context, isFirst: true, isLast: true, isVerb: true)
        node.main.edges.append(Edge(receiver: probe, input: 0, columns: nil))
        return node
    }

    @Test("An input that has ended does not carry the node past one that is only idle")
    func endedAndIdle() {
        let node = makeNode()
        node.receive(watermark: 100, isIdle: false, input: 0)
        node.receive(watermark: 50, isIdle: false, input: 1)
        node.receive(watermark: 100, isIdle: true, input: 0)
        node.receive(watermark: .max, isIdle: false, input: 1)
        #expect(probe.watermarks == [50, 100])
        #expect(probe.isIdle)
        node.receive(watermark: 120, isIdle: false, input: 0)
        node.receive(watermark: .max, isIdle: false, input: 0)
        #expect(probe.watermarks == [50, 100, 120, .max])
        #expect(!probe.isIdle)
    }

    @Test("What an input reached counts also when it comes with the news that it is idle")
    func idleAtOnce() {
        let node = makeNode()
        node.receive(watermark: 100, isIdle: true, input: 0)
        node.receive(watermark: 200, isIdle: true, input: 1)
        #expect(probe.watermarks == [200])
        #expect(probe.isIdle)
    }
}
