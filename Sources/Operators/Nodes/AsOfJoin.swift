/// Joins a stream to the versions of a table: each row to the one that was valid at a time of the row's
/// choice. Left columns, then the table's.
///
/// A row waits until no older version may come: until the watermark, of the left input (0) and of the
/// table (1) together, is behind its own event time and the time that it asks for. Rows that waited
/// leave in the order of these times, equal ones as they came. Rows that are behind the watermark when
/// they come do not wait, nor does any row where the table is read to its end before rows flow.
package final class AsOfJoin: Operator {
    private let history: TableHistory
    private let reader: Int
    private let evaluators: [ExpressionEvaluator]
    private let matchCount: Int
    private let tableColumns: [Int]
    private let keepsUnmatched: Bool
    private let waits: Bool
    private let historyMicros: Int64
    private let inputSchema: Schema
    private let codec: KeyCodec
    private let store: RowStore
    /// Waiting rows by when they may leave; and by event time, those that ask for a later time.
    private var due = DueHeap()
    private var early = DueHeap()
    /// By the row's number: when it may leave, `.min` once it has.
    private let dues = GroupArray<Int64>(.min)
    private var watermark = Int64.min
    /// Rows due before this have left since the last checkpoint; nil if none has.
    private var leftBelow: Int64?
    /// By version: its place among those that a batch has found, plus one; 0 outside of a batch.
    private let marks = GroupArray<Int32>(0)
    /// Rows without a partner that asked for a time whose versions are no longer kept.
    package private(set) var forgottenCount: Int64 = 0
    private var capturedForgotten: Int64 = 0
    private static let rowsPart: UInt8 = 0
    private static let countPart: UInt8 = 1

    private static let batchRowsMax = 8192
    /// Five minutes, as `max_future` of event times.
    private static let aheadMicrosMax: Int64 = 300_000_000

    /// - Parameters:
    ///   - match: One expression over the input for each of the table's key columns, of its type.
    ///   - asOf: A timestamp over the input; where it is null a row has no partner.
    ///   - tableColumns: Positions of the table's columns that the output takes.
    ///   - waits: Whether versions may come while rows flow.
    package init(
        history: TableHistory, historyMicros: Int64, match: [BoundExpression],
        asOf: BoundExpression, tableColumns: [Int], keepsUnmatched: Bool, waits: Bool,
        inputSchema: Schema
    ) {
        self.history = history
        self.historyMicros = historyMicros
        reader = history.register()
        evaluators = (match + [asOf]).map { ExpressionEvaluator($0) }
        matchCount = match.count
        self.tableColumns = tableColumns
        self.keepsUnmatched = keepsUnmatched
        self.waits = waits
        self.inputSchema = inputSchema
        codec = KeyCodec(types: match.map(\.type))
        store = RowStore(
            schema: inputSchema, keyTypes: match.map(\.type),
            order: RowOrder(items: [
                .init(expression: asOf, isDescending: false, isNullFirst: true)
            ]))
    }

    // MARK: Rows

    package func process(
        _ batch: Batch, input: Int, now: Int64, to output: any OperatorOutput
    ) {
        let rows = EvaluatedRows(
            evaluators, over: batch, now: now, schema: inputSchema, rejectingTo: output)
        guard rows.batch.count > 0 else { return }
        guard waits else { return join(rows, to: output) }
        let count = rows.batch.count
        let times = rows.batch.times
        let asked = answerable(rows.columns[matchCount], now: now)
        let rowWatermarks = rows.batch.denseRowWatermarks
        let rowWatermark = rowWatermarks?.pointer(to: Int64.self)
        var passing: [Int] = []
        let kept = Buffer(capacity: count * 4)
        let keptRow = kept.pointer(to: Int32.self)
        var keptCount = 0
        for row in 0..<count {
            let time = times.integers[row]
            if time < watermark || rowWatermark.map({ time < $0[row] }) ?? false {
                passing.append(row)
            } else {
                keptRow[keptCount] = Int32(row)
                keptCount += 1
            }
        }
        if keptCount > 0 { keep(rows, keptRow, keptCount, asked, times) }
        // The rest have the versions of now.
        guard !passing.isEmpty else { return }
        let split = RowSplit(failed: passing, count: count)
        join(
            EvaluatedRows(
                batch: rows.batch.selecting(split.failed),
                columns: rows.columns.map {
                    $0.gathered(split.failed.pointer, count: passing.count)
                }), to: output)
    }

    /// The times that are asked for, without those too far ahead of the clock to wait for: a row
    /// holds back everything behind it as long as it waits.
    private func answerable(_ asked: Column, now: Int64) -> Column {
        let (latest, overflow) = now.addingReportingOverflow(AsOfJoin.aheadMicrosMax)
        let count = asked.count
        guard !overflow,
            (0..<count).contains(where: { !asked.isNull($0) && asked.integers[$0] > latest })
        else { return asked }
        let validity = Buffer(capacity: count)
        let isThere = validity.pointer(to: UInt8.self)
        for row in 0..<count {
            isThere[row] = !asked.isNull(row) && asked.integers[row] <= latest ? 1 : 0
        }
        return Column(
            type: .timestamp, count: count, values: asked.values, validity: validity)
    }

    /// When a row may leave: once the watermark is behind this.
    private static func due(time: Int64, asked: Column, row: Int) -> Int64 {
        // Below the watermark of inputs that have ended, whatever the times.
        min(asked.isNull(row) ? time : max(time, asked.integers[row]), .max - 1)
    }

    private func keep(
        _ rows: EvaluatedRows, _ keptRow: UnsafeMutablePointer<Int32>, _ count: Int,
        _ asked: Column, _ times: Column
    ) {
        let keys = codec.encode(
            rows.columns[..<matchCount].map { $0.gathered(keptRow, count: count) }, count: count)
        let values = store.encode(
            rows.batch.columns.indices.map {
                rows.batch.column($0).gathered(keptRow, count: count)
            }, count: count)
        let keptTimes = times.gathered(keptRow, count: count)
        var dueTimes = ColumnBuilder(type: .timestamp, capacity: count)
        for index in 0..<count {
            let row = Int(keptRow[index])
            dueTimes.append(
                integer: Self.due(time: times.integers[row], asked: asked, row: row))
        }
        let dueTime = dueTimes.finish()
        let places = store.orderCodec.encode(
            [dueTime], times: keptTimes.integers, input: 0, sequence: store.nextSequence,
            count: count)
        store.nextSequence &+= UInt64(count)
        for index in 0..<count {
            let slot = store.add(
                key: keys.strings[index], place: places.strings[index],
                values: values.strings[index], entryTime: dueTime.integers[index])
            wait(slot, time: keptTimes.integers[index], due: dueTime.integers[index])
        }
    }

    private func wait(_ slot: Int32, time: Int64, due: Int64) {
        dues.reserve(Int(slot) + 1)
        dues.base[Int(slot)] = due
        self.due.push(slot, at: due)
        if due > time { early.push(slot, at: time) }
    }

    /// Gives rows the versions that are valid at the times they ask for.
    ///
    /// - Parameter bound: Rows that ask for this time or a later one have no partner.
    private func join(
        _ rows: EvaluatedRows, before bound: Int64 = .max, to output: any OperatorOutput
    ) {
        let count = rows.batch.count
        let match = Array(rows.columns[..<matchCount])
        let asked = rows.columns[matchCount]
        let keys = codec.encode(match, count: count)
        let found = Buffer(capacity: count * 4)
        let partners = found.pointer(to: Int32.self)
        marks.reserve(history.slotsMax)
        var versions: [Int32] = []
        let (oldest, overflow) = watermark.subtractingReportingOverflow(historyMicros)
        for row in 0..<count {
            partners[row] = -1
            guard !asked.isNull(row), !match.contains(where: { $0.isNull(row) }) else { continue }
            guard bound == .max || asked.integers[row] < bound else { continue }
            let version = history.find(keys.strings[row], at: asked.integers[row])
            guard version >= 0 else {
                if !overflow && watermark != .max && asked.integers[row] < oldest {
                    forgottenCount += 1
                }
                continue
            }
            if marks.base[Int(version)] == 0 {
                versions.append(version)
                marks.base[Int(version)] = Int32(versions.count)
            }
            partners[row] = marks.base[Int(version)] - 1
        }
        for version in versions { marks.base[Int(version)] = 0 }
        let columns = history.columns(versions)
        TableJoin.emit(
            rows.batch, partners, tableColumns.map { columns[$0] },
            keepsUnmatched: keepsUnmatched, to: output)
    }

    // MARK: Time

    package func advance(to watermark: Int64, now: Int64, to output: any OperatorOutput) {
        var ready: [Int32] = []
        while let slot = due.pop(below: watermark) { ready.append(slot) }
        if !ready.isEmpty {
            ready.sort {
                StringView.compare(store.places.base[Int($0)], store.places.base[Int($1)]) < 0
            }
            var start = 0
            while start < ready.count {
                let end = min(start + Self.batchRowsMax, ready.count)
                let batch = store.batch(Array(ready[start..<end]))
                let rows = EvaluatedRows(
                    evaluators, over: batch, now: now, schema: inputSchema, rejectingTo: output)
                if rows.batch.count > 0 { join(rows, before: watermark, to: output) }
                start = end
            }
            for slot in ready {
                dues.base[Int(slot)] = .min
                store.remove(slot, isSwept: true)
            }
            leftBelow = watermark
        }
        self.watermark = watermark
        findEarly()
        store.compact()
        history.pass(watermark, of: reader)
    }

    /// Finds the earliest row that asks for a later time than its own.
    private func findEarly() {
        while let slot = early.earliestRow, let time = early.earliest,
            dues.base[Int(slot)] <= time || store.time(slot) != time
        {
            _ = early.pop(below: time + 1)
        }
    }

    package var holdMicros: Int64 {
        guard let earliest = early.earliest, earliest < watermark else { return 0 }
        let (hold, overflow) = watermark.subtractingReportingOverflow(earliest)
        return overflow ? .max : hold
    }

    // MARK: Checkpoints

    package func capture(into changes: inout StateChanges) {
        if let leftBelow { changes.deleteBelow(part: Self.rowsPart, time: leftBelow) }
        leftBelow = nil
        store.capture(part: Self.rowsPart, into: &changes)
        guard forgottenCount != capturedForgotten else { return }
        capturedForgotten = forgottenCount
        changes.put(part: Self.countPart, time: 0, key: StringView.empty.bytes) {
            $0.append(littleEndian: forgottenCount)
        }
    }

    package func restore(_ entry: StateEntry) throws(StateError) {
        guard entry.part == Self.rowsPart else {
            var reader = ByteReader(entry.value)
            guard let count = reader.read(Int64.self), reader.isAtEnd else { throw .damagedEntry }
            forgottenCount = count
            capturedForgotten = count
            return
        }
        let slot = try store.restore(entry)
        wait(slot, time: store.time(slot), due: entry.time)
    }

    package func restore(watermark: Int64) {
        self.watermark = watermark
        findEarly()
    }

    package var stateSize: StateSize {
        StateSize(entries: store.liveCount, bytes: store.memoryBytes)
    }
}
