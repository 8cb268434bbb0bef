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
        clock: @escaping @Sendable () -> Int64 = systemClock
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
            throw .topicsAreNotRead(options.name)
        }
    }

    /// A pipeline's dead letters as newline-delimited JSON in one file. Found again by its token, or
    /// appended to.
    package static func deadLetters(
        path: String, fileSystem: any FileSystem = SystemFileSystem(),
        clock: @escaping @Sendable () -> Int64 = systemClock
    ) throws(ConnectorError) -> any Sink {
        try FileSink(
            FileSinkOptions(path: OutputPath.literal(path)),
            schema: deadLetterSchema, format: .json(JSONOptions()), existing: .append,
            fileSystem: fileSystem, clock: clock)
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
