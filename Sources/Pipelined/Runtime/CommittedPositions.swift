import Synchronization

/// What each pipeline committed last, for those who read its history: they go no further.
final class CommittedPositions: Sendable {
    private struct Entry {
        var meta: CheckpointMeta
        /// Counts the commits that were noted.
        var number: Int
    }
    private struct State {
        var entries: [String: Entry] = [:]
        var observers: [Int: (pipeline: String, changed: @Sendable () -> Void)] = [:]
        var lastObserver = 0
    }
    private let state = Mutex(State())

    func note(_ meta: CheckpointMeta, of pipeline: String) {
        let observers = state.withLock { state in
            let number = (state.entries[pipeline]?.number ?? 0) + 1
            state.entries[pipeline] = Entry(meta: meta, number: number)
            return state.observers.values.filter { $0.pipeline == pipeline }.map(\.changed)
        }
        for changed in observers { changed() }
    }

    func forget(_ pipeline: String) {
        state.withLock { _ = $0.entries.removeValue(forKey: pipeline) }
    }

    /// The last commit, and its number among those of this process.
    func last(of pipeline: String) -> (meta: CheckpointMeta, number: Int)? {
        state.withLock { state in state.entries[pipeline].map { ($0.meta, $0.number) } }
    }

    /// Calls `changed`, on any thread, after every commit of the pipeline.
    ///
    /// - Returns: For ``cancel(_:)``.
    func observe(_ pipeline: String, _ changed: @escaping @Sendable () -> Void) -> Int {
        state.withLock { state in
            state.lastObserver += 1
            state.observers[state.lastObserver] = (pipeline, changed)
            return state.lastObserver
        }
    }

    func cancel(_ observer: Int) {
        state.withLock { _ = $0.observers.removeValue(forKey: observer) }
    }
}
