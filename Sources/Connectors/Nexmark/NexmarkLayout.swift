import Config
import Operators

/// Which events are rows of a kind, and when they happen.
///
/// Events come in cycles of 50: a person, three auctions, 46 bids.
struct NexmarkLayout {
    static let cycle: Int64 = 50
    static let auctionsPerCycle: Int64 = 3
    /// Added to the numbers of persons and auctions.
    static let firstID: Int64 = 1000

    /// Rows of the kind in a cycle, and the place of the first of them.
    let perCycle: Int64
    let offset: Int64

    init(_ kind: NexmarkOptions.Kind) {
        switch kind {
        case .person: (perCycle, offset) = (1, 0)
        case .auction: (perCycle, offset) = (Self.auctionsPerCycle, 1)
        case .bid: (perCycle, offset) = (46, 4)
        }
    }

    /// How many of the first `events` events are rows of the kind.
    func rowCount(events: Int64) -> Int64 {
        let begun = min(max(events % Self.cycle - offset, 0), perCycle)
        return events / Self.cycle * perCycle + begun
    }

    /// The numbers of the events of rows `first..<first + count`.
    func events(first: Int64, count: Int) -> Buffer {
        let result = Buffer(capacity: count * 8)
        let target = result.pointer(to: Int64.self)
        var place = first % perCycle
        var event = first / perCycle * Self.cycle + offset + place
        for row in 0..<count {
            target[row] = event
            place += 1
            event += 1
            if place == perCycle {
                place = 0
                event += Self.cycle - perCycle
            }
        }
        return result
    }

    /// The time of an event, milliseconds after the start. Below 2^53 for all events that there may
    /// be, so that microseconds do not overflow either.
    @inline(__always)
    static func millis(_ event: Int64, rate: Int64) -> Int64 { event &* 1000 / rate }
}
