/// `count(*)` and `count(x)`.
final class CountAccumulator: Accumulator {
    private let counts = GroupArray<Int64>(0)

    func reserve(_ count: Int) { counts.reserve(count) }
    func reset(_ group: Int) { counts.reset(group) }

    func update(
        _ groups: UnsafePointer<Int32>, count: Int, argument: Column?,
        weights: UnsafePointer<Int32>?
    ) {
        let counts = counts.base
        let validity = argument?.validityPointer
        if validity == nil && weights == nil {
            for row in 0..<count {
                let group = Int(groups[row])
                if group >= 0 { counts[group] &+= 1 }
            }
            return
        }
        for row in 0..<count {
            let group = Int(groups[row])
            if group < 0 || validity?[row] == 0 { continue }
            counts[group] &+= Int64(weights?[row] ?? 1)
        }
    }

    func result(_ groups: [Int32], failed: inout [Int: String]) -> Column {
        var builder = ColumnBuilder(type: .bigint, capacity: groups.count)
        for group in groups { builder.append(integer: counts.base[Int(group)]) }
        return builder.finish()
    }

    func merge(_ source: Int, into target: Int) {
        counts.base[target] &+= counts.base[source]
    }

    func write(_ group: Int, to bytes: inout [UInt8]) {
        bytes.append(littleEndian: counts.base[group])
    }

    func read(_ group: Int, from reader: inout ByteReader) -> Bool {
        guard let value = reader.read(Int64.self) else { return false }
        counts.base[group] = value
        return true
    }
}
