/// What a batch changes of a regular join's output: collected row by row, then summed up.
///
/// Of each row of the output what is left of its changes leaves; where rows have a key, the changes
/// of one key stand side by side, and in any case those that take back precede those that give.
final class JoinChanges {
    private let plan: StreamJoinPlan
    private let key: [Int]?
    private let keyCodec: KeyCodec
    private let rowCodec: KeyCodec
    /// By change: the row of the batch and the row of the other side, −1 for none.
    private var rows: [Int32] = []
    private var others: [Int32] = []
    private var times: [Int64] = []
    private var signs: [Int32] = []

    /// - Parameter key: Positions in the output; nil when nothing identifies a row.
    init(_ plan: StreamJoinPlan, key: [Int]?) {
        self.plan = plan
        self.key = key
        let types = plan.columns.map { column in
            switch column {
            case .left(let index), .either(let index, _): plan.left.schema[index].type
            case .right(let index): plan.right.schema[index].type
            }
        }
        rowCodec = KeyCodec(types: types)
        keyCodec = KeyCodec(types: (key ?? []).map { types[$0] })
    }

    func add(row: Int, other: Int32, time: Int64, _ sign: Int32) {
        rows.append(Int32(truncatingIfNeeded: row))
        others.append(other)
        times.append(time)
        signs.append(sign)
    }

    /// Sends what was collected, and forgets it.
    ///
    /// - Parameter isAppendOnly: Nothing was taken back, so there is nothing to sum up.
    func emit(
        _ input: JoinInput, of side: JoinSide, others otherRows: JoinRows, isAppendOnly: Bool,
        to output: any OperatorOutput
    ) {
        guard !rows.isEmpty else { return }
        defer { removeAll() }
        let columns = self.columns(input, of: side, otherRows)
        let rowtime = Buffer(capacity: times.count * 8)
        for (index, time) in times.enumerated() { rowtime.pointer(to: Int64.self)[index] = time }
        var batch = Batch(
            columns: columns,
            rowtime: Column(type: .timestamp, count: times.count, values: rowtime),
            rowCount: times.count)
        guard !isAppendOnly else { return output.emit(batch) }
        let (order, weights) = summedUp(columns)
        guard !order.isEmpty else { return }
        let weightBuffer = Buffer(capacity: weights.count * 4)
        for (index, weight) in weights.enumerated() {
            weightBuffer.pointer(to: Int32.self)[index] = weight
        }
        batch.columns = columns.map { $0.gathered(order, count: order.count) }
        batch.rowtime = batch.rowtime.gathered(order, count: order.count)
        batch.rowCount = order.count
        batch.weights = weightBuffer
        output.emit(batch)
    }

    private func removeAll() {
        rows.removeAll(keepingCapacity: true)
        others.removeAll(keepingCapacity: true)
        times.removeAll(keepingCapacity: true)
        signs.removeAll(keepingCapacity: true)
    }

    /// The output's columns, one row a change.
    private func columns(_ input: JoinInput, of side: JoinSide, _ otherRows: JoinRows) -> [Column] {
        let count = rows.count
        let own = input.columns.map { $0.gatheredOrNull(rows, count: count) }
        let present = others.filter { $0 >= 0 }
        let decoded = present.withUnsafeBufferPointer { otherRows.columns($0) }
        var place: Int32 = -1
        let places = others.map { slot -> Int32 in
            guard slot >= 0 else { return -1 }
            place += 1
            return place
        }
        let other = decoded.map { $0.gatheredOrNull(places, count: count) }
        let (left, right) = side == .left ? (own, other) : (other, own)
        return plan.columns.map { column in
            switch column {
            case .left(let index): return left[index]
            case .right(let index): return right[index]
            case .either(let l, let r): return either(left[l], right[r], side)
            }
        }
    }

    /// The left values, and the right ones in rows that are of the right side alone.
    private func either(_ left: Column, _ right: Column, _ side: JoinSide) -> Column {
        let count = rows.count
        let leftRows = side == .left ? rows : others
        guard leftRows.contains(where: { $0 < 0 }) else { return left }
        let order = leftRows.indices.map { Int32($0) + (leftRows[$0] < 0 ? Int32(count) : 0) }
        return Column.concatenating(left, right).gathered(order, count: count)
    }

    /// The changes that are left, as places among those collected, with their weights of ±1.
    private func summedUp(_ columns: [Column]) -> (order: [Int32], weights: [Int32]) {
        let count = rows.count
        let encoded = rowCodec.encode(columns, count: count)
        let bytes = encoded.strings
        let table = KeyTable(capacity: count)
        /// By distinct row: the sum of its changes, and the last place of either sign.
        var sums: [Int32] = []
        var lastTaken: [Int32] = []
        var lastGiven: [Int32] = []
        for place in 0..<count {
            let hash = bytes[place].hash
            var row = Int(table.find(bytes[place], hash: hash))
            if row < 0 {
                row = sums.count
                table.insert(bytes[place], hash: hash, value: Int32(row))
                sums.append(0)
                lastTaken.append(-1)
                lastGiven.append(-1)
            }
            sums[row] += signs[place]
            if signs[place] < 0 {
                lastTaken[row] = Int32(place)
            } else {
                lastGiven[row] = Int32(place)
            }
        }
        var order: [Int32] = []
        var weights: [Int32] = []
        for group in grouped(sums.indices.filter { sums[$0] != 0 }, columns, lastTaken, lastGiven) {
            for sign: Int32 in [-1, 1] {
                for row in group where sums[row].signum() == sign {
                    for _ in 0..<sums[row].magnitude {
                        order.append(sign < 0 ? lastTaken[row] : lastGiven[row])
                        weights.append(sign)
                    }
                }
            }
        }
        return withExtendedLifetime(encoded) { (order, weights) }
    }

    /// Distinct rows by their key, in the order in which the keys first came; without a key in one
    /// group.
    private func grouped(
        _ changed: [Int], _ columns: [Column], _ lastTaken: [Int32], _ lastGiven: [Int32]
    ) -> [[Int]] {
        guard let key else { return [changed] }
        let encoded = keyCodec.encode(key.map { columns[$0] }, count: rows.count)
        let keys = encoded.strings
        let table = KeyTable(capacity: changed.count)
        var groups: [[Int]] = []
        for row in changed {
            let view = keys[Int(max(lastTaken[row], lastGiven[row]))]
            let hash = view.hash
            let known = table.find(view, hash: hash)
            if known >= 0 {
                groups[Int(known)].append(row)
            } else {
                table.insert(view, hash: hash, value: Int32(groups.count))
                groups.append([row])
            }
        }
        return withExtendedLifetime(encoded) { groups }
    }
}
