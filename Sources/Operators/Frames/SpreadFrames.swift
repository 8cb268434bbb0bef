/// The spread of bigints, and of decimals of at most 18 digits, over frames: from exact sums.
struct ExactSpreadFrames: FrameValues {
    typealias Value = ExactVarianceAccumulator.Sums
    private let kind: SpreadKind
    private let scale: Int
    private var values: Column?

    /// - Parameter scale: Digits behind the point.
    init(_ kind: SpreadKind, scale: Int) {
        self.kind = kind
        self.scale = scale
    }

    var identity: Value { Value() }

    mutating func take(_ argument: Column?, order: Column?, count: Int) { values = argument }

    @inline(__always)
    mutating func value(_ row: Int, slot: Int32) -> Value {
        guard let values else { return Value() }
        let number =
            values.type.stride == 16
            ? Int64(truncatingIfNeeded: values.decimals[row]) : values.integers[row]
        let magnitude = UInt128(number.magnitude)
        return Value(
            count: 1, sum: Int128(number), squares: magnitude &* magnitude, squaresHigh: 0)
    }

    @inline(__always)
    func combine(_ first: Value, _ second: Value) -> Value {
        let (squares, carry) = first.squares.addingReportingOverflow(second.squares)
        // 2^63 rows of 64 bits stay within 128 bits, their squares within 192.
        return Value(
            count: first.count &+ second.count, sum: first.sum &+ second.sum, squares: squares,
            squaresHigh: first.squaresHigh &+ second.squaresHigh &+ (carry ? 1 : 0))
    }

    mutating func append(_ value: Value, to builder: inout ColumnBuilder) -> String? {
        if let result = value.result(kind, scale: scale) {
            builder.append(double: result)
        } else {
            builder.appendNull()
        }
        return nil
    }
}

/// The spread of doubles and of wide decimals over frames: mean and squared distances from it, of
/// blocks that are put together (Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm
/// for computing sample variances", 1979).
struct SpreadFrames: FrameValues {
    struct Value: BitwiseCopyable {
        var count: Int64 = 0
        var mean: Double = 0
        /// The sum of the squared distances from the mean.
        var squares: Double = 0
        /// How many values are infinite or not a number: they have no part in the others.
        var oddCount: Int64 = 0
    }
    private let kind: SpreadKind
    private let name: String
    private var values: Column?

    init(_ kind: SpreadKind, name: String) {
        self.kind = kind
        self.name = name
    }

    static var isRounded: Bool { true }
    var identity: Value { Value() }

    mutating func take(_ argument: Column?, order: Column?, count: Int) { values = argument }

    @inline(__always)
    mutating func value(_ row: Int, slot: Int32) -> Value {
        guard let values else { return Value() }
        var number: Double
        if case .decimal(_, let scale) = values.type {
            number = Decimal38.double(values.decimals[row], scale: scale)
        } else {
            number = values.doubles[row]
        }
        return number.isFinite ? Value(count: 1, mean: number) : Value(oddCount: 1)
    }

    @inline(__always)
    func combine(_ first: Value, _ second: Value) -> Value {
        if first.count == 0 || second.count == 0 {
            var result = first.count == 0 ? second : first
            result.oddCount = first.oddCount &+ second.oddCount
            return result
        }
        let count = first.count &+ second.count
        let share = Double(second.count) / Double(count)
        let distance = second.mean - first.mean
        return Value(
            count: count, mean: first.mean + distance * share,
            squares: first.squares + second.squares
                + distance * distance * (Double(first.count) * share),
            oddCount: first.oddCount &+ second.oddCount)
    }

    mutating func append(_ value: Value, to builder: inout ColumnBuilder) -> String? {
        if !kind.isDefined(value.count &+ value.oddCount) {
            builder.appendNull()
        } else if value.oddCount > 0 {
            builder.append(double: .nan)
        } else if !value.squares.isFinite {
            return "cannot compute \(name): double overflow"
        } else {
            builder.append(double: kind.result(value.squares, value.count))
        }
        return nil
    }
}
