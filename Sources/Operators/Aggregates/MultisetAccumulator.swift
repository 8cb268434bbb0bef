/// Calls whose result is made of all values: `array_agg`, `percentile_cont`, `percentile_disc`; and,
/// over rows that may be taken back, `min`, `max`, `first`, `last`, `arg_min`, `arg_max`,
/// `string_agg`.
///
/// The order of equal rows is not known once they may be taken back: of rows with one time (or one
/// order), `first` and `arg_min` give the smallest value, `last` and `arg_max` the largest.
final class MultisetAccumulator: Accumulator {
    /// The values; they are checkpointed by entries, not by ``write(_:to:)``.
    let sets: ValueSets
    let call: AggregateCall
    private var scratch = Buffer(capacity: 0)

    init(_ call: AggregateCall) {
        self.call = call
        let end: ValueSet.End?
        switch call.function {
        case .min, .first, .argMin: end = .smallest
        case .stringAgg, .arrayAgg, .percentileCont, .percentileDisc: end = nil
        default: end = .largest
        }
        let types = [call.order, call.argument].compactMap { $0?.type }
        sets = ValueSets(types: types, end: end)
    }

    func reserve(_ count: Int) { sets.reserve(count) }
    func reset(_ group: Int) { sets.reset(group) }

    func update(
        _ groups: UnsafePointer<Int32>, count: Int, argument: Column?,
        weights: UnsafePointer<Int32>?
    ) {
        update(groups, count: count, argument: argument, order: nil, weights: weights)
    }

    func update(
        _ groups: UnsafePointer<Int32>, count: Int, argument: Column?, order: Column?,
        weights: UnsafePointer<Int32>?
    ) {
        if scratch.capacity < count * 4 { scratch = Buffer(capacity: count * 4) }
        let changed = scratch.pointer(to: Int32.self)
        changed.update(from: groups, count: count)
        sets.add(
            changed, count: count, columns: [order, argument].compactMap { $0 }, weights: weights,
            changes: nil, keepsNulls: call.function == .arrayAgg)
    }

    func result(_ groups: [Int32], failed: inout [Int: String]) -> Column {
        switch call.function {
        case .stringAgg: return joined(groups, failed: &failed)
        case .arrayAgg: return arrays(groups, failed: &failed)
        case .percentileCont, .percentileDisc: return percentiles(groups)
        default: break
        }
        var arena = ByteArena()
        var keys: [StringView] = []
        var rows: [Int32] = []
        for group in groups {
            guard let key = sets[Int(group)]?.extreme() else {
                rows.append(-1)
                continue
            }
            rows.append(Int32(keys.count))
            keys.append(arena.store(key.base, count: key.count))
        }
        guard let column = sets.codec.decode(keys, retained: arena.blocks)?.last else {
            preconditionFailure("values of \(call.function.rawValue) do not decode")
        }
        return column.gatheredOrNull(rows, count: rows.count)
    }

    /// A group's values in the order of their keys, each with how often it stands.
    func sorted(_ group: Int32) -> [(key: StringView, count: Int64)] {
        var values: [(key: StringView, count: Int64)] = []
        sets[Int(group)]?.visit { values.append(($0, $1)) }
        values.sort { StringView.compare($0.key, $1.key) < 0 }
        return values
    }

    /// The columns that the keys were made of. They point into the group's table.
    func decoded(_ values: [(key: StringView, count: Int64)]) -> [Column] {
        guard let columns = sets.codec.decode(values.map(\.key), retained: []) else {
            preconditionFailure("values of \(call.function.rawValue) do not decode")
        }
        return columns
    }

    private func joined(_ groups: [Int32], failed: inout [Int: String]) -> Column {
        var texts = JoinedTexts(separator: call.parameter)
        for (position, group) in groups.enumerated() {
            let values = sorted(group)
            let column = decoded(values)[1]
            var seen: Set<[UInt8]> = []
            var text = JoinedTexts.Text()
            for row in values.indices {
                let value = column.strings[row]
                if call.isDistinct, !seen.insert(Array(value.bytes)).inserted { continue }
                for _ in 0..<(call.isDistinct ? 1 : values[row].count) where !text.isTooLong {
                    text.append(value, separator: texts.separator)
                }
            }
            texts.append(values.isEmpty ? nil : text, position: position, failed: &failed)
        }
        return texts.finish()
    }

    func merge(_ source: Int, into target: Int) { _ = sets.merge(source, into: target) }

    func write(_ group: Int, to bytes: inout [UInt8]) {}
    func read(_ group: Int, from reader: inout ByteReader) -> Bool { true }
}
