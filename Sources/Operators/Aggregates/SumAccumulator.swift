/// `sum` and `avg` of bigint, interval and decimal: exact in 192 bits, so that adding and retracting
/// commute, checked when the value is asked for.
final class ExactSumAccumulator: Accumulator {
    /// The low 128 bits of the sum in two's complement, and the 64 bits above them.
    private let sums = GroupArray<UInt128>(0)
    private let highs = GroupArray<Int64>(0)
    private let counts = GroupArray<Int64>(0)
    private let isAverage: Bool
    private let resultType: ColumnType
    private let argumentScale: Int

    init(isAverage: Bool, argumentType: ColumnType, resultType: ColumnType) {
        self.isAverage = isAverage
        self.resultType = resultType
        if case .decimal(_, let scale) = argumentType {
            argumentScale = scale
        } else {
            argumentScale = 0
        }
    }

    func reserve(_ count: Int) {
        sums.reserve(count)
        highs.reserve(count)
        counts.reserve(count)
    }

    func reset(_ group: Int) {
        sums.reset(group)
        highs.reset(group)
        counts.reset(group)
    }

    func update(
        _ groups: UnsafePointer<Int32>, count: Int, argument: Column?,
        weights: UnsafePointer<Int32>?
    ) {
        guard let argument else { return }
        if case .decimal = argument.type {
            add(groups, count, argument.decimals, argument.validityPointer, weights)
        } else {
            add(groups, count, argument.integers, argument.validityPointer, weights)
        }
    }

    @inline(__always)
    private func add<T: FixedWidthInteger>(
        _ groups: UnsafePointer<Int32>, _ count: Int, _ values: UnsafePointer<T>,
        _ validity: UnsafePointer<UInt8>?, _ weights: UnsafePointer<Int32>?
    ) {
        let sums = sums.base
        let counts = counts.base
        let highs = highs.base
        for row in 0..<count {
            let group = Int(groups[row])
            if group < 0 { continue }
            if let validity, validity[row] == 0 { continue }
            let weight = weights.map { Int64($0[row]) } ?? 1
            let term = Int128(values[row]).multipliedFullWidth(by: Int128(weight))
            let (sum, carry) = sums[group].addingReportingOverflow(term.low)
            sums[group] = sum
            // 2^63 rows of the largest decimal stay within 192 bits.
            highs[group] &+= Int64(truncatingIfNeeded: term.high) &+ (carry ? 1 : 0)
            counts[group] &+= weight
        }
    }

    func result(_ groups: [Int32], failed: inout [Int: String]) -> Column {
        var builder = ColumnBuilder(type: resultType, capacity: groups.count)
        for (position, group) in groups.enumerated() {
            let group = Int(group)
            let count = counts.base[group]
            guard count > 0 else {
                builder.appendNull()
                continue
            }
            let isAppended = append(
                low: sums.base[group], high: highs.base[group], count, to: &builder)
            if !isAppended {
                failed[position] = overflow
                builder.appendNull()
            }
        }
        return builder.finish()
    }

    /// What is said of a result that does not fit its type.
    var overflow: String {
        "cannot compute \(isAverage ? "avg" : "sum"): \(resultType.name) overflow"
    }

    /// Adds the result of `count` values, at least one, with a sum in 192 bits; false if it does not
    /// fit its type.
    func append(
        low: UInt128, high: Int64, _ count: Int64, to builder: inout ColumnBuilder
    ) -> Bool {
        let sum = Int128(bitPattern: low)
        return high == (sum < 0 ? -1 : 0) && append(sum, count, to: &builder)
    }

    private func append(_ sum: Int128, _ count: Int64, to builder: inout ColumnBuilder) -> Bool {
        switch resultType {
        case .double:
            builder.append(double: Double(sum) / (isAverage ? Double(count) : 1))
        case .decimal(_, let scale):
            guard let value = scaled(sum, to: scale, dividedBy: isAverage ? Int128(count) : 1),
                value.magnitude < ExactSumAccumulator.decimalBound
            else { return false }
            builder.append(decimal: value)
        default:
            let value = isAverage ? sum / Int128(count) : sum
            guard let narrow = Int64(exactly: value) else { return false }
            builder.append(integer: narrow)
        }
        return true
    }

    /// 10^38: a decimal has 38 digits at most.
    private static let decimalBound: UInt128 = (0..<38).reduce(1) { value, _ in value * 10 }

