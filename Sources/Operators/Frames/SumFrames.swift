/// `sum` and `avg` of bigint, interval and decimal over frames: exact in 192 bits.
struct ExactSumFrames: FrameValues {
    struct Value: BitwiseCopyable {
        /// The low 128 bits in two's complement, and the 64 bits above them.
        var low: UInt128 = 0
        var high: Int64 = 0
        var count: Int64 = 0
    }
    private let results: ExactSumAccumulator
    private let isDecimal: Bool
    private var values: UnsafeMutableRawPointer?
    private var retained: Column?

    init(_ results: ExactSumAccumulator, argumentType: ColumnType) {
        self.results = results
        isDecimal = argumentType.stride == 16
    }

    var identity: Value { Value() }

    mutating func take(_ argument: Column?, order: Column?, count: Int) {
        retained = argument
        values = argument?.values.base
    }

    @inline(__always)
    mutating func value(_ row: Int, slot: Int32) -> Value {
        guard let values else { return Value() }
        // SAFETY: the column is retained, and `row` is one of its rows.
        let number =
            isDecimal
            ? values.assumingMemoryBound(to: Int128.self)[row]
            : Int128(values.assumingMemoryBound(to: Int64.self)[row])
        return Value(low: UInt128(bitPattern: number), high: number < 0 ? -1 : 0, count: 1)
    }

    @inline(__always)
    func combine(_ first: Value, _ second: Value) -> Value {
        let (low, carry) = first.low.addingReportingOverflow(second.low)
        // 2^63 rows of the largest decimal stay within 192 bits.
        return Value(
            low: low, high: first.high &+ second.high &+ (carry ? 1 : 0),
            count: first.count &+ second.count)
    }

    mutating func append(_ value: Value, to builder: inout ColumnBuilder) -> String? {
        guard value.count > 0 else {
            builder.appendNull()
            return nil
        }
        return results.append(low: value.low, high: value.high, value.count, to: &builder)
            ? nil : results.overflow
    }
}

/// `sum` and `avg` of doubles over frames, added in pairs of blocks.
struct DoubleSumFrames: FrameValues {
    struct Value: BitwiseCopyable {
        var sum: Double = 0
        var count: Int64 = 0
        /// How many of the values are infinite or not a number.
        var oddCount: Int64 = 0
    }
    let isAverage: Bool
    private var values: Column?

    init(isAverage: Bool) { self.isAverage = isAverage }

    static var isRounded: Bool { true }
    var identity: Value { Value() }

    mutating func take(_ argument: Column?, order: Column?, count: Int) { values = argument }

    @inline(__always)
    mutating func value(_ row: Int, slot: Int32) -> Value {
        let number = values?.doubles[row] ?? 0
        return Value(sum: number, count: 1, oddCount: number.isFinite ? 0 : 1)
    }

    @inline(__always)
    func combine(_ first: Value, _ second: Value) -> Value {
        Value(
            sum: first.sum + second.sum, count: first.count &+ second.count,
            oddCount: first.oddCount &+ second.oddCount)
    }

    mutating func append(_ value: Value, to builder: inout ColumnBuilder) -> String? {
        if value.count == 0 {
            builder.appendNull()
        } else if !value.sum.isFinite && value.oddCount == 0 {
            return "cannot compute \(isAverage ? "avg" : "sum"): double overflow"
        } else {
            builder.append(double: isAverage ? value.sum / Double(value.count) : value.sum)
        }
        return nil
    }
}
