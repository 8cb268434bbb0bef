import Config
import Connectors
import Operators

/// A source in its place in a graph: its splits, their watermarks, and the event time of its rows.
final class SourceNode {
    /// One split with what the engine knows of it.
    final class Split {
        let split: any SourceSplit
        var watermark: SplitWatermark
        var hasEnded = false
        /// Silent for `idle_timeout`: does not hold the source's watermark back.
        var isIdle = false
        /// When rows last came, wall clock.
        var lastRowsAt: Int64
        /// The position of its first row as a checkpoint has it.
        var savedBeginning: [UInt8] = []
        /// Not worth asking before this or a change of what it watches, `.max` for the latter alone;
        /// nil when it had rows the last time it was asked.
        var waitsUntil: Int64?

        init(_ split: any SourceSplit, watermark: SplitWatermark, now: Int64) {
            self.split = split
            self.watermark = watermark
            lastRowsAt = now
        }
    }

    let spec: SourceSpec
    let source: any Source
    let counters: NodeCounters
    let main: OutputPort
    let invalid: InvalidPort
    private let context: LaneContext
    private let eventTime: EventTimes?
    /// The rows by key, of a topic whose rows stand until the next one of their key.
    let upserts: UpsertRows?
    private(set) var splits: [Split] = []
    private var hasDiscovered = false
    private(set) var bytesRead: Int64 = 0
    /// The watermark that was sent last.
    private(set) var sentWatermark = Int64.min
    private var sentIdle = false
    /// Whether rows came since the last checkpoint.
    var hasChanged = false

    init(
        _ spec: SourceSpec, source: any Source, counters: NodeCounters, invalid: InvalidPort,
        context: LaneContext
    ) {
        self.spec = spec
        self.source = source
        self.counters = counters
        self.context = context
        self.invalid = invalid
        main = OutputPort(schema: spec.output.schema)
        if case .expression(let expression) = spec.eventTime.value {
            eventTime = EventTimes(
                evaluator: ExpressionEvaluator(expression), schema: spec.output.schema,
                invalid: invalid)
        } else {
            eventTime = nil
        }
        upserts = spec.upsertKey.map { UpsertRows(schema: spec.output.schema, key: $0) }
    }

    // MARK: Splits

    private func makeSplit(_ split: any SourceSplit, now: Int64) -> Split {
        Split(
            split,
            watermark: SplitWatermark(
                maxOutOfOrdernessMicros: spec.eventTime.maxOutOfOrdernessMicros,
                maxFutureMicros: spec.eventTime.maxFutureMicros),
            now: now)
    }

    /// Takes the splits of a checkpoint up again.
    func restore(_ saved: [CheckpointMeta.Split], now: Int64) throws(ConnectorError) {
        let reopened = try source.restore(
            saved.map { SplitPosition(id: $0.id, bytes: $0.position) })
        for split in reopened {
            let known = makeSplit(split, now: now)
            if let state = saved.first(where: { $0.id == split.id }) {
                known.watermark.highest = state.highest
                known.hasEnded = state.hasEnded
                known.isIdle = state.isIdle
                known.savedBeginning = state.beginning
            }
            takeStatedWatermark(of: known)
            splits.append(known)
        }
    }

    /// Opens the splits of a checkpoint at their beginnings.
    func replay(_ saved: [CheckpointMeta.Split], now: Int64) throws(ConnectorError) {
        let opened = try source.replay(
            saved.map { SplitPosition(id: $0.id, bytes: $0.beginning) })
        for split in opened { splits.append(makeSplit(split, now: now)) }
    }

    /// The writer's watermark stands in for what the times tell, where rows keep their stored time.
    private func takeStatedWatermark(of split: Split) {
        if spec.usesStoredTime, let stated = split.split.statedWatermark {
            split.watermark.stated = stated
        }
    }

    func discover(now: Int64) throws(ConnectorError) {
        for split in try source.discover() {
            splits.append(makeSplit(split, now: now))
            hasChanged = true
        }
        hasDiscovered = true
    }

    func checkpoint() -> CheckpointMeta.Source {
        CheckpointMeta.Source(
            name: spec.name, rows: counters.rowsOut, invalid: counters.invalid,
            splits: splits.map { split in
                let position = split.split.position()
                return CheckpointMeta.Split(
                    id: position.id, position: position.bytes, highest: split.watermark.highest,
                    hasEnded: split.hasEnded, isIdle: split.isIdle,
                    beginning: split.savedBeginning.isEmpty
                        ? split.split.beginning?.bytes ?? [] : split.savedBeginning)
            })
    }

    /// The split to read next: of those that may have rows, the one furthest behind in event time.
    func nextSplit(now: Int64) -> Split? {
        if context.rowsLeft == 0 { return nil }
        var best: Split?
        for split in splits where !split.hasEnded {
            if let until = split.waitsUntil, until > now { continue }
            if best.map({ split.watermark.highest < $0.watermark.highest }) ?? true { best = split }
        }
        return best
    }

    /// Something may have changed in what the source watches: every split is asked again, also one
    /// that gave a time by which it would look by itself.
    func wake() {
        for split in splits { split.waitsUntil = nil }
    }

    var hasEnded: Bool {
        if context.rowsLeft == 0 { return true }
        return hasDiscovered && source.isBounded && splits.allSatisfy(\.hasEnded)
    }

    /// When a split wants to be asked again or may become idle; nil if only a change can bring rows.
    var wakesAt: Int64? {
        var earliest: Int64?
        for split in splits where !split.hasEnded {
            var times: [Int64] = []
            if let until = split.waitsUntil, until != .max { times.append(until) }
            if let timeout = spec.eventTime.idleTimeoutMicros, !split.isIdle {
                times.append(split.lastRowsAt + timeout)
            }
            if let first = times.min() { earliest = min(earliest ?? first, first) }
        }
        return earliest
    }

