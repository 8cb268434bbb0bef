import Glibc

/// What of a spread is asked for.
struct SpreadKind {
    /// Over a population, otherwise estimated from a sample, which needs two values.
    let isPopulation: Bool
    /// The square root of the variance.
    let isDeviation: Bool

    init(_ function: AggregateFunction) {
        isPopulation = function == .stddevPop || function == .varPop
        isDeviation = function == .stddev || function == .stddevPop
    }

    /// Whether so many values have a spread.
    func isDefined(_ count: Int64) -> Bool { count > (isPopulation ? 0 : 1) }

    /// - Parameter squares: The sum of the squared distances from the mean.
    func result(_ squares: Double, _ count: Int64) -> Double {
        let variance = squares / Double(isPopulation ? count : count - 1)
        return isDeviation ? variance.squareRoot() : variance
    }
}

/// The spread of bigints, and of decimals of at most 18 digits: from the exact sums of the values and
/// of their squares, so that adding and retracting commute and only the result is rounded.
final class ExactVarianceAccumulator: Accumulator {
    private let counts = GroupArray<Int64>(0)
    private let sums = GroupArray<Int128>(0)
    /// 192 bits: 2^63 rows of 2^126.
    private let squares = GroupArray<UInt128>(0)
    private let squaresHigh = GroupArray<Int64>(0)
    private let kind: SpreadKind
    private let scale: Int

    /// - Parameter scale: Digits behind the point; values are whole multiples of 10^−scale.
    init(_ kind: SpreadKind, scale: Int) {
        self.kind = kind
        self.scale = scale
    }

    func reserve(_ count: Int) {
        counts.reserve(count)
        sums.reserve(count)
        squares.reserve(count)
        squaresHigh.reserve(count)
    }

    func reset(_ group: Int) {
        counts.reset(group)
        sums.reset(group)
        squares.reset(group)
        squaresHigh.reset(group)
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
        let counts = counts.base
        let sums = sums.base
        let squares = squares.base
        let squaresHigh = squaresHigh.base
        for row in 0..<count {
            let group = Int(groups[row])
            if group < 0 || validity?[row] == 0 { continue }
            let value = Int64(truncatingIfNeeded: values[row])
            for _ in 0..<(weights?[row] ?? 1).magnitude {
                let isAdded = (weights?[row] ?? 1) > 0
                let square = UInt128(value.magnitude) &* UInt128(value.magnitude)
                // 2^63 rows of 64 bits stay within 128 bits, their squares within 192.
                if isAdded {
                    counts[group] &+= 1
                    sums[group] &+= Int128(value)
                    let (sum, carry) = squares[group].addingReportingOverflow(square)
                    squares[group] = sum
                    if carry { squaresHigh[group] &+= 1 }
                } else {
                    counts[group] &-= 1
                    sums[group] &-= Int128(value)
                    let (sum, borrow) = squares[group].subtractingReportingOverflow(square)
                    squares[group] = sum
                    if borrow { squaresHigh[group] &-= 1 }
                }
            }
        }
    }

    func result(_ groups: [Int32], failed: inout [Int: String]) -> Column {
        var builder = ColumnBuilder(type: .double, capacity: groups.count)
        for group in groups {
            let group = Int(group)
            let sums = Sums(
                count: counts.base[group], sum: self.sums.base[group],
                squares: squares.base[group], squaresHigh: squaresHigh.base[group])
            if let result = sums.result(kind, scale: scale) {
                builder.append(double: result)
            } else {
                builder.appendNull()
            }
        }
        return builder.finish()
    }

    /// What a spread is computed from.
    struct Sums: BitwiseCopyable {
        var count: Int64 = 0
        var sum: Int128 = 0
        /// Of the squares: the low 128 bits, and the 64 bits above them.
        var squares: UInt128 = 0
        var squaresHigh: Int64 = 0

        /// The spread of values that are whole multiples of 10^−scale; nil where it is not defined.
        func result(_ kind: SpreadKind, scale: Int) -> Double? {
            guard kind.isDefined(count) else { return nil }
            let unit = pow(10, Double(-2 * scale))
            return kind.result(distances / Double(count) * unit, count)
        }

        /// `count` times the sum of the squared distances from the mean: count · Σx² − (Σx)², exact
        /// in 256 bits and then rounded.
        private var distances: Double {
            let low = squares.multipliedFullWidth(by: UInt128(count.magnitude))
            let above = UInt128(squaresHigh.magnitude) &* UInt128(count.magnitude)
            let square = sum.magnitude.multipliedFullWidth(by: sum.magnitude)
            let (difference, borrow) = low.low.subtractingReportingOverflow(square.low)
            let high = low.high &+ above &- square.high &- (borrow ? 1 : 0)
            return Double(high) * 0x1p128 + Double(difference)
        }
    }

