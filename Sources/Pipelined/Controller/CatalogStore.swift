import Store

/// The controller's entries in the state directory's catalog.
final class CatalogStore: ControllerStore {
    private let state: StateDirectory
    private var catalog: Catalog

    init(_ state: StateDirectory) throws(StoreError) {
        self.state = state
        catalog = try state.openCatalog()
    }

    func load() throws(StoreError) -> [String: StoredPipeline] {
        var stored: [String: StoredPipeline] = [:]
        for (name, entry) in catalog.all {
            guard let record = CatalogRecord(entry.data) else {
                throw StoreError(
                    kind: .newerVersion, path: state.path,
                    message:
                        "cannot read what the catalog in \(state.path) has of '\(name)': it was "
                        + "written by another version; use the version that wrote it")
            }
            stored[name] = StoredPipeline(isPaused: entry.isPaused, record: record)
        }
        return stored
    }

    func write(_ changes: [String: StoredPipeline?]) throws(StoreError) {
        if catalog.isFenced {
            // An earlier error closed the journal; what it holds is known after opening it again.
            catalog.close()
            catalog = try state.openCatalog()
        }
        var entries: [(name: String, entry: CatalogEntry?)] = []
        for (name, stored) in changes.sorted(by: { $0.key < $1.key }) {
            guard let stored else {
                entries.append((name, nil))
                continue
            }
            let incarnation: UInt64
            if let known = catalog.get(name) {
                incarnation = known.incarnation
            } else {
                incarnation = try catalog.issueIncarnation()
            }
            entries.append(
                (
                    name,
                    CatalogEntry(
                        incarnation: incarnation, isPaused: stored.isPaused,
                        data: stored.record.encoded)
                ))
        }
        try state.withReserve { () throws(StoreError) in try catalog.apply(entries) }
    }

    func close() { catalog.close() }
}