    // MARK: Rows

    /// Reads a batch from a split and sends it through the graph.
    ///
    /// - Returns: How many rows there were; nil when there was nothing now.
    func read(_ split: Split, wallClock: Int64) throws(ConnectorError) -> Int? {
        switch try split.split.read(now: wallClock) {
        case .wait(let until):
            split.waitsUntil = until ?? .max
            takeStatedWatermark(of: split)
            if let reached = split.split.reachedTime, reached > split.watermark.highest {
                split.watermark.highest = reached
                hasChanged = true
            }
            return nil
        case .ended:
            split.hasEnded = true
            takeStatedWatermark(of: split)
            hasChanged = true
            return nil
        case .rows(let rows):
            split.waitsUntil = nil
            split.lastRowsAt = wallClock
            split.isIdle = false
            hasChanged = true
            bytesRead += Int64(rows.byteCount)
            deliver(rows, of: split, wallClock: wallClock)
            return rows.rowCount + rows.invalid.count
        }
    }

    private func deliver(_ rows: SourceRows, of split: Split, wallClock: Int64) {
        invalid.reject(rows.invalid, source: spec.name, split: split.split.id)
        guard rows.rowCount > 0 else { return }
        let origin = BatchOrigin(
            source: spec.name, split: split.split.id, positions: rows.positions)
        var batch = Batch(
            columns: rows.columns, rowtime: .repeating(wallClock, count: rows.rowCount),
            rowCount: rows.rowCount, weights: rows.weights, origin: origin)
        if spec.usesStoredTime, let stored = rows.stored {
            batch.rowtime = stored.rowtime
        } else if let eventTime {
            let stored = rows.stored?.rowtime
            guard let timed = eventTime.apply(to: batch, stored: stored, now: context.now) else {
                return
            }
            batch = timed
        }
        var isCut = false
        if let left = context.rowsLeft, left < Int64(batch.rowCount) {
            isCut = true
            batch = batch.prefix(Int(left))
        }
        context.rowsLeft? -= Int64(batch.rowCount)
        batch.watermark = split.watermark.value
        // Also where the writer states the watermark: it says how far the split's history is read.
        let behind = split.watermark.advance(
            batch.rowtime.integers, count: batch.rowCount, now: wallClock)
        if spec.usesStoredTime, let stored = rows.stored, let stated = stored.watermark {
            batch.watermark = max(stated, split.watermark.stated ?? .min)
            batch.rowWatermarks = isCut ? nil : stored.rowWatermarks
        } else {
            batch.rowWatermarks = behind
        }
        takeStatedWatermark(of: split)
        counters.rowsIn += Int64(batch.rowCount)
        counters.rowsOut += Int64(batch.rowCount)
        guard let upserts else { return main.send(batch) }
        upserts.keepsRemoved = splits.count > 1
        for changes in upserts.changes(of: batch, place: split.split.place) { main.send(changes) }
    }

    // MARK: Watermark

    /// The lowest of the splits' watermarks; `Int64.max` once the source has ended.
    var watermark: Int64 {
        if hasEnded { return .max }
        let active = splits.filter { !$0.hasEnded && !$0.isIdle }
        if let lowest = active.map(\.watermark.value).min() { return lowest }
        // Every split has ended or is idle, but more may come: what was reached stays.
        let reached = splits.map(\.watermark.value).max() ?? .min
        return max(sentWatermark, reached)
    }

    /// The split that holds the watermark back, when there are several.
    var heldBy: String? {
        guard splits.count > 1 else { return nil }
        return splits.filter { !$0.hasEnded && !$0.isIdle }
            .min { $0.watermark.value < $1.watermark.value }?.split.id
    }

    var isIdle: Bool {
        !hasEnded && !splits.isEmpty && splits.allSatisfy { $0.isIdle || $0.hasEnded }
    }

    /// Lets silent splits become idle, and sends the watermark on where it has risen.
    func sendWatermark(wallClock: Int64) {
        for split in splits where !split.hasEnded && !split.isIdle {
            // At its end, and nobody writes it now.
            if split.waitsUntil == .max, split.split.isPaused { split.isIdle = true }
        }
        if let timeout = spec.eventTime.idleTimeoutMicros {
            for split in splits where !split.hasEnded && !split.isIdle {
                if wallClock - split.lastRowsAt >= timeout { split.isIdle = true }
            }
        }
        passWatermark()
    }

    /// Sends the watermark on while history is read: no split is silent then, whatever the clock says.
    func sendReplayedWatermark() { passWatermark() }

    private func passWatermark() {
        let current = max(watermark, sentWatermark)
        guard current != sentWatermark || isIdle != sentIdle else { return }
        sentWatermark = current
        sentIdle = isIdle
        main.send(watermark: current, isIdle: isIdle)
        invalid.port.send(watermark: current, isIdle: isIdle)
    }

    var progress: SplitProgress {
        var result = SplitProgress(done: 0, total: 0)
        for split in splits {
            let progress = split.split.progress
            result.done += progress.done
            if let total = progress.total, let sum = result.total {
                result.total = sum + total
            } else {
                result.total = nil
            }
        }
        return result
    }
}

extension SourceSpec {
    /// Whether rows keep the event time that a topic stores them with.
    var usesStoredTime: Bool {
        if case .topic(let options) = connector { return options.usesStoredTime }
        return false
    }
}
