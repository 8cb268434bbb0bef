/// `min`, `max`, `first`, `last`, `arg_min` and `arg_max` of frames: which row has the least or the
/// greatest value, or stands first or last. Of equal ones the first in the frame.
struct PickFrames: FrameValues {
    private let rankCodec: KeyCodec
    private let valueCodec: KeyCodec
    private let hasOrder: Bool
    private let isGreatest: Bool
    /// `first` and `last` go by the order of the frame.
    private let isPositional: Bool
    /// By slot: what rows are ordered by, as bytes that sort alike.
    private var ranks = KeptBytes()
    /// By slot, where the value is another one.
    private var results = KeptBytes()
    private var rankKeys: Column?
    private var valueKeys: Column?
    private var orders: Column?
    private var arena = ByteArena()

    init(_ call: AggregateCall) {
        let type = call.argument?.type ?? .bigint
        hasOrder = call.function == .argMin || call.function == .argMax
        rankCodec = KeyCodec(types: [hasOrder ? call.order?.type ?? type : type])
        valueCodec = KeyCodec(types: [type])
        isGreatest = [.max, .last, .argMax].contains(call.function)
        isPositional = call.function == .first || call.function == .last
    }

    /// No row.
    var identity: Int32 { -1 }

    mutating func take(_ argument: Column?, order: Column?, count: Int) {
        guard let argument else { return }
        let rank = hasOrder ? order ?? argument : argument
        orders = rank
        rankKeys = rankCodec.encode([rank], count: count)
        if hasOrder { valueKeys = valueCodec.encode([argument], count: count) }
    }

    @inline(__always)
    mutating func value(_ row: Int, slot: Int32) -> Int32 {
        guard let rankKeys, orders?.isNull(row) == false else { return -1 }
        ranks.store(rankKeys.strings[row], slot: slot)
        if let valueKeys { results.store(valueKeys.strings[row], slot: slot) }
        return slot
    }

    @inline(__always)
    func combine(_ first: Int32, _ second: Int32) -> Int32 {
        if first < 0 { return second }
        if second < 0 { return first }
        if isPositional { return isGreatest ? second : first }
        let order = StringView.compare(
            ranks.views.base[Int(second)], ranks.views.base[Int(first)])
        return order != 0 && (order > 0) == isGreatest ? second : first
    }

    mutating func append(_ value: Int32, to builder: inout ColumnBuilder) -> String? {
        guard value >= 0 else {
            builder.appendNull()
            return nil
        }
        let kept = hasOrder ? results.views.base[Int(value)] : ranks.views.base[Int(value)]
        let copy = arena.store(kept.base, count: kept.count)
        guard valueCodec.appendValue(copy, to: &builder, arena: &arena) else {
            preconditionFailure("a value of a frame does not decode")
        }
        return nil
    }

    mutating func release(_ slots: [Int32]) {
        ranks.release(slots)
        results.release(slots)
    }

    mutating func clear() {
        ranks.clear()
        results.clear()
    }

    mutating func takeRetained() -> [Buffer] {
        let blocks = arena.blocks
        arena = ByteArena()
        return blocks
    }

    var memoryBytes: Int { ranks.memoryBytes + results.memoryBytes }
}
