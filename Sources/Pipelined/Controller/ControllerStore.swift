import Store

/// Where the controller keeps what it must find again. Used by the controller's thread alone.
protocol ControllerStore: AnyObject {
    /// All that is kept, by name.
    func load() throws(StoreError) -> [String: StoredPipeline]

    /// Changes entries, durably, all of them or none; nil removes one.
    func write(_ changes: [String: StoredPipeline?]) throws(StoreError)
}

/// A pipeline as it is kept.
struct StoredPipeline: Equatable, Sendable {
    var isPaused = false
    var record = CatalogRecord()
}
