/// The windows of an aggregate that have not fired, and their groups: when their results are given, and
/// what checkpoints have of them. Which windows a row is in is their owner's business.
final class OpenWindows {
    /// What names a window, and is the time of its groups' entries in checkpoints. It rises with the
    /// window's end.
    enum Naming {
        /// Its start: all windows have one size.
        case start(sizeMicros: Int64)
        /// Its end. Keys begin with the start, see ``startBytes``.
        case end
    }

    /// One window, or all that end together.
    final class Window {
        let time: Int64
        /// The value of a key is its group.
        let table = KeyTable()

        init(time: Int64) { self.time = time }
    }

    /// How many bytes of a key are the window's start, where windows are named by their end: big-endian,
    /// with the sign bit flipped.
    static let startBytes = 8

    let store: GroupStore
    let results: WindowResults
    private let plan: AggregatePlan
    private let naming: Naming
    /// By time, ascending.
    private var windows: [Window] = []
    private(set) var watermark = Int64.min
    /// Windows with a lower time have fired since the last checkpoint; nil if none has.
    private var firedBelow: Int64?

    init(_ plan: AggregatePlan, codec: KeyCodec, naming: Naming) {
        self.plan = plan
        self.naming = naming
        store = GroupStore(calls: plan.calls)
        results = WindowResults(plan, codec: codec, store: store)
    }

    // MARK: Windows and groups

    /// When a window ends; `Int64.max` where that leaves 64 bits.
    func end(_ time: Int64) -> Int64 {
        guard case .start(let size) = naming else { return time }
        let (end, overflow) = time.addingReportingOverflow(size)
        return overflow ? .max : end
    }

    /// When a window may fire.
    func fireTime(_ time: Int64) -> Int64 {
        let (fires, overflow) = end(time).addingReportingOverflow(plan.graceMicros)
        return overflow ? .max : fires
    }

    /// The window of that time, which is opened where it is not.
    func window(_ time: Int64) -> Window {
        var index = windows.count
        while index > 0 && windows[index - 1].time >= time {
            if windows[index - 1].time == time { return windows[index - 1] }
            index -= 1
        }
        let window = Window(time: time)
        windows.insert(window, at: index)
        return window
    }

    /// The group of a key in a window.
    func group(_ key: StringView, in window: Window) -> Int32 {
        let hash = key.hash
        let known = window.table.find(key, hash: hash)
        if known >= 0 { return known }
        let group = store.allocate()
        window.table.insert(key, hash: hash, value: group)
        store.keys.base[Int(group)] = window.table.entries[window.table.count - 1].key
        store.times.base[Int(group)] = window.time
        return group
    }

    /// Feeds rows to their groups.
    ///
    /// - Parameter groups: −1 for rows that are in no window.
    /// - Returns: The rows that take back what their group does not have.
    func update(
        _ groups: UnsafeMutablePointer<Int32>, _ rows: AggregateInput.Rows,
        weights: UnsafePointer<Int32>?, now: Int64
    ) -> [Int] {
        let count = rows.batch.count
        let unknown = store.countRows(groups, count: count, weights: weights)
        store.update(groups, count: count, arguments: rows.arguments, weights: weights)
        results.touch(groups, count: count, now: now)
        return unknown
    }

    // MARK: Results

    /// Gives what a batch has changed of results that have been given.
    func giveChanges(now: Int64, to output: any OperatorOutput) {
        give(results.takeEmptied(), now: now, to: output)
        guard plan.emission == .changes else { return }
        let ended = results.takeTouched().filter { end(store.times.base[Int($0)]) <= watermark }
        give(ended, now: now, to: output)
    }

    func advance(to watermark: Int64, now: Int64, to output: any OperatorOutput) {
        let previous = self.watermark
        self.watermark = watermark
        var fired = 0
        for window in windows {
            let end = end(window.time)
            guard end <= watermark else { break }
            let fires = fireTime(window.time) <= watermark
            switch plan.emission {
            case .final, .every: if fires { giveAll(window, now: now, to: output) }
            case .changes: if end > previous { giveAll(window, now: now, to: output) }
            }
            guard fires else { continue }
            for index in 0..<window.table.count {
                results.release(window.table.entries[index].value)
            }
            firedBelow = window.time == .max ? .max : window.time + 1
            fired += 1
        }
        windows.removeFirst(fired)
    }

    func tick(now: Int64, to output: any OperatorOutput) {
        if let at = results.nextTickAt, at <= now {
            give(results.takeTouched(), now: now, to: output)
        }
    }

    /// Gives the groups of a window in the order of their keys.
    private func giveAll(_ window: Window, now: Int64, to output: any OperatorOutput) {
        let entries = UnsafeBufferPointer(start: window.table.entries, count: window.table.count)
        let standing = entries.filter {
            plan.emission != .final || store.rowCounts.base[Int($0.value)] > 0
        }
        let order = standing.sorted { StringView.compare($0.key, $1.key) < 0 }
        give(order.map(\.value), retained: window.table.arena.blocks, now: now, to: output)
    }

    private func give(
        _ ids: [Int32], retained: [Buffer]? = nil, now: Int64, to output: any OperatorOutput
    ) {
        guard !ids.isEmpty else { return }
        var groups = WindowResults.Groups(
            retained: retained ?? windows.flatMap(\.table.arena.blocks))
        for id in ids {
            let key = store.keys.base[Int(id)]
            let time = store.times.base[Int(id)]
            switch naming {
            case .start: groups.append(id, key: key, start: time, end: end(time))
            case .end:
                groups.append(
                    id, key: OpenWindows.groupKey(key), start: OpenWindows.start(key), end: time)
            }
        }
        results.give(groups, now: now, to: output)
    }

    private static func start(_ key: StringView) -> Int64 {
        let bits = UnsafeRawPointer(key.base).loadUnaligned(as: UInt64.self)
        return Int64(bitPattern: UInt64(bigEndian: bits) ^ (1 << 63))
    }

    /// A key without the window's start.
    static func groupKey(_ key: StringView) -> StringView {
        StringView(base: key.base + startBytes, count: key.count - startBytes)
    }

    // MARK: State

    func capture(into changes: inout StateChanges) {
        if let firedBelow {
            for part in store.parts { changes.deleteBelow(part: part, time: firedBelow) }
        }
        firedBelow = nil
        store.capture(into: &changes) { results.write($0, to: &$1) }
    }

    /// Takes back an entry of the window that its time names.
    ///
    /// - Parameter check: Throws where the bytes are no key.
    func restore(
        _ entry: StateEntry, check: (StringView) throws(StateError) -> Void
    ) throws(StateError) {
        guard entry.part != 0 else {
            let key = StringView(entry.key)
            try check(key)
            let group = group(key, in: window(entry.time))
            var reader = ByteReader(entry.value)
            try results.read(group, from: &reader)
            return try store.restore(group, from: &reader)
        }
        guard let (key, call, value) = ValueSets.split(entry.key) else { throw .damagedEntry }
        try check(key)
        try store.restoreValue(
            value, count: entry.value, call: call, group: group(key, in: window(entry.time)))
    }

    func restore(watermark: Int64) { self.watermark = watermark }

    var stateSize: StateSize {
        StateSize(
            entries: store.liveCount,
            bytes: store.memoryBytes + results.memoryBytes
                + windows.reduce(0) { $0 + $1.table.memoryBytes })
    }
}
