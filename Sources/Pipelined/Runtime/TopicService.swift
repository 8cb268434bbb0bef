import Config
import Connectors
import Glibc
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
    /// Who uses which journal.
    let journals: JournalClaims

    /// - Throws: ``EngineError`` when the folder of topics cannot be made or looked at.
    static func open(
        _ state: StateDirectory, clock: @escaping @Sendable () -> Int64 = { WallClock.micros() }
    ) throws(EngineError) -> TopicService {
        let claims = JournalClaims()
        let tokens = WriterTokens(state, claims)
        do throws(StoreError) {
            let store = try TopicStore.open(
                state: state, options: TopicOptions(clock: clock),
                token: { (writer, topic) throws(StoreError) in
                    try tokens.token(writer: writer, topic: topic)
                })
            return TopicService(TopicCatalog(store), tokens, claims)
        } catch {
            throw EngineError(error)
        }
    }

    private init(_ catalog: TopicCatalog, _ tokens: WriterTokens, _ claims: JournalClaims) {
        journals = claims
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

/// The pipelines whose journals are in use in this process, each by one user.
final class JournalClaims: Sendable {
    private let claimed = Mutex<Set<String>>([])

    /// Makes the caller the only one who uses a pipeline's journal, until ``release(_:)``; false while
    /// another one does.
    func claim(_ pipeline: String) -> Bool {
        claimed.withLock { $0.insert(pipeline).inserted }
    }

    func release(_ pipeline: String) { claimed.withLock { _ = $0.remove(pipeline) } }
}

/// Looks up how far the rows of a partition count: in the last checkpoint of the pipeline that writes
/// it.
private final class WriterTokens: Sendable {
    private let state: StateDirectory
    private let claims: JournalClaims
    private let known = Mutex<[String: [CheckpointMeta.Named<[UInt8]>]]>([:])

    init(_ state: StateDirectory, _ claims: JournalClaims) {
        self.state = state
        self.claims = claims
    }

    func note(_ sinks: [CheckpointMeta.Named<[UInt8]>], of pipeline: String) {
        known.withLock { $0[pipeline] = sinks }
    }

    func token(writer: String, topic: String) throws(StoreError) -> [UInt8]? {
        guard let (pipeline, sink) = TopicWriter.parts(writer) else { return nil }
        let bytes = try sinks(of: pipeline).first { $0.name == sink }?.value
        guard let bytes, TopicSinkToken.isKind(bytes) else { return nil }
        guard let token = TopicSinkToken(bytes) else {
            throw StoreError(
                kind: .newerVersion, path: state.path,
                message:
                    "cannot tell how far rows of sink '\(sink)' of pipeline '\(pipeline)' count: "
                    + "its checkpoint is of a version that is not known; use the version that wrote it"
            )
        }
        guard token.topic.utf8.elementsEqual(topic.utf8)
        else { return nil }
        return token.partition.encoded
    }

    /// The tokens of a pipeline's last checkpoint.
    ///
    /// A pipeline that is starting has its journal open, and notes its tokens before it opens a topic:
    /// that is waited for.
    private func sinks(of pipeline: String) throws(StoreError) -> [CheckpointMeta.Named<[UInt8]>] {
        while true {
            if let noted = known.withLock({ $0[pipeline] }) { return noted }
            guard claims.claim(pipeline) else {
                usleep(500)
                continue
            }
            defer { claims.release(pipeline) }
            if let noted = known.withLock({ $0[pipeline] }) { return noted }
            let meta = try state.recoverCheckpoint(pipeline, identity: Array(pipeline.utf8))
            var sinks: [CheckpointMeta.Named<[UInt8]>] = []
            if let meta {
                do throws(StateError) { sinks = try CheckpointMeta(decoding: meta).sinks } catch {
                    // How far the rows count is not known then.
                    throw StoreError(
                        kind: .newerVersion, path: state.path,
                        message: "\(error.message), of pipeline '\(pipeline)'")
                }
            }
            known.withLock { $0[pipeline] = sinks }
            return sinks
        }
    }
}
