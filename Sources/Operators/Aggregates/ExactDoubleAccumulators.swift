import Glibc

/// How many values are not finite, and of which kind: they have no part in sums.
struct OddCounts {
    private let nans = GroupArray<Int64>(0)
    private let above = GroupArray<Int64>(0)
    private let below = GroupArray<Int64>(0)

    func reserve(_ count: Int) {
        for counts in [nans, above, below] { counts.reserve(count) }
    }

    func reset(_ group: Int) {
        for counts in [nans, above, below] { counts.reset(group) }
    }

    func add(_ x: Double, to group: Int, weight: Int64) {
        (x.isNaN ? nans : x > 0 ? above : below).base[group] &+= weight
    }

    func merge(_ source: Int, into target: Int) {
        for counts in [nans, above, below] { counts.base[target] &+= counts.base[source] }
    }

    /// What they make of a sum; nil when there are none.
    func sum(_ group: Int) -> Double? {
        let (isAbove, isBelow) = (above.base[group] != 0, below.base[group] != 0)
        if nans.base[group] != 0 || isAbove && isBelow { return .nan }
        return isAbove ? .infinity : isBelow ? -.infinity : nil
    }

    func write(_ group: Int, to bytes: inout [UInt8]) {
        for counts in [nans, above, below] { bytes.append(littleEndian: counts.base[group]) }
    }

    func read(_ group: Int, from reader: inout ByteReader) -> Bool {
        for counts in [nans, above, below] {
            guard let count = reader.read(Int64.self) else { return false }
            counts.base[group] = count
        }
        return true
    }
}

/// `sum` and `avg` of doubles that may be taken back: exact until the result is rounded.
final class ExactDoubleSumAccumulator: Accumulator {
    private let sums = ExactDoubleSums(.value)
    private let counts = GroupArray<Int64>(0)
    private let odd = OddCounts()
    private let isAverage: Bool

    init(isAverage: Bool) { self.isAverage = isAverage }

    func reserve(_ count: Int) {
        sums.reserve(count)
        counts.reserve(count)
        odd.reserve(count)
    }

    func reset(_ group: Int) {
        sums.reset(group)
        counts.reset(group)
        odd.reset(group)
    }

    func update(
        _ groups: UnsafePointer<Int32>, count: Int, argument: Column?,
        weights: UnsafePointer<Int32>?
    ) {
        guard let argument else { return }
        forEachDouble(groups, count: count, of: argument, weights: weights) { group, x, weight in
            counts.base[group] &+= Int64(weight)
            if x.isFinite {
                sums.add(x, to: group, weight: weight)
            } else {
                odd.add(x, to: group, weight: Int64(weight))
            }
        }
    }

    func result(_ groups: [Int32], failed: inout [Int: String]) -> Column {
        var builder = ColumnBuilder(type: .double, capacity: groups.count)
        for (position, group) in groups.enumerated() {
            let group = Int(group)
            let count = counts.base[group]
            guard count > 0 else {
                builder.appendNull()
                continue
            }
            let sum = odd.sum(group) ?? sums.value(group)
            if !sum.isFinite && odd.sum(group) == nil {
                failed[position] = "cannot compute \(isAverage ? "avg" : "sum"): double overflow"
                builder.appendNull()
            } else {
                builder.append(double: isAverage ? sum / Double(count) : sum)
            }
        }
        return builder.finish()
    }

    func merge(_ source: Int, into target: Int) {
        counts.base[target] &+= counts.base[source]
        odd.merge(source, into: target)
        sums.merge(source, into: target)
    }

    func write(_ group: Int, to bytes: inout [UInt8]) {
        bytes.append(littleEndian: counts.base[group])
        odd.write(group, to: &bytes)
        sums.write(group, to: &bytes)
    }

    func read(_ group: Int, from reader: inout ByteReader) -> Bool {
        guard let count = reader.read(Int64.self) else { return false }
        counts.base[group] = count
        return odd.read(group, from: &reader) && sums.read(group, from: &reader)
    }
}

/// The spread of doubles and wide decimals that may be taken back: from exact sums of the values and
/// of their squares, so that nothing is left of a value that has gone.
final class ExactDoubleVarianceAccumulator: Accumulator {
    private let sums = ExactDoubleSums(.value)
    private let squares = ExactDoubleSums(.square)
    private let counts = GroupArray<Int64>(0)
    private let odd = OddCounts()
    private let kind: SpreadKind
    private let name: String

    init(_ kind: SpreadKind, name: String) {
        self.kind = kind
        self.name = name
    }

    func reserve(_ count: Int) {
        sums.reserve(count)
        squares.reserve(count)
        counts.reserve(count)
        odd.reserve(count)
    }

    func reset(_ group: Int) {
        sums.reset(group)
        squares.reset(group)
        counts.reset(group)
        odd.reset(group)
    }

    func update(
        _ groups: UnsafePointer<Int32>, count: Int, argument: Column?,
        weights: UnsafePointer<Int32>?
    ) {
        guard let argument else { return }
        forEachDouble(groups, count: count, of: argument, weights: weights) { group, x, weight in
            counts.base[group] &+= Int64(weight)
            guard x.isFinite else { return odd.add(x, to: group, weight: Int64(weight)) }
            sums.add(x, to: group, weight: weight)
            squares.add(x, to: group, weight: weight)
        }
    }

    func result(_ groups: [Int32], failed: inout [Int: String]) -> Column {
        var builder = ColumnBuilder(type: .double, capacity: groups.count)
        for (position, group) in groups.enumerated() {
            let group = Int(group)
            let count = counts.base[group]
            guard kind.isDefined(count) else {
                builder.appendNull()
                continue
            }
            guard odd.sum(group) == nil else {
                builder.append(double: .nan)
                continue
            }
            let distances = distances(group, Double(count))
            if distances.isFinite {
                builder.append(double: kind.result(distances, count))
            } else {
                failed[position] = "cannot compute \(name): double overflow"
                builder.appendNull()
            }
        }
        return builder.finish()
    }

    /// The sum of the squared distances from the mean, Σx² − (Σx)² / n, in pairs of doubles: of 106
    /// bits those are left that the two have not in common.
    private func distances(_ group: Int, _ count: Double) -> Double {
        let square = squares.parts(group)
        let sum = sums.parts(group)
        let first = square.high * count
        let firstRest = fma(square.high, count, -first) + square.low * count
        let second = sum.high * sum.high
        let secondRest = fma(sum.high, sum.high, -second) + 2 * sum.high * sum.low
        let difference = (first - second) + (firstRest - secondRest)
        return difference.isNaN ? .infinity : max(difference, 0) / count
    }

    func merge(_ source: Int, into target: Int) {
        counts.base[target] &+= counts.base[source]
        odd.merge(source, into: target)
        sums.merge(source, into: target)
        squares.merge(source, into: target)
    }

    func write(_ group: Int, to bytes: inout [UInt8]) {
        bytes.append(littleEndian: counts.base[group])
        odd.write(group, to: &bytes)
        sums.write(group, to: &bytes)
        squares.write(group, to: &bytes)
    }

    func read(_ group: Int, from reader: inout ByteReader) -> Bool {
        guard let count = reader.read(Int64.self) else { return false }
        counts.base[group] = count
        return odd.read(group, from: &reader) && sums.read(group, from: &reader)
            && squares.read(group, from: &reader)
    }
}
