import Config
import Connectors
import Operators
import Store
import Synchronization

/// The topics of a state directory, as the engine's pipelines and commands share them.
///
/// A topic is opened when somebody first asks for it, and is then made equal to what its writers'
/// checkpoints say, whether they run or not: nobody reads a row that was not committed.
final class TopicService: Sendable {
    let catalog: TopicCatalog
    private let tokens: WriterTokens

    /// - Throws: ``EngineError`` when the folder of topics cannot be made or looked at.
    static func open(
        _ state: StateDirectory, clock: @escaping @Sendable () -> Int64 = { WallClock.micros() }
    ) throws(EngineError) -> TopicService {
        let tokens = WriterTokens(state)
        do throws(StoreError) {
            let store = try TopicStore.open(
                state: state, options: TopicOptions(clock: clock),
                token: { (writer, topic) throws(StoreError) in
                    try tokens.token(writer: writer, topic: topic)
                })
            return TopicService(TopicCatalog(store), tokens)
        } catch {
            throw EngineError(error)
        }
    }

    private init(_ catalog: TopicCatalog, _ tokens: WriterTokens) {
        self.catalog = catalog
        self.tokens = tokens
    }

    /// What a pipeline's checkpoint says of its sinks, so that it need not be read again.
    func note(_ sinks: [CheckpointMeta.Named<[UInt8]>], of pipeline: String) {
        tokens.note(sinks, of: pipeline)
    }

    func connection(for pipeline: String) -> TopicConnection {
        TopicConnection(catalog: catalog, pipeline: pipeline, clock: catalog.store.options.clock)
    }

    /// What specs have to know of the topics that are there.
    func known() throws(EngineError) -> [String: KnownTopic] {
        do throws(ConnectorError) { return try catalog.known() } catch {
            throw EngineError(error, node: nil)
        }
    }

    /// Makes topics what their documents say.
    func apply(_ documents: [TopicSpec]) throws(EngineError) {
        for document in documents {
            do throws(ConnectorError) {
                _ = try catalog.apply(document, isDocumented: true)
            } catch {
                throw EngineError(error, node: nil)
            }
        }
    }

    func close() { catalog.store.close() }
}

/// Looks up how far the rows of a partition count: in the last checkpoint of the pipeline that writes
/// it.
private final class WriterTokens: Sendable {
    private let state: StateDirectory
    private let known = Mutex<[String: [CheckpointMeta.Named<[UInt8]>]]>([:])

    init(_ state: StateDirectory) { self.state = state }

    func note(_ sinks: [CheckpointMeta.Named<[UInt8]>], of pipeline: String) {
        known.withLock { $0[pipeline] = sinks }
    }

    func token(writer: String, topic: String) throws(StoreError) -> [UInt8]? {
        guard let (pipeline, sink) = TopicWriter.parts(writer) else { return nil }
        let sinks: [CheckpointMeta.Named<[UInt8]>]
        if let noted = known.withLock({ $0[pipeline] }) {
            sinks = noted
        } else {
            guard let meta = try state.readCheckpoint(pipeline, identity: Array(pipeline.utf8)),
                let checkpoint = try? CheckpointMeta(decoding: meta)
            else { return nil }
            sinks = checkpoint.sinks
            known.withLock { $0[pipeline] = sinks }
        }
        guard let bytes = sinks.first(where: { $0.name == sink })?.value,
            let token = TopicSinkToken(bytes), token.topic.utf8.elementsEqual(topic.utf8)
        else { return nil }
        return token.partition.encoded
    }
}
