/// Groups whose results have changed since they were given, and when they are given next.
struct TouchedGroups {
    private let isTouched = GroupArray<UInt8>(0)
    private var groups: [Int32] = []
    private let everyMicros: Int64?
    /// When something is to be given by the clock; nil when nothing is.
    private(set) var nextTick: Int64?

    /// - Parameter emission: With `every` the clock says when.
    init(_ emission: AggregatePlan.Emission) {
        if case .every(let micros) = emission { everyMicros = micros } else { everyMicros = nil }
    }

    /// - Parameter now: The clock, microseconds.
    mutating func add(_ group: Int32, now: Int64) {
        isTouched.reserve(Int(group) + 1)
        guard isTouched.base[Int(group)] == 0 else { return }
        isTouched.base[Int(group)] = 1
        groups.append(group)
        if let everyMicros, nextTick == nil {
            let (time, overflow) = now.addingReportingOverflow(everyMicros)
            nextTick = overflow ? .max : time
        }
    }

    /// All of them, each once; none is left.
    mutating func take() -> [Int32] {
        let taken = groups.filter { group in
            defer { isTouched.base[Int(group)] = 0 }
            return isTouched.base[Int(group)] != 0
        }
        groups.removeAll(keepingCapacity: true)
        nextTick = nil
        return taken
    }

    /// Forgets a group whose number will be given out again.
    func forget(_ group: Int32) {
        if Int(group) < isTouched.count { isTouched.base[Int(group)] = 0 }
    }
}
