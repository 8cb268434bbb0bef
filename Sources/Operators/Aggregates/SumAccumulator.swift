/// `sum` and `avg` of bigint, interval and decimal: 128 bits, so that adding and retracting commute,
/// checked when the value is asked for.
final class ExactSumAccumulator: Accumulator {
    private let sums = GroupArray<Int128>(0)
    private let counts = GroupArray<Int64>(0)
    /// 1 once a sum left 128 bits, which no later row can mend.
    private let overflowed = GroupArray<UInt8>(0)
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
        counts.reserve(count)
        overflowed.reserve(count)
    }

    func reset(_ group: Int) {
        sums.reset(group)
        counts.reset(group)
        overflowed.reset(group)
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
        let overflowed = overflowed.base
        for row in 0..<count {
            let group = Int(groups[row])
            if group < 0 { continue }
            if let validity, validity[row] == 0 { continue }
            let weight = weights.map { Int64($0[row]) } ?? 1
            let (term, termOverflow) = Int128(values[row]).multipliedReportingOverflow(
                by: Int128(weight))
            let (sum, sumOverflow) = sums[group].addingReportingOverflow(term)
            sums[group] = sum
            counts[group] &+= weight
            if termOverflow || sumOverflow { overflowed[group] = 1 }
        }
    }

    func result(_ groups: [Int32], failed: inout [Int: String]) -> Column {
        var builder = ColumnBuilder(type: resultType, capacity: groups.count)
        for (position, group) in groups.enumerated() {
            let group = Int(group)
            let count = counts.base[group]
            guard count != 0 else {
                builder.appendNull()
                continue
            }
            if overflowed.base[group] != 0 || !append(sums.base[group], count, to: &builder) {
                failed[position] =
                    "cannot compute \(isAverage ? "avg" : "sum"): \(resultType.name) overflow"
                builder.appendNull()
            }
        }
        return builder.finish()
    }

    private func append(_ sum: Int128, _ count: Int64, to builder: inout ColumnBuilder) -> Bool {
        switch resultType {
        case .double:
            let scale = (0..<argumentScale).reduce(1.0) { value, _ in value * 10 }
            builder.append(double: Double(sum) / scale / (isAverage ? Double(count) : 1))
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

    /// The sum at another scale over a divisor, rounded half away from zero.
    private func scaled(_ sum: Int128, to scale: Int, dividedBy divisor: Int128) -> Int128? {
        var value = sum
        for _ in 0..<max(0, scale - argumentScale) {
            let (next, overflow) = value.multipliedReportingOverflow(by: 10)
            if overflow { return nil }
            value = next
        }
        if divisor == 1 { return value }
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
        if remainder.magnitude >= (divisor.magnitude - remainder.magnitude) {
            return quotient + ((value < 0) == (divisor < 0) ? 1 : -1)
        }
        return quotient
    }

    func write(_ group: Int, to bytes: inout [UInt8]) {
        bytes.append(littleEndian: sums.base[group])
        bytes.append(littleEndian: counts.base[group])
        bytes.append(overflowed.base[group])
    }

    func read(_ group: Int, from reader: inout ByteReader) -> Bool {
        guard let sum = reader.read(Int128.self), let count = reader.read(Int64.self),
            let overflow = reader.read(UInt8.self)
        else { return false }
        sums.base[group] = sum
        counts.base[group] = count
        overflowed.base[group] = overflow
        return true
    }
}

/// `sum` and `avg` of double, in the order of the rows.
final class DoubleSumAccumulator: Accumulator {
    private let sums = GroupArray<Double>(0)
    private let counts = GroupArray<Int64>(0)
    private let isAverage: Bool

    init(isAverage: Bool) { self.isAverage = isAverage }

    func reserve(_ count: Int) {
        sums.reserve(count)
        counts.reserve(count)
    }

    func reset(_ group: Int) {
        sums.reset(group)
        counts.reset(group)
    }

    func update(
        _ groups: UnsafePointer<Int32>, count: Int, argument: Column?,
        weights: UnsafePointer<Int32>?
    ) {
        guard let argument else { return }
        let values = argument.doubles
        let validity = argument.validityPointer
        let sums = sums.base
        let counts = counts.base
        for row in 0..<count {
            let group = Int(groups[row])
            if group < 0 { continue }
            if let validity, validity[row] == 0 { continue }
            let weight = weights.map { $0[row] } ?? 1
            sums[group] += weight < 0 ? -values[row] : values[row]
            counts[group] &+= Int64(weight)
        }
    }

    func result(_ groups: [Int32], failed: inout [Int: String]) -> Column {
        var builder = ColumnBuilder(type: .double, capacity: groups.count)
        for group in groups {
            let count = counts.base[Int(group)]
            if count == 0 {
                builder.appendNull()
            } else {
                let sum = sums.base[Int(group)]
                builder.append(double: isAverage ? sum / Double(count) : sum)
            }
        }
        return builder.finish()
    }

    func write(_ group: Int, to bytes: inout [UInt8]) {
        bytes.append(littleEndian: sums.base[group].bitPattern)
        bytes.append(littleEndian: counts.base[group])
    }

    func read(_ group: Int, from reader: inout ByteReader) -> Bool {
        guard let sum = reader.read(UInt64.self), let count = reader.read(Int64.self) else {
            return false
        }
        sums.base[group] = Double(bitPattern: sum)
        counts.base[group] = count
        return true
    }
}
