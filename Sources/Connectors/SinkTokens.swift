import Config
import Operators
import Store

/// What is done with a checkpoint's tokens without the sinks that they are of.
package enum SinkTokens {
    /// Makes what a token names equal to it, forward or back, for a sink that no spec has any more, or
    /// that writes elsewhere now: rows behind a commit must not stay visible, nor committed ones be
    /// lost, because the sink was removed after a crash. ``forget(_:topics:)`` says that its partition of a
    /// topic is complete.
    ///
    /// Can be repeated. Tokens of sinks that keep nothing are passed over.
    ///
    /// - Parameter sink: The sink's name.
    package static func settle(
        token bytes: [UInt8], of sink: String, fileSystem: any FileSystem, topics: TopicConnection
    ) throws(ConnectorError) {
        if let token = TopicSinkToken(bytes) {
            guard let entry = try topics.catalog.entry(token.topic) else { return }
            let writer = TopicWriter.name(pipeline: topics.pipeline, sink: sink)
            try topics.catalog.storing { () throws(StoreError) in
                try entry.topic.settle(writer: writer, token: token.partition)
            }
        } else {
            try FileSinkOutputs.settle(token: bytes, fileSystem: fileSystem)
        }
    }

    /// Deletes what the sinks have written, for who begins a pipeline's output anew.
    ///
    /// - Parameter tokens: By the sinks' names.
    /// - Throws: ``ConnectorError``, before anything is deleted where a file sink has written more
    ///   files than its token names.
    package static func remove(
        _ tokens: [(sink: String, token: [UInt8])], fileSystem: any FileSystem,
        topics: TopicConnection
    ) throws(ConnectorError) {
        try FileSinkOutputs.remove(tokens, fileSystem: fileSystem)
        for (_, bytes) in tokens {
            guard let token = TopicSinkToken(bytes),
                let entry = try topics.catalog.entry(token.topic),
                let partition = entry.topic.partitions.first(where: {
                    $0.identifier == token.partition.identifier
                })
            else { continue }
            try topics.catalog.storing { () throws(StoreError) in
                try entry.topic.removePartition(partition)
            }
        }
    }

    /// Says that nothing will be written any more by the sinks: their rows stay, complete.
    package static func forget(
        _ tokens: [(sink: String, token: [UInt8])], topics: TopicConnection
    ) throws(ConnectorError) {
        for (sink, bytes) in tokens {
            guard let token = TopicSinkToken(bytes),
                let entry = try topics.catalog.entry(token.topic)
            else { continue }
            let writer = TopicWriter.name(pipeline: topics.pipeline, sink: sink)
            try topics.catalog.storing { () throws(StoreError) in
                try entry.topic.settle(writer: writer, token: token.partition)
                try entry.topic.seal(writer: writer)
            }
        }
    }

    /// Whether a token is of a sink of the connector: one that was changed to another connector, or to
    /// another topic, begins anew there.
    package static func isOwn(_ bytes: [UInt8], of connector: SinkConnector) -> Bool {
        switch connector {
        case .topic(let options):
            TopicSinkToken(bytes)?.topic.utf8.elementsEqual(options.name.utf8) ?? false
        case .file: TopicSinkToken(bytes) == nil
        case .stdout: true
        }
    }
}
