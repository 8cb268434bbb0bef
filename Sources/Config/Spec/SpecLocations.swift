/// Where the names and paths of a spec stand in its file, for checks that come later.
///
/// No part of a spec's meaning: any two are equal.
package struct SpecLocations: Hashable, Sendable {
    /// The name of each source, table, step and sink.
    package var nodes: [String: FileLocation] = [:]
    /// The `path` of each node with a file.
    package var paths: [String: FileLocation] = [:]
    /// The topic's name at each node that reads or writes one.
    package var topics: [String: FileLocation] = [:]
    /// The name after `pipeline:` or `topic:`.
    package var name: FileLocation?

    package init() {}

    package static func == (left: SpecLocations, right: SpecLocations) -> Bool { true }

    package func hash(into hasher: inout Hasher) {}
}
