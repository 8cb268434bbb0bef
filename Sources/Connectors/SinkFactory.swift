import Config
import Glibc
import Operators
import Store

/// Opens the sink that a spec describes.
package enum SinkFactory {
    /// The caller calls ``Sink/recover(token:)`` next.
    ///
    /// - Parameters:
    ///   - existing: What is done with output that is there already and is no checkpoint's.
    ///   - clock: Microseconds since the epoch.
    /// - Throws: ``ConnectorError``, terminal, for a path or a format that cannot be.
    package static func open(
        _ spec: SinkSpec, existing: ExistingOutput,
        fileSystem: any FileSystem = SystemFileSystem(),
        clock: @escaping @Sendable () -> Int64 = systemClock,
        topics: TopicConnection? = nil
    ) throws(ConnectorError) -> any Sink {
        switch spec.connector {
        case .file(let options):
            return try FileSink(
                options, schema: spec.inputSchema, format: spec.format, mode: spec.mode,
                inputKey: spec.inputKey, existing: existing, fileSystem: fileSystem, clock: clock)
        case .stdout:
            return StdoutSink(
                encoder: try RowEncoderFactory.make(
                    spec.format, schema: spec.inputSchema, mode: spec.mode),
                mode: spec.mode, inputKey: spec.inputKey)
        case .topic(let options):
            guard let topics else { throw .noTopicStore(options.name) }
            return TopicSink(
                spec, topic: TopicSpec(of: spec, topic: options.name),
                pipeline: topics.pipeline, catalog: topics.catalog, clock: topics.clock)
        }
    }

    /// A pipeline's dead letters: the topic `PIPELINE.dead-letters`.
    ///
    /// - Parameter retention: How long they are kept.
    package static func deadLetters(
        retentionMicros: Int64, topics: TopicConnection
    ) -> any Sink {
        let name = deadLetterTopic(of: topics.pipeline)
        let spec = SinkSpec(
            name: "dead-letters", input: NodeReference(node: topics.pipeline, port: .invalid),
            inputSchema: deadLetterSchema, connector: .topic(TopicSinkOptions(name: name)),
            format: .none, mode: .append, deleteWhen: nil)
        var topic = TopicSpec(of: spec, topic: name)
        topic.description =
            "Rows of pipeline '\(topics.pipeline)' that could not be read or evaluated"
        topic.retention = TopicSpec.Retention(timeMicros: retentionMicros, bytes: nil)
        return TopicSink(
            spec, topic: topic, pipeline: topics.pipeline, catalog: topics.catalog,
            clock: topics.clock, isLazy: true)
    }

    package static func deadLetterTopic(of pipeline: String) -> String {
        "\(pipeline).dead-letters"
    }

    /// What a dead letter says.
    package static let deadLetterSchema = Schema([
        Field("raw", .string), Field("error", .string), Field("node", .string),
        Field("source", .string), Field("position", .bigint),
    ])

    /// Microseconds since the Unix epoch.
    package static let systemClock: @Sendable () -> Int64 = {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
    }
}
