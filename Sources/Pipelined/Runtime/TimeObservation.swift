import Config
import Operators

/// Whether the event times of a step's rows can be seen in anything that the pipeline gives.
///
/// A running aggregate's row has the highest event time of its group. Where nobody sees it, a row need
/// not leave and come back because its time alone has risen.
enum TimeObservation {
    static func isTimeObserved(of step: String, in spec: PipelineSpec) -> Bool {
        var reached: Set<String> = [step]
        var waiting = [step]
        while let node = waiting.popLast() {
            let isRead = { (reference: NodeReference) in
                reference.node == node && reference.port != .invalid
            }
            if spec.sinks.contains(where: { isRead($0.input) && observes($0) }) { return true }
            for reader in spec.steps where reader.allInputs.contains(where: isRead) {
                if observes(reader) { return true }
                if reached.insert(reader.name).inserted { waiting.append(reader.name) }
            }
        }
        return false
    }

    private static func observes(_ sink: SinkSpec) -> Bool {
        switch sink.connector {
        case .topic: return true
        case .stdout: return sink.deleteWhen?.usesRowtime ?? false
        case .file(let options):
            return options.path.contains("%") || (sink.deleteWhen?.usesRowtime ?? false)
        }
    }

    /// Whether what the step gives depends on the times of its input, but for the times of its output.
    private static func observes(_ step: StepSpec) -> Bool {
        if step.expressions.contains(where: \.usesRowtime) { return true }
        switch step.verb {
        case .none, .parse, .unnest: return false
        // Rows that wait for a table, or for its version of their time, go by it.
        case .join(let join): return join.asOf != nil || join.waitMicros != nil
        case .aggregate(let aggregate): return aggregate.window != .none
        case .streamJoin, .deduplicate, .top, .over, .pattern: return true
        }
    }
}