    /// The sum at another scale over a divisor above 0, rounded half away from zero.
    private func scaled(_ sum: Int128, to scale: Int, dividedBy divisor: Int128) -> Int128? {
        // Long division, digit by digit: the sum itself need not fit at the larger scale.
        var (quotient, remainder) = sum.quotientAndRemainder(dividingBy: divisor)
        for _ in 0..<max(0, scale - argumentScale) {
            // The divisor has 64 bits, so ten times the remainder fits.
            let (digit, rest) = (remainder * 10).quotientAndRemainder(dividingBy: divisor)
            let (shifted, overflow) = quotient.multipliedReportingOverflow(by: 10)
            let (next, carry) = shifted.addingReportingOverflow(digit)
            if overflow || carry { return nil }
            (quotient, remainder) = (next, rest)
        }
        if remainder.magnitude >= (divisor.magnitude - remainder.magnitude) {
            return quotient + (sum < 0 ? -1 : 1)
        }
        return quotient
    }

    func merge(_ source: Int, into target: Int) {
        let (sum, carry) = sums.base[target].addingReportingOverflow(sums.base[source])
        sums.base[target] = sum
        highs.base[target] &+= highs.base[source] &+ (carry ? 1 : 0)
        counts.base[target] &+= counts.base[source]
    }

    func write(_ group: Int, to bytes: inout [UInt8]) {
        bytes.append(littleEndian: sums.base[group])
        bytes.append(littleEndian: highs.base[group])
        bytes.append(littleEndian: counts.base[group])
    }

    func read(_ group: Int, from reader: inout ByteReader) -> Bool {
        guard let sum = reader.read(UInt128.self), let high = reader.read(Int64.self),
            let count = reader.read(Int64.self)
        else { return false }
        sums.base[group] = sum
        highs.base[group] = high
        counts.base[group] = count
        return true
    }
}

/// `sum` and `avg` of doubles that stay, in the order of the rows. A sum of finite numbers that is none
/// itself fails, as it does in PostgreSQL.
final class DoubleSumAccumulator: Accumulator {
    private let sums = GroupArray<Double>(0)
    private let counts = GroupArray<Int64>(0)
    /// How many of the values are infinite or not a number.
    private let oddCounts = GroupArray<Int64>(0)
    private let isAverage: Bool

    init(isAverage: Bool) { self.isAverage = isAverage }

    func reserve(_ count: Int) {
        sums.reserve(count)
        counts.reserve(count)
        oddCounts.reserve(count)
    }

    func reset(_ group: Int) {
        sums.reset(group)
        counts.reset(group)
        oddCounts.reset(group)
    }

    func update(
        _ groups: UnsafePointer<Int32>, count: Int, argument: Column?,
        weights: UnsafePointer<Int32>?
    ) {
        guard let argument else { return }
        let sums = sums.base
        let counts = counts.base
        let oddCounts = oddCounts.base
        forEachDouble(groups, count: count, of: argument, weights: weights) { group, x, weight in
            sums[group] += weight == 1 ? x : x * Double(weight)
            counts[group] &+= Int64(weight)
            if !x.isFinite { oddCounts[group] &+= Int64(weight) }
        }
    }

    func result(_ groups: [Int32], failed: inout [Int: String]) -> Column {
        var builder = ColumnBuilder(type: .double, capacity: groups.count)
        for (position, group) in groups.enumerated() {
            let count = counts.base[Int(group)]
            let sum = sums.base[Int(group)]
            if count <= 0 {
                builder.appendNull()
            } else if !sum.isFinite && oddCounts.base[Int(group)] == 0 {
                failed[position] = "cannot compute \(isAverage ? "avg" : "sum"): double overflow"
                builder.appendNull()
            } else {
                builder.append(double: isAverage ? sum / Double(count) : sum)
            }
        }
        return builder.finish()
    }

    func merge(_ source: Int, into target: Int) {
        sums.base[target] += sums.base[source]
        counts.base[target] &+= counts.base[source]
        oddCounts.base[target] &+= oddCounts.base[source]
    }

    func write(_ group: Int, to bytes: inout [UInt8]) {
        bytes.append(littleEndian: sums.base[group].bitPattern)
        bytes.append(littleEndian: counts.base[group])
        bytes.append(littleEndian: oddCounts.base[group])
    }

    func read(_ group: Int, from reader: inout ByteReader) -> Bool {
        guard let sum = reader.read(UInt64.self), let count = reader.read(Int64.self),
            let oddCount = reader.read(Int64.self)
        else { return false }
        oddCounts.base[group] = oddCount
        sums.base[group] = Double(bitPattern: sum)
        counts.base[group] = count
        return true
    }
}
