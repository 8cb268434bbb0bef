import Config
import Connectors
import Operators

/// How far one split of a table has come in event time.
final class TableClock {
    let id: String
    var watermark: SplitWatermark
    var hasEnded = false
    /// Silent at its end for `idle_timeout`, or nobody writes it: keeps nobody waiting.
    var isIdle = false
    var isPaused = false
    /// When rows last came, wall clock.
    var lastRowsAt: Int64
    /// Whether the highest time has moved since the last checkpoint.
    var hasMoved = false
    private let usesStoredTime: Bool

    init(_ id: String, of spec: TableSpec, now: Int64) {
        self.id = id
        let time = spec.eventTime ?? EventTimeSpec(value: .arrival)
        watermark = SplitWatermark(
            maxOutOfOrdernessMicros: time.maxOutOfOrdernessMicros,
            maxFutureMicros: time.maxFutureMicros)
        lastRowsAt = now
        usesStoredTime = spec.eventTime == nil
    }

    func take(_ batch: Batch, now: Int64) {
        lastRowsAt = now
        isIdle = false
        let before = watermark.highest
        _ = watermark.advance(batch.rowtime.integers, count: batch.rowCount, now: now)
        if watermark.highest != before { hasMoved = true }
    }

    /// The writer's watermark stands in for what the times tell, where rows keep their stored time.
    func takeStated(by split: any SourceSplit) {
        isPaused = split.isPaused
        if let reached = split.reachedTime, reached > watermark.highest {
            watermark.highest = reached
            hasMoved = true
        }
        if usesStoredTime, let stated = split.statedWatermark { watermark.stated = stated }
    }
}

/// What a table tells of event time.
extension TableNode {
    /// Whether everything was read that will ever come.
    var hasEnded: Bool {
        if context.rowsLeft == 0 { return true }
        guard isLoaded, changes.isEmpty else { return false }
        if let followed {
            return followed.source.isBounded && clocks.allSatisfy(\.hasEnded)
        }
        return clocks.allSatisfy(\.hasEnded)
    }

    /// The lowest watermark of the splits that may have more, and whether there is none.
    private func reached(wallClock: Int64) -> (watermark: Int64, isIdle: Bool) {
        let timeout = spec.eventTime?.idleTimeoutMicros
        func isSilent(since: Int64) -> Bool { timeout.map { wallClock - since >= $0 } ?? false }
        for clock in clocks where !clock.hasEnded {
            clock.isIdle = clock.isPaused || isSilent(since: clock.lastRowsAt)
        }
        let active = clocks.filter { !$0.hasEnded && !$0.isIdle }
        if let lowest = active.map(\.watermark.value).min() { return (lowest, false) }
        let highest = clocks.map(\.watermark.value).max() ?? .min
        return (highest, !clocks.isEmpty || isSilent(since: startedAt))
    }

    /// Sends watermarks on where they have risen.
    func sendWatermark(wallClock: Int64) {
        guard main.isRead || versions.isRead || history != nil else { return }
        let hasEnded = self.hasEnded
        let (watermark, isIdle) = reached(wallClock: wallClock)
        history?.reach(watermark)
        if versions.isRead {
            // Who is silent keeps nobody waiting: as if there were no more versions.
            let known = hasEnded || isIdle ? Int64.max : watermark
            if known != sentVersions {
                sentVersions = known
                versions.send(watermark: known, isIdle: false)
            }
        }
        guard main.isRead else { return }
        let known = hasEnded ? .max : max(watermark, sentMain.watermark)
        guard known != sentMain.watermark || isIdle != sentMain.isIdle else { return }
        sentMain = (known, isIdle && !hasEnded)
        main.send(watermark: known, isIdle: isIdle && !hasEnded)
    }

    /// The sources have ended: what is there now is all that joins wait for.
    func finish(now: Int64) throws(ConnectorError) {
        guard versions.isRead else { return }
        if let followed { try follow(followed, now: now) }
        flush()
        guard sentVersions != .max else { return }
        sentVersions = .max
        versions.send(watermark: .max, isIdle: false)
    }

    /// When the table is to be looked at or may become idle; nil if only a change can bring that.
    var wakesAt: Int64? {
        var earliest = refreshesAt
        guard let timeout = spec.eventTime?.idleTimeoutMicros, main.isRead || versions.isRead else {
            return earliest
        }
        var since = clocks.filter { !$0.hasEnded && !$0.isIdle }.map(\.lastRowsAt)
        let mayBecomeIdle =
            main.isRead && !sentMain.isIdle && sentMain.watermark != .max
            || versions.isRead && sentVersions != .max
        if clocks.isEmpty, mayBecomeIdle { since.append(startedAt) }
        if let first = since.min() { earliest = min(earliest ?? .max, first + timeout) }
        return earliest
    }
}
