/// Windows of any bounds: which of them hold the rows of a batch.
protocol WindowSpans: Sendable {
    /// How many windows a row may be in, at least 1.
    var passes: Int { get }

    /// The bounds of one window of each row; none (start ≥ end) where it is in fewer.
    ///
    /// - Parameter pass: Which of a row's windows, below ``passes``.
    func bounds(_ batch: Batch, pass: Int) -> SpanBounds
}

/// A start and an end for each row of a batch, timestamps without nulls.
struct SpanBounds {
    let starts: Column
    let ends: Column
}

/// The windows that rows bring along, in columns.
struct InheritedSpans: WindowSpans {
    let start: Int
    let end: Int
    let passes = 1

    func bounds(_ batch: Batch, pass: Int) -> SpanBounds {
        SpanBounds(starts: batch.column(start), ends: batch.column(end))
    }
}

/// Windows [start, start + n × every) up to `size`, start ≡ offset mod size.
struct CumulativeSpans: WindowSpans {
    let window: AggregatePlan.Window

    var passes: Int { Int(window.sizeMicros / window.everyMicros) }

    func bounds(_ batch: Batch, pass: Int) -> SpanBounds {
        let times = batch.times
        let time = times.integers
        let count = batch.count
        let starts = Column.repeating(.max, count: count)
        let ends = Column.repeating(.min, count: count)
        let whole = AggregatePlan.Window(
            sizeMicros: window.sizeMicros, everyMicros: window.sizeMicros,
            offsetMicros: window.offsetMicros)
        // The last window's end is within 64 bits where there is a last start.
        let size = Int64(pass + 1) * window.everyMicros
        for row in 0..<count {
            guard let start = whole.lastStart(time[row]), time[row] < start + size else { continue }
            starts.integers[row] = start
            ends.integers[row] = start + size
        }
        return SpanBounds(starts: starts, ends: ends)
    }
}

/// Windows of whole days by the clocks of a place, where a day has 23 to 25 hours.
///
/// They begin at offset + n days on these clocks, where a change of clocks repeats that time the first
/// time; where it skips it, as ``TimeZoneRules/microsecondsUTC(local:)`` says. Cumulative windows grow
/// by time that has passed, up to the next one's start.
struct ZonedSpans: WindowSpans {
    let zone: TimeZoneRules
    let window: AggregatePlan.Window
    /// Whether windows begin together, a size apart, and grow by `every`. Otherwise `every` is whole
    /// days, too.
    let isCumulative: Bool

    /// Times beyond this are in no window; a size is at most ``sizeMicrosMax``.
    private static let timeMax: Int64 = 1 << 61

    /// How much longer than 24 hours times its days a window may be, to end when the next begins.
    private static let changeMicrosMax: Int64 = 10_800_000_000

    var passes: Int {
        let longest = window.sizeMicros + (isCumulative ? ZonedSpans.changeMicrosMax : 0)
        let count = Int((longest + window.everyMicros - 1) / window.everyMicros)
        // A change of clocks may move a row to a neighbour of the windows that its time names.
        return isCumulative ? count : count + 2
    }

    func bounds(_ batch: Batch, pass: Int) -> SpanBounds {
        let times = batch.times
        let time = times.integers
        let count = batch.count
        let starts = Column.repeating(.max, count: count)
        let ends = Column.repeating(.min, count: count)
        var clock = Clock(zone: zone)
        for row in 0..<count where time[row].magnitude < UInt64(ZonedSpans.timeMax) {
            let t = time[row]
            let local = clock.local(t)
            let start: Int64
            let end: Int64
            if isCumulative {
                var first = floor(local, window.sizeMicros)
                if t < clock.utc(first) { first -= window.sizeMicros }
                if t >= clock.utc(first + window.sizeMicros) { first += window.sizeMicros }
                start = clock.utc(first)
                let last = clock.utc(first + window.sizeMicros)
                let before = start + Int64(pass) * window.everyMicros
                guard before < last else { continue }
                end = pass == passes - 1 ? last : min(before + window.everyMicros, last)
            } else {
                let first = floor(local, window.everyMicros) + Int64(1 - pass) * window.everyMicros
                start = clock.utc(first)
                end = clock.utc(first + window.sizeMicros)
            }
            guard start <= t, t < end else { continue }
            starts.integers[row] = start
            ends.integers[row] = end
        }
        return SpanBounds(starts: starts, ends: ends)
    }

    /// The last bound up to a local time.
    private func floor(_ local: Int64, _ step: Int64) -> Int64 {
        let remainder = (local - window.offsetMicros) % step
        return local - (remainder < 0 ? remainder + step : remainder)
    }

    /// The zone's clock, with its last answers.
    private struct Clock {
        let zone: TimeZoneRules
        /// Local times to moments, the last few that were asked for.
        private var known: [(local: Int64, utc: Int64)] = []
        private var next = 0
        private static let knownMax = 4

        init(zone: TimeZoneRules) { self.zone = zone }

        func local(_ utc: Int64) -> Int64 { zone.microsecondsLocal(utc: utc) }

        mutating func utc(_ local: Int64) -> Int64 {
            for entry in known where entry.local == local { return entry.utc }
            let utc = zone.firstMicrosecondsUTC(local: local)
            if known.count < Clock.knownMax {
                known.append((local, utc))
            } else {
                known[next] = (local, utc)
                next = (next + 1) % Clock.knownMax
            }
            return utc
        }
    }
}
