import Config
import Operators
import Store

/// The files that a file sink's token names, for who begins a pipeline's output anew.
package enum FileSinkOutputs {
    /// Deletes the files, unless another one has taken the name.
    ///
    /// - Parameter tokens: Tokens of file sinks by the sinks' names; those of other sinks are passed
    ///   over.
    /// - Throws: ``ConnectorError``, terminal, before anything is deleted, where a sink has written
    ///   more files than its token names (`roll`, `partition_by`, a path with time in it).
    package static func remove(
        _ tokens: [(sink: String, token: [UInt8])], fileSystem: any FileSystem
    ) throws(ConnectorError) {
        var files: [FileSinkToken.File] = []
        for (sink, bytes) in tokens {
            guard let token = FileSinkToken(bytes) else { continue }
            for file in token.files {
                guard file.number == nil, file.key.isEmpty || file.key == [0] else {
                    throw ConnectorError(
                        .terminal,
                        "cannot replace the output of sink '\(sink)': it consists of several files, "
                            + "'\(file.path)' among them; move them away and use --output keep")
                }
                files.append(file)
            }
        }
        for file in files {
            do throws(StoreError) {
                let there = try fileSystem.status(path: file.path)
                if there?.identity == file.identity { _ = try fileSystem.unlink(file.path) }
            } catch {
                throw ConnectorError(.transient, error.message)
            }
        }
    }

    /// Makes the files of a token equal to it, forward or back, for a sink that no spec has any more:
    /// rows behind a commit must not stay visible because the sink was removed after a crash.
    ///
    /// Can be repeated. Tokens of other sinks are passed over.
    package static func settle(
        token bytes: [UInt8], fileSystem: any FileSystem
    ) throws(ConnectorError) {
        guard let token = FileSinkToken(bytes), let first = token.files.first else { return }
        let sink = try FileSink(
            FileSinkOptions(path: OutputPath.literal(first.path)), schema: Schema([]),
            format: .json(JSONOptions()),
            existing: .append, fileSystem: fileSystem, clock: { 0 })
        defer { sink.close() }
        try sink.recover(token: bytes)
    }
}
