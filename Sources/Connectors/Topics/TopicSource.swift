import Config
import Operators
import Store
import Synchronization

/// `topic:` of a source or table: a split a partition, found again as writers come and go.
final class TopicSource: Source {
    private let options: TopicSourceOptions
    private let fields: [FieldSpec]
    private let metadata: [MetadataColumn]
    private let catalog: TopicCatalog
    private let reader: TopicReader
    private let clock: @Sendable () -> Int64
    private let takesAnyMode: Bool
    private var entry: TopicCatalog.Entry?
    private var registration: UInt64?
    /// The partitions that splits were made of, by name.
    private var taken: Set<String> = []
    /// Whether a checkpoint was taken up: partitions that come are newer than the start.
    private var isResumed = false
    private let changes = TopicChanges()

    /// - Parameters:
    ///   - reader: What `topics` calls this reader: `PIPELINE/SOURCE`.
    ///   - takesAnyMode: Whether the rows are wanted whatever the topic's mode is.
    init(
        _ options: TopicSourceOptions, fields: [FieldSpec], metadata: [MetadataColumn],
        catalog: TopicCatalog, reader: String, takesAnyMode: Bool = false,
        clock: @escaping @Sendable () -> Int64
    ) {
        self.takesAnyMode = takesAnyMode
        self.options = options
        self.fields = fields
        self.metadata = metadata
        self.catalog = catalog
        self.reader = TopicReader(name: reader)
        self.clock = clock
    }

    deinit {
        changes.cancel()
        if let registration { entry?.topic.unregister(reader: registration) }
    }

    var isBounded: Bool { options.stop != nil }
    let watchedPaths: [String] = []

    func subscribe(_ changed: @escaping @Sendable () -> Void) { changes.subscribe(changed) }

    func discover() throws(ConnectorError) -> [any SourceSplit] {
        // Before looking, so that nothing comes in between.
        if entry == nil { changes.watch(catalog.store) }
        guard let topic = try topic() else {
            // Who writes it may not have started. A source with an end cannot wait for that.
            if isBounded { throw .noSuchTopic(options.name) }
            return []
        }
        var splits: [any SourceSplit] = []
        for partition in topic.partitions where !taken.contains(partition.name) {
            guard let split = try begin(partition, of: topic) else { continue }
            splits.append(split)
        }
        isResumed = true
        return splits
    }

    func restore(_ positions: [SplitPosition]) throws(ConnectorError) -> [any SourceSplit] {
        // Also where there was no partition yet: those that come are newer than the start.
        isResumed = true
        guard !positions.isEmpty else { return [] }
        guard let topic = try topic() else { throw .noSuchTopic(options.name) }
        var splits: [any SourceSplit] = []
        for position in positions {
            let place = try TopicSplit.Place(position)
            guard let partition = topic.partition(position.id),
                partition.identifier == place.identifier
            else { throw .partitionReplaced(position.id) }
            guard place.nextOffset <= partition.committed.nextOffset else {
                throw .positionAhead(
                    position.id, place.nextOffset, end: partition.committed.nextOffset)
            }
            let split = try make(
                partition, at: place.nextOffset, stopOffset: place.stopOffset)
            split.restore(watermark: place.watermark)
            splits.append(split)
        }
        return splits
    }

    func replay(_ beginnings: [SplitPosition]) throws(ConnectorError) -> [any SourceSplit] {
        for position in beginnings {
            let place = try TopicSplit.Place(position)
            guard let partition = try topic()?.partition(position.id),
                partition.identifier == place.identifier
            else { throw .historyIsGone(position.id, "the partition is no longer there") }
            guard partition.firstOffset <= place.nextOffset else {
                throw .historyIsGone(
                    position.id,
                    "\(partition.firstOffset - place.nextOffset) of its rows are no longer kept")
            }
        }
        return try restore(beginnings)
    }

    private func topic() throws(ConnectorError) -> Topic? {
        if let entry, !entry.topic.isDeleted { return entry.topic }
        if let registration { entry?.topic.unregister(reader: registration) }
        registration = nil
        entry = try catalog.entry(options.name)
        guard let entry else { return nil }
        let topic = entry.topic
        if !takesAnyMode, entry.definition.mode != options.mode {
            throw .topicChangedMode(
                options.name, entry.definition.mode.rawValue, options.mode.rawValue)
        }
        registration = topic.register(reader)
        changes.watch(topic)
        return topic
    }

