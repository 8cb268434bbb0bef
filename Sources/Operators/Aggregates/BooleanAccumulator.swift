/// `bool_and` and `bool_or`: how many values are true and how many are false.
final class BooleanAccumulator: Accumulator {
    private let trues = GroupArray<Int64>(0)
    private let falses = GroupArray<Int64>(0)
    private let isAnd: Bool

    init(isAnd: Bool) { self.isAnd = isAnd }

    func reserve(_ count: Int) {
        trues.reserve(count)
        falses.reserve(count)
    }

    func reset(_ group: Int) {
        trues.reset(group)
        falses.reset(group)
    }

    func update(
        _ groups: UnsafePointer<Int32>, count: Int, argument: Column?,
        weights: UnsafePointer<Int32>?
    ) {
        guard let argument else { return }
        let values = argument.booleans
        let validity = argument.validityPointer
        let trues = trues.base
        let falses = falses.base
        for row in 0..<count {
            let group = Int(groups[row])
            if group < 0 || validity?[row] == 0 { continue }
            let weight = Int64(weights?[row] ?? 1)
            let isTrue = Int64(values[row])
            trues[group] &+= weight &* isTrue
            falses[group] &+= weight &* (1 &- isTrue)
        }
    }

    func result(_ groups: [Int32], failed: inout [Int: String]) -> Column {
        var builder = ColumnBuilder(type: .boolean, capacity: groups.count)
        for group in groups {
            let isTrue = trues.base[Int(group)] > 0
            let isFalse = falses.base[Int(group)] > 0
            if isTrue || isFalse {
                builder.append(boolean: isAnd ? !isFalse : isTrue)
            } else {
                builder.appendNull()
            }
        }
        return builder.finish()
    }

    func merge(_ source: Int, into target: Int) {
        trues.base[target] &+= trues.base[source]
        falses.base[target] &+= falses.base[source]
    }

    func write(_ group: Int, to bytes: inout [UInt8]) {
        bytes.append(littleEndian: trues.base[group])
        bytes.append(littleEndian: falses.base[group])
    }

    func read(_ group: Int, from reader: inout ByteReader) -> Bool {
        guard let isTrue = reader.read(Int64.self), let isFalse = reader.read(Int64.self) else {
            return false
        }
        trues.base[group] = isTrue
        falses.base[group] = isFalse
        return true
    }
}
