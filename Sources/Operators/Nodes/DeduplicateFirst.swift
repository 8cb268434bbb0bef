/// Passes the first row of each key, by event time, on: when the watermark has passed it, so that
/// no earlier one can come. Rows leave in order of time, then input, then as they came.
///
/// With `within`, rows of the key count as the same until that long after the first one; then its
/// state is freed, and the next row is a first one again. Rows that are behind their split's
/// watermark go to the late port.
package final class DeduplicateFirst: Operator {
    /// Keys whose first row has left, by stretches of time: each as long as `within`, or only one.
    private final class Stretch {
        let start: Int64
        /// The place of a key's first row in `firsts`.
        let table = KeyTable()
        var firsts: [Int64] = []
        /// How many of the keys checkpoints have.
        var captured = 0

        init(start: Int64) { self.start = start }
    }

    private let evaluators: KeyedRows.Evaluators
    private let codec: KeyCodec
    private let store: RowStore
    private let withinMicros: Int64?
    private let inputSchema: Schema
    /// By start, ascending.
    private var stretches: [Stretch] = []
    /// Rows that the watermark has not passed.
    private var pending: [Int32] = []
    private var watermark = Int64.min
    /// Rows before this have been decided on since the last checkpoint; nil if none has.
    private var decidedBelow: Int64?
    /// Stretches that start before this have been freed since the last checkpoint.
    private var freedBelow: Int64?
    private static let firstsPart: UInt8 = 0
    private static let pendingPart: UInt8 = 1

    /// - Parameter withinMicros: Above 0; nil keeps every key for ever.
    package init(inputSchema: Schema, key: [BoundExpression], withinMicros: Int64?) {
        self.inputSchema = inputSchema
        self.withinMicros = withinMicros
        let order = RowOrder(items: [])
        evaluators = KeyedRows.Evaluators(key: key, order: order, schema: inputSchema)
        codec = KeyCodec(types: key.map(\.type))
        store = RowStore(schema: inputSchema, keyTypes: key.map(\.type), order: order)
    }

    package func process(
        _ batch: Batch, input: Int, now: Int64, to output: any OperatorOutput
    ) {
        let rows = evaluators.evaluate(batch, now: now, to: output)
        let count = rows.batch.count
        guard count > 0 else { return }
        let times = rows.batch.times
        let time = times.integers
        let keys = codec.encode(rows.key, count: count)
        let places = store.orderCodec.encode(
            [], times: time, input: input, sequence: store.nextSequence, count: count)
        store.nextSequence &+= UInt64(count)
        let rowWatermark = rows.batch.rowWatermarks?.pointer(to: Int64.self)
        let candidates = Buffer(capacity: count * 4)
        let candidate = candidates.pointer(to: Int32.self)
        var candidateCount = 0
        var late: [Int] = []
        var passed: [Int] = []
        for row in 0..<count {
            if let rowWatermark, time[row] < rowWatermark[row] {
                late.append(row)
            } else if time[row] < watermark {
                passed.append(row)
            } else if !isRepeated(keys.strings[row], at: time[row]) {
                candidate[candidateCount] = Int32(row)
                candidateCount += 1
            }
        }
        let values = store.encode(
            rows.batch.columns.map { $0.gathered(candidate, count: candidateCount) },
            count: candidateCount)
        for index in 0..<candidateCount {
            let row = Int(candidate[index])
            pending.append(
                store.add(
                    key: keys.strings[row], place: places.strings[row],
                    values: values.strings[index], entryTime: time[row]))
        }
        for (rowsLate, wasInTime) in [(late, false), (passed, true)] where !rowsLate.isEmpty {
            let split = RowSplit(failed: rowsLate, count: count)
            output.emitLate(rows.batch.selecting(split.failed), wasInTime: wasInTime)
        }
    }

    /// Whether a first row of the key has left that a row at `time` repeats.
    private func isRepeated(_ key: StringView, at time: Int64) -> Bool {
        guard !stretches.isEmpty else { return false }
        let hash = key.hash
        for stretch in stretches.reversed() where stretch.start <= time {
            let found = stretch.table.find(key, hash: hash)
            guard found >= 0 else { continue }
            guard let withinMicros else { return true }
            let first = stretch.firsts[Int(found)]
            let (end, overflow) = first.addingReportingOverflow(withinMicros)
            if first <= time && (overflow || time < end) { return true }
        }
        return false
    }

    package func advance(to watermark: Int64, now: Int64, to output: any OperatorOutput) {
        self.watermark = watermark
        var ready: [Int32] = []
        var rest: [Int32] = []
        for row in pending {
            if store.time(row) < watermark || watermark == .max {
                ready.append(row)
            } else {
                rest.append(row)
            }
        }
        if !ready.isEmpty {
            pending = rest
            ready.sort {
                StringView.compare(store.places.base[Int($0)], store.places.base[Int($1)]) < 0
            }
            let firsts = ready.filter { pass($0) }
            if !firsts.isEmpty { output.emit(store.batch(firsts)) }
            for row in ready { store.remove(row, isSwept: true) }
            store.compact()
            decidedBelow = watermark
        }
        freeStretches()
    }

    /// Notes the row as its key's first one, unless it repeats one.
    private func pass(_ row: Int32) -> Bool {
        let key = store.keys.base[Int(row)]
        let time = store.time(row)
        if isRepeated(key, at: time) { return false }
        note(key, first: time)
        return true
    }

    private func note(_ key: StringView, first: Int64) {
        let stretch = stretch(of: first)
        // A key has one first row in a stretch: two are `within` apart.
        stretch.table.insert(key, hash: key.hash, value: Int32(stretch.firsts.count))
        stretch.firsts.append(first)
    }

    private func stretch(of time: Int64) -> Stretch {
        let start = withinMicros.map { within in
            let remainder = time % within
            let back = remainder < 0 ? remainder + within : remainder
            let (start, overflow) = time.subtractingReportingOverflow(back)
            return overflow ? .min : start
        }
        return stretch(startingAt: start ?? .min)
    }

    private func stretch(startingAt start: Int64) -> Stretch {
        var index = stretches.count
        while index > 0 && stretches[index - 1].start >= start {
            if stretches[index - 1].start == start { return stretches[index - 1] }
            index -= 1
        }
        let stretch = Stretch(start: start)
        stretches.insert(stretch, at: index)
        return stretch
    }

    /// Frees keys that no row that may still come repeats.
    private func freeStretches() {
        guard let withinMicros else { return }
        var freed = 0
        while freed < stretches.count {
            let (end, overflow) = stretches[freed].start.addingReportingOverflow(withinMicros)
            let (last, lastOverflow) = end.addingReportingOverflow(withinMicros)
            guard !overflow && !lastOverflow && last <= watermark else { break }
            freedBelow = stretches[freed].start + 1
            freed += 1
        }
        stretches.removeFirst(freed)
    }

    // MARK: State

    package func capture(into changes: inout StateChanges) {
        if let freedBelow {
            changes.deleteBelow(part: DeduplicateFirst.firstsPart, time: freedBelow)
        }
        if let decidedBelow {
            changes.deleteBelow(part: DeduplicateFirst.pendingPart, time: decidedBelow)
        }
        freedBelow = nil
        decidedBelow = nil
        for stretch in stretches {
            for index in stretch.captured..<stretch.firsts.count {
                changes.put(
                    part: DeduplicateFirst.firstsPart, time: stretch.start,
                    key: stretch.table.entries[index].key.bytes
                ) { $0.append(littleEndian: stretch.firsts[index]) }
            }
            stretch.captured = stretch.firsts.count
        }
        store.capture(part: DeduplicateFirst.pendingPart, into: &changes)
    }

    package func restore(_ entry: StateEntry) throws(StateError) {
        guard entry.part == DeduplicateFirst.firstsPart else {
            pending.append(try store.restore(entry))
            return
        }
        var reader = ByteReader(entry.value)
        let key = StringView(entry.key)
        guard codec.isKey(key), let first = reader.read(Int64.self), reader.isAtEnd else {
            throw .damagedEntry
        }
        note(key, first: first)
        let stretch = stretch(of: first)
        guard stretch.start == entry.time else { throw .damagedEntry }
        stretch.captured = stretch.firsts.count
    }

    package func restore(watermark: Int64) { self.watermark = watermark }

    package var stateSize: StateSize {
        StateSize(
            entries: store.liveCount + stretches.reduce(0) { $0 + $1.firsts.count },
            bytes: store.memoryBytes
                + stretches.reduce(0) { $0 + $1.table.memoryBytes + $1.firsts.count * 8 })
    }
}
