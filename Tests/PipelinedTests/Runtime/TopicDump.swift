import Config
import Connectors
import Operators
import Store

@testable import Pipelined

/// What readers of a topic see, as lines of JSON, for comparing.
enum TopicDump {
    /// The committed rows of all partitions, in the order of the partitions' names; empty where there
    /// is no such topic.
    static func rows(_ topic: String, state path: String, _ fileSystem: any FileSystem) throws
        -> [String]
    {
        let state = try StateDirectory.open(path: path, fileSystem: fileSystem)
        defer { state.close() }
        let service = try TopicService.open(state)
        defer { service.close() }
        guard let entry = try service.catalog.entry(topic) else { return [] }
        let spec = SourceSpec(
            name: "dump",
            connector: .topic(
                TopicSourceOptions(
                    name: topic, stop: .latest, mode: entry.definition.mode)), format: .none,
            fields: entry.schema.fieldSpecs, metadata: [],
            eventTime: EventTimeSpec(value: .arrival),
            output: NodeOutput(schema: entry.schema, change: .append))
        let source = try SourceFactory.open(spec, topics: service.connection(for: "dump"))
        var lines: [String] = []
        for split in try source.discover() {
            while case .rows(let rows) = try split.read(now: 0) {
                guard let stored = rows.stored else { continue }
                lines += RowText.json(
                    Batch(
                        columns: rows.columns, rowtime: stored.rowtime, rowCount: rows.rowCount),
                    schema: entry.schema)
            }
        }
        return lines
    }
}
