import CPrimitives

/// What the kernel knows of the clock.
struct ClockFacts {
    var isSynchronised = false
    /// How far it may be off, microseconds.
    var errorMicrosMax: Int64 = 0
    var nowMicros: Int64 = 0
    /// Whether the kernel could be asked.
    var isKnown = false

    static func read() -> ClockFacts {
        var facts = ClockFacts(nowMicros: wallMicros())
        let state = cp_clock_is_synchronised(&facts.errorMicrosMax)
        facts.isKnown = state >= 0
        facts.isSynchronised = state == 1
        return facts
    }
}

/// Whether the clock can be relied on: `max_future`, `arrival` and retention go by it.
enum ClockCheck {
    /// The clock of a machine without a battery begins before this: 2025-01-01.
    private static let plausibleMicros: Int64 = 1_735_689_600_000_000

    static func check(_ facts: ClockFacts) -> Finding {
        let time = HumanText.time(micros: facts.nowMicros)
        let remedy = "run a time service, such as systemd-timesyncd or chrony"
        guard facts.nowMicros >= plausibleMicros else {
            return .problem("clock", "it says \(time)", remedy)
        }
        guard facts.isKnown else { return .ok("clock", "\(time); the kernel does not say more") }
        guard facts.isSynchronised else {
            return .warning("clock", "\(time), not synchronised", remedy)
        }
        let text = "synchronised, \(facts.errorMicrosMax / 1000) ms off at most"
        return facts.errorMicrosMax > 1_000_000
            ? .warning("clock", text, remedy) : .ok("clock", text)
    }
}
