@testable import Store

/// What names an entry.
struct EntryName: Hashable, Sendable {
    var node: [UInt8]
    var time: Int64
    var key: [UInt8]
}

/// A state as plain values: the slow reference of the journal.
struct Contents: Equatable, Sendable {
    var meta: [UInt8] = []
    var entries: [EntryName: [UInt8]] = [:]
}

extension RecoveredState {
    var contents: Contents {
        var contents = Contents(meta: meta)
        for node in nodes {
            forEachEntry(node: node) { time, key, value in
                contents.entries[EntryName(node: node, time: time, key: [UInt8](key))] =
                    [UInt8](value)
            }
        }
        return contents
    }
}
