import Connectors
import Synchronization

@testable import Pipelined

/// Counts the rows of a merge and how often it is woken.
final class TopicMergeProbe {
    private let merge: TopicMerge
    private let woken = Wakes()
    private var looked = 0

    private final class Wakes: Sendable {
        let count = Mutex(0)
    }

    init(_ plan: ConsumePlan, _ topics: TopicService) {
        merge = TopicMerge(
            plan.entry, catalog: topics.catalog, options: plan.options, fields: plan.fields,
            partition: nil, isFollowing: true, reader: "probe", prepare: { $0 })
        let woken = self.woken
        merge.subscribe { woken.count.withLock { $0 += 1 } }
    }

    /// How often it was woken since the last look at rows.
    var wakes: Int { woken.count.withLock { $0 } - looked }

    /// How many rows there are now.
    func rows() throws -> Int {
        merge.wake()
        var count = 0
        while case .rows(let run) = try merge.next() { count += run.range.count }
        looked = woken.count.withLock { $0 }
        return count
    }
}