    /// Makes a split of a partition that was not read before; nil where the source does not want it.
    private func begin(_ partition: Partition, of topic: Topic) throws(ConnectorError)
        -> TopicSplit?
    {
        let now = clock()
        var stop: UInt64?
        switch options.stop {
        case .latest?:
            // What comes after the first start is behind its end.
            if isResumed {
                taken.insert(partition.name)
                return nil
            }
            stop = partition.committed.nextOffset
        case .offset(let name, let offset)?:
            guard try isMeant(partition, name, topic) else { return nil }
            stop = offset
        case .earliest?: stop = partition.firstOffset
        case .timestamp?, .since?, nil: break
        }
        let start: UInt64
        switch options.start {
        case .earliest: start = partition.firstOffset
        case .latest: start = isResumed ? partition.firstOffset : partition.committed.nextOffset
        case .offset(nil, _) where isResumed: start = partition.firstOffset
        case .offset(let name, let offset):
            guard try isMeant(partition, name, topic) else { return nil }
            start = offset
        case .timestamp(let time): start = try offset(partition, time)
        case .since(let span):
            start = try offset(partition, now.subtractingReportingOverflow(span).partialValue)
        }
        return try make(partition, at: start, stopOffset: stop)
    }

    private func offset(_ partition: Partition, _ time: Int64) throws(ConnectorError) -> UInt64 {
        do throws(StoreError) {
            return try TopicTimes.offset(partition, atOrAfter: time)
        } catch {
            throw ConnectorError(error)
        }
    }

    /// Whether `{offset: …}` is about this partition.
    private func isMeant(_ partition: Partition, _ name: String?, _ topic: Topic)
        throws(ConnectorError) -> Bool
    {
        guard let name else {
            // A partition that came later is not the one that was meant.
            if isResumed { return false }
            let all = topic.partitions.map(\.name)
            guard all.count == 1 else { throw .ambiguousOffset(options.name, all) }
            return true
        }
        return partition.name.utf8.elementsEqual(name.utf8)
    }

    private func make(
        _ partition: Partition, at offset: UInt64, stopOffset: UInt64?
    ) throws(ConnectorError) -> TopicSplit {
        guard let entry else { throw .noSuchTopic(options.name) }
        taken.insert(partition.name)
        changes.watch(partition)
        var stopTime: Int64?
        switch options.stop {
        case .timestamp(let time)?: stopTime = time
        case .since(let span)?: stopTime = clock().subtractingReportingOverflow(span).partialValue
        default: break
        }
        return TopicSplit(
            partition, at: offset, stopOffset: stopOffset, stopTime: stopTime, options: options,
            mode: entry.definition.mode,
            pipeline: TopicWriter.parts(entry.topic.writer(of: partition))?.pipeline,
            writers: catalog.writers,
            columns: TopicColumns(
                fields: fields, metadata: metadata, partition: partition.name, entry: entry,
                catalog: catalog), reader: reader)
    }
}

/// Listens to a topic and its partitions on behalf of a source.
private final class TopicChanges: Sendable {
    private struct State {
        var changed: (@Sendable () -> Void)?
        var cancels: [@Sendable () -> Void] = []
        var watchesStore = false
    }
    private let state = Mutex(State())

    func subscribe(_ changed: @escaping @Sendable () -> Void) {
        state.withLock { $0.changed = changed }
    }

    private func fire() { state.withLock { $0.changed }?() }

    func watch(_ partition: Partition) {
        let number = partition.observe { [weak self] in self?.fire() }
        state.withLock { $0.cancels.append { partition.cancel(observer: number) } }
    }

    func watch(_ topic: Topic) {
        let number = topic.observe { [weak self] in self?.fire() }
        state.withLock { $0.cancels.append { topic.cancel(observer: number) } }
    }

    func watch(_ store: TopicStore) {
        let isFirst = state.withLock { state in
            defer { state.watchesStore = true }
            return !state.watchesStore
        }
        guard isFirst else { return }
        let number = store.observe { [weak self] in self?.fire() }
        state.withLock { $0.cancels.append { store.cancel(observer: number) } }
    }

    func cancel() {
        for cancel in state.withLock({ $0.cancels }) { cancel() }
        state.withLock { $0.cancels = [] }
    }
}
