/// The watermark of one split of a source: its highest event time less what may come out of order.
///
/// A plain value that a checkpoint keeps. Times in microseconds since the epoch.
package struct SplitWatermark: Sendable {
    /// The highest event time seen that was not too far in the future; `Int64.min` before a row.
    package var highest: Int64 = .min
    /// What the split's writer states for the rows to come; it stands in for what the times tell.
    package var stated: Int64?
    private let maxOutOfOrdernessMicros: Int64
    private let maxFutureMicros: Int64

    package init(maxOutOfOrdernessMicros: Int64, maxFutureMicros: Int64) {
        self.maxOutOfOrdernessMicros = maxOutOfOrdernessMicros
        self.maxFutureMicros = maxFutureMicros
    }

    /// No row with a smaller time is expected any more.
    package var value: Int64 {
        stated ?? SplitWatermark.subtract(maxOutOfOrdernessMicros, from: highest)
    }

    private static func subtract(_ amount: Int64, from time: Int64) -> Int64 {
        let (value, overflow) = time.subtractingReportingOverflow(amount)
        return overflow ? .min : value
    }

    /// Takes the rows of a batch in order.
    ///
    /// - Parameters:
    ///   - times: `count` event times.
    ///   - now: The clock. A time beyond it by more than `max_future` does not move the watermark,
    ///     so that one bad clock does not make honest rows late.
    /// - Returns: The watermark before each row, Int64, if any row is behind the one before it;
    ///   nil otherwise.
    package mutating func advance(
        _ times: UnsafePointer<Int64>, count: Int, now: Int64
    ) -> Buffer? {
        let (future, overflow) = now.addingReportingOverflow(maxFutureMicros)
        let bound = overflow ? Int64.max : future
        let start = highest
        var highest = start
        var isBehind = false
        for row in 0..<count {
            let time = times[row]
            if time < highest {
                isBehind =
                    isBehind
                    || time < SplitWatermark.subtract(maxOutOfOrdernessMicros, from: highest)
            } else if time <= bound {
                highest = time
            }
        }
        self.highest = highest
        guard isBehind else { return nil }
        let result = Buffer(capacity: count * 8)
        let watermarks = result.pointer(to: Int64.self)
        highest = start
        for row in 0..<count {
            watermarks[row] = SplitWatermark.subtract(maxOutOfOrdernessMicros, from: highest)
            let time = times[row]
            if time > highest && time <= bound { highest = time }
        }
        return result
    }
}