    func merge(_ source: Int, into target: Int) {
        counts.base[target] &+= counts.base[source]
        sums.base[target] &+= sums.base[source]
        let (sum, carry) = squares.base[target].addingReportingOverflow(squares.base[source])
        squares.base[target] = sum
        squaresHigh.base[target] &+= squaresHigh.base[source] &+ (carry ? 1 : 0)
    }

    func write(_ group: Int, to bytes: inout [UInt8]) {
        bytes.append(littleEndian: counts.base[group])
        bytes.append(littleEndian: sums.base[group])
        bytes.append(littleEndian: squares.base[group])
        bytes.append(littleEndian: squaresHigh.base[group])
    }

    func read(_ group: Int, from reader: inout ByteReader) -> Bool {
        guard let count = reader.read(Int64.self), let sum = reader.read(Int128.self),
            let low = reader.read(UInt128.self), let high = reader.read(Int64.self)
        else { return false }
        counts.base[group] = count
        sums.base[group] = sum
        squares.base[group] = low
        squaresHigh.base[group] = high
        return true
    }
}

/// The spread of doubles and of wide decimals that stay, from a running sum and the sum of the squared
/// distances from the mean (Youngs and Cramer, Technometrics 13, 1971).
final class VarianceAccumulator: Accumulator {
    private let counts = GroupArray<Int64>(0)
    private let sums = GroupArray<Double>(0)
    private let squares = GroupArray<Double>(0)
    /// How many of the values are infinite or not a number: they have no part in the sums.
    private let oddCounts = GroupArray<Int64>(0)
    private let kind: SpreadKind
    private let name: String

    init(_ kind: SpreadKind, name: String) {
        self.kind = kind
        self.name = name
    }

    func reserve(_ count: Int) {
        counts.reserve(count)
        sums.reserve(count)
        squares.reserve(count)
        oddCounts.reserve(count)
    }

    func reset(_ group: Int) {
        counts.reset(group)
        sums.reset(group)
        squares.reset(group)
        oddCounts.reset(group)
    }

    func update(
        _ groups: UnsafePointer<Int32>, count: Int, argument: Column?,
        weights: UnsafePointer<Int32>?
    ) {
        guard let argument else { return }
        let counts = counts.base
        let sums = sums.base
        let squares = squares.base
        let oddCounts = oddCounts.base
        forEachDouble(groups, count: count, of: argument, weights: weights) { group, x, weight in
            guard x.isFinite else {
                oddCounts[group] &+= Int64(weight)
                return
            }
            for _ in 0..<max(weight, 0) {
                let smaller = Double(counts[group])
                counts[group] &+= 1
                sums[group] += x
                guard smaller > 0 else { continue }
                let distance = x * (smaller + 1) - sums[group]
                squares[group] += distance * distance / (smaller * (smaller + 1))
            }
        }
    }

    func result(_ groups: [Int32], failed: inout [Int: String]) -> Column {
        var builder = ColumnBuilder(type: .double, capacity: groups.count)
        for (position, group) in groups.enumerated() {
            let odd = oddCounts.base[Int(group)]
            let count = counts.base[Int(group)] &+ odd
            let distances = max(squares.base[Int(group)], 0)
            if !kind.isDefined(count) {
                builder.appendNull()
            } else if odd > 0 {
                builder.append(double: .nan)
            } else if !squares.base[Int(group)].isFinite {
                failed[position] = "cannot compute \(name): double overflow"
                builder.appendNull()
            } else {
                builder.append(double: kind.result(distances, count))
            }
        }
        return builder.finish()
    }

    /// By the formula for two parts of Chan, Golub and LeVeque, "Updating formulae and a pairwise
    /// algorithm for computing sample variances", 1979.
    func merge(_ source: Int, into target: Int) {
        oddCounts.base[target] &+= oddCounts.base[source]
        let (n, m) = (Double(counts.base[target]), Double(counts.base[source]))
        if n > 0 && m > 0 {
            let distance = sums.base[source] * n / m - sums.base[target]
            squares.base[target] += squares.base[source] + distance * distance * m / (n * (n + m))
        } else {
            squares.base[target] += squares.base[source]
        }
        counts.base[target] &+= counts.base[source]
        sums.base[target] += sums.base[source]
    }

    func write(_ group: Int, to bytes: inout [UInt8]) {
        bytes.append(littleEndian: counts.base[group])
        bytes.append(littleEndian: sums.base[group].bitPattern)
        bytes.append(littleEndian: squares.base[group].bitPattern)
        bytes.append(littleEndian: oddCounts.base[group])
    }

    func read(_ group: Int, from reader: inout ByteReader) -> Bool {
        guard let count = reader.read(Int64.self), let mean = reader.read(UInt64.self),
            let square = reader.read(UInt64.self), let odd = reader.read(Int64.self)
        else { return false }
        counts.base[group] = count
        sums.base[group] = Double(bitPattern: mean)
        squares.base[group] = Double(bitPattern: square)
        oddCounts.base[group] = odd
        return true
    }
}
