import Config
import Synchronization

/// What a spec test gives one source or table, and how far event time has come there. It outlives the
/// sources that read it: whoever is opened anew reads on from its checkpoint, or from the beginning.
package final class GivenInput: Sendable {
    private struct State {
        var portions: [TestPortion] = []
        var reachedTime: Int64?
        var changed: (@Sendable () -> Void)?
    }
    private let state = Mutex(State())

    package init() {}

    /// Adds a portion, and tells who reads.
    package func give(_ portion: TestPortion) {
        let changed = state.withLock { state in
            state.portions.append(portion)
            return state.changed
        }
        changed?()
    }

    /// Event time has come to here, though no row says so.
    package func reach(_ time: Int64) {
        let changed = state.withLock { state in
            state.reachedTime = max(state.reachedTime ?? .min, time)
            return state.changed
        }
        changed?()
    }

    var reachedTime: Int64? { state.withLock { $0.reachedTime } }

    /// nil behind the last one.
    func portion(_ index: Int) -> TestPortion? {
        state.withLock { index < $0.portions.count ? $0.portions[index] : nil }
    }

    var count: Int { state.withLock { $0.portions.count } }

    func subscribe(_ changed: @escaping @Sendable () -> Void) {
        state.withLock { $0.changed = changed }
    }
}
