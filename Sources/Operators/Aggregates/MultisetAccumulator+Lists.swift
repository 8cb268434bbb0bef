/// Results that are made of all values of a group: `array_agg` and the exact percentiles.
extension MultisetAccumulator {
    /// The values in their order, null where a group has none; an array that is too long fails.
    ///
    /// Null is last in ascending order and first in descending, as PostgreSQL has it. Values of one
    /// order stand by themselves, so that the result does not depend on how rows came.
    ///
    /// - Complexity: O(values × log values) a group.
    func arrays(_ groups: [Int32], failed: inout [Int: String]) -> Column {
        var builder = ColumnBuilder(type: call.type, capacity: groups.count)
        var arena = ByteArena()
        var writer = NestedWriter()
        for (position, group) in groups.enumerated() {
            let values = sorted(group)
            guard !values.isEmpty else {
                builder.appendNull()
                continue
            }
            writer.bytes.removeAll(keepingCapacity: true)
            guard write(values, to: &writer) else {
                failed[position] =
                    "cannot compute array_agg: array longer than \(StringArena.resultBytesMax) bytes"
                builder.appendNull()
                continue
            }
            writer.bytes.withUnsafeBufferPointer { bytes in
                guard let base = bytes.baseAddress else { return builder.appendNull() }
                builder.append(view: arena.store(base, count: bytes.count))
            }
        }
        return builder.finish(retained: arena.blocks)
    }

    /// The array of a group; false when it is too long.
    private func write(
        _ values: [(key: StringView, count: Int64)], to writer: inout NestedWriter
    ) -> Bool {
        let columns = decoded(values)
        var seen: Set<[UInt8]> = []
        for row in rows(in: columns[0]) {
            var element = NestedWriter()
            element.append(columns[1], row)
            if call.isDistinct, !seen.insert(element.bytes).inserted { continue }
            for _ in 0..<(call.isDistinct ? 1 : values[row].count) {
                writer.bytes.append(contentsOf: element.bytes)
                if writer.bytes.count > StringArena.resultBytesMax { return false }
            }
        }
        writer.endArray()
        return true
    }

    /// The rows in the order of the call; they are sorted with null first.
    private func rows(in order: Column) -> [Int] {
        let nullCount = (0..<order.count).prefix { order.isNull($0) }.count
        let ascending = Array(nullCount..<order.count) + Array(0..<nullCount)
        return call.parameter == .boolean(true) ? ascending.reversed() : ascending
    }

    /// The value at a fraction of the way through the sorted values: between two of them
    /// (`percentile_cont`), or the first that reaches it. Null where a group has none.
    ///
    /// - Complexity: O(values × log values) a group.
    func percentiles(_ groups: [Int32]) -> Column {
        guard case .double(let fraction) = call.parameter else {
            preconditionFailure("\(call.function.rawValue) without a fraction")
        }
        var keys: [StringView] = []
        var rows: [Int32] = []
        var interpolated = ColumnBuilder(type: .double, capacity: groups.count)
        var arena = ByteArena()
        let isContinuous = call.function == .percentileCont
        for group in groups {
            let values = sorted(group)
            let total = values.reduce(0) { $0 + (call.isDistinct ? 1 : $1.count) }
            guard total > 0 else {
                rows.append(-1)
                if isContinuous { interpolated.appendNull() }
                continue
            }
            if isContinuous {
                interpolated.append(double: between(values, at: fraction * Double(total - 1)))
                continue
            }
            let place = max(0, Int64((fraction * Double(total)).rounded(.up)) - 1)
            let key = values[index(of: place, in: values)].key
            rows.append(Int32(keys.count))
            keys.append(arena.store(key.base, count: key.count))
        }
        if isContinuous { return interpolated.finish() }
        guard let column = sets.codec.decode(keys, retained: arena.blocks)?.last else {
            preconditionFailure("values of \(call.function.rawValue) do not decode")
        }
        return column.gatheredOrNull(rows, count: rows.count)
    }

    private func between(
        _ values: [(key: StringView, count: Int64)], at place: Double
    ) -> Double {
        let column = decoded(values)[0]
        let low = column.doubles[index(of: Int64(place.rounded(.down)), in: values)]
        let high = column.doubles[index(of: Int64(place.rounded(.up)), in: values)]
        let part = place - place.rounded(.down)
        return part == 0 || low == high ? low : low + (high - low) * part
    }

    /// Where the value of a place stands, counted from 0 with repeats.
    private func index(
        of place: Int64, in values: [(key: StringView, count: Int64)]
    ) -> Int {
        var left = place
        for (index, value) in values.enumerated() {
            left -= call.isDistinct ? 1 : value.count
            if left < 0 { return index }
        }
        return values.count - 1
    }
}
