/// Something that happened to a pipeline, for `pipelined events`.
struct PipelineEvent: Equatable, Sendable {
    enum Severity: String, Sendable { case normal, warning }

    /// Counts the daemon's events, from 1, so that a follower knows what it has seen.
    var number: Int64
    /// Microseconds since the epoch.
    var time: Int64
    var pipeline: String
    var severity: Severity
    /// One word: `Started`, `Failed`, …
    var reason: String
    var message: String
}

/// The last events of one pipeline: a bounded ring.
struct EventRing: Equatable, Sendable {
    static let capacity = 100

    private var events: [PipelineEvent] = []
    /// Where the oldest is, once the ring is full.
    private var oldest = 0

    mutating func append(_ event: PipelineEvent) {
        if events.count < Self.capacity {
            events.append(event)
        } else {
            events[oldest] = event
            oldest = (oldest + 1) % Self.capacity
        }
    }

    /// From the oldest to the newest.
    var inOrder: [PipelineEvent] { Array(events[oldest...] + events[..<oldest]) }

    var last: PipelineEvent? {
        events.isEmpty ? nil : events[(oldest + events.count - 1) % events.count]
    }
}
