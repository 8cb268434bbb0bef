/// What is done to the frames of partitions, one after the other: rows come in, in the order of their
/// partition, and rows ask for what their frame gives.
///
/// A partition's rows have ordinals, which follow each other without a gap.
struct FrameSteps {
    enum Kind: UInt8 { case add, ask, forget }

    struct Step: BitwiseCopyable {
        var kind: Kind
        var partition: Int32
        /// `add`: the row in the batch that the steps are of.
        var row: Int32 = 0
        /// `add`: what the row is known by as long as it is in a frame.
        var slot: Int32 = 0
        /// `add`: the row's ordinal. `ask`: that of the row to leave out, or −1.
        var ordinal: Int64 = -1
        /// `add`: the first ordinal still needed. `ask`: the first one of the frame.
        var start: Int64 = 0
        /// `ask`: one past the last ordinal of the frame.
        var end: Int64 = 0
    }

    private(set) var steps: [Step] = []
    private(set) var askCount = 0

    mutating func add(
        row: Int, slot: Int32, to partition: Int32, ordinal: Int64, start: Int64
    ) {
        steps.append(
            Step(
                kind: .add, partition: partition, row: Int32(row), slot: slot, ordinal: ordinal,
                start: start))
    }

    mutating func ask(_ partition: Int32, _ frame: Range<Int64>, without ordinal: Int64 = -1) {
        steps.append(
            Step(
                kind: .ask, partition: partition, ordinal: ordinal, start: frame.lowerBound,
                end: frame.upperBound))
        askCount += 1
    }

    /// The partition's frames are empty from here on, and its ordinals begin at will.
    mutating func forget(_ partition: Int32) {
        steps.append(Step(kind: .forget, partition: partition))
    }
}

/// The values of one call over frames that slide. One virtual call does all the steps of a batch.
protocol FrameFunction: AnyObject {
    /// Makes room for partitions `0..<count`.
    func reserve(_ count: Int)

    /// - Parameters:
    ///   - given: The call's columns for the rows of the batch, dense.
    ///   - failed: Gets the results that do not fit their type, by position.
    /// - Returns: One value for each `ask`.
    func run(
        _ steps: FrameSteps, _ given: GroupStore.Arguments, failed: inout [Int: String]
    ) -> Column

    /// Rows that no frame will hold any more.
    func release(_ slots: [Int32])

    /// Frees what is kept of partitions and rows.
    func clear()

    /// Bytes of memory, about.
    var memoryBytes: Int { get }
}

/// The values of one result, where partitions keep up to a number of rows: a tree of combined values.
protocol FrameValues {
    associatedtype Value: BitwiseCopyable

    /// Of no rows.
    var identity: Value { get }

    /// Whether combining in another grouping gives other bits.
    static var isRounded: Bool { get }

    /// Makes ready for the rows of a batch.
    mutating func take(_ argument: Column?, order: Column?, count: Int)

    /// The value of one row that counts.
    mutating func value(_ row: Int, slot: Int32) -> Value

    /// The value of the rows of `first` and, behind them, those of `second`.
    func combine(_ first: Value, _ second: Value) -> Value

    /// Adds the result; returns why it does not fit the type, if it does not.
    mutating func append(_ value: Value, to builder: inout ColumnBuilder) -> String?

    mutating func release(_ slots: [Int32])
    mutating func clear()

    /// What strings of results point into.
    mutating func takeRetained() -> [Buffer]

    var memoryBytes: Int { get }
}

extension FrameValues {
    static var isRounded: Bool { false }
    mutating func release(_ slots: [Int32]) {}
    mutating func clear() {}
    mutating func takeRetained() -> [Buffer] { [] }
    var memoryBytes: Int { 0 }
}
