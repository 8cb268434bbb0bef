/// `string_agg`, `array_agg`, percentiles and estimates of frames: computed from all rows of the frame, for each row anew.
///
/// - Complexity: O(rows of the frame) for each result.
final class RecomputedFrames: FrameFunction {
    private let call: AggregateCall
    private let accumulator: any Accumulator
    private let codec: KeyCodec
    private var kept = KeptBytes()
    /// The slots of rows that count, −1 for others.
    private let rows = FrameTrees<Int32>()

    init(_ call: AggregateCall) {
        self.call = call
        accumulator = makeAccumulator(call)
        accumulator.reserve(1)
        let order = RecomputedFrames.hasOrder(call) ? call.order?.type : nil
        codec = KeyCodec(types: [call.argument?.type ?? .bigint] + [order].compactMap { $0 })
    }

    /// Whether the result goes by an order of its own and not by that of the frame.
    private static func hasOrder(_ call: AggregateCall) -> Bool { call.function == .arrayAgg }

    func reserve(_ count: Int) { rows.reserve(count) }

    func run(
        _ steps: FrameSteps, _ given: GroupStore.Arguments, failed: inout [Int: String]
    ) -> Column {
        guard let argument = given.argument else {
            preconditionFailure("\(call.function.rawValue) without an argument")
        }
        let order = RecomputedFrames.hasOrder(call) ? given.order : nil
        let keys = codec.encode([argument] + [order].compactMap { $0 }, count: argument.count)
        let keepsNulls = call.function == .arrayAgg
        var results: [Column] = []
        var count = 0
        for step in steps.steps {
            switch step.kind {
            case .forget: rows.forget(step.partition)
            case .add:
                let row = Int(step.row)
                let counts =
                    given.filter.map { !$0.isNull(row) && $0.booleans[row] != 0 } ?? true
                    && (keepsNulls || !argument.isNull(row))
                if counts { kept.store(keys.strings[row], slot: step.slot) }
                rows.append(
                    counts ? step.slot : -1, to: step.partition, ordinal: step.ordinal,
                    start: step.start, combine: { first, _ in first })
            case .ask:
                var cause: [Int: String] = [:]
                results.append(result(step, failed: &cause))
                if let text = cause[0] { failed[count] = text }
                count += 1
            }
        }
        guard !results.isEmpty else { return .nulls(type: call.type, count: 0) }
        return Column.concatenating(results)
    }

    private func result(_ step: FrameSteps.Step, failed: inout [Int: String]) -> Column {
        var values: [StringView] = []
        var seen: Set<[UInt8]> = []
        for ordinal in step.start..<max(step.start, step.end) where ordinal != step.ordinal {
            guard let slot = rows.leaf(step.partition, ordinal), slot >= 0 else { continue }
            let value = kept.views.base[Int(slot)]
            if call.isDistinct, !seen.insert(Array(value.bytes)).inserted { continue }
            values.append(value)
        }
        // The bytes are read before anything is released.
        guard let columns = codec.decode(values, retained: kept.blocks) else {
            preconditionFailure("values of \(call.function.rawValue) do not decode")
        }
        accumulator.reset(0)
        let groups = [Int32](repeating: 0, count: values.count)
        groups.withUnsafeBufferPointer { groups in
            guard let base = groups.baseAddress else { return }
            accumulator.update(
                base, count: values.count, argument: columns.first,
                order: columns.count > 1 ? columns[1] : nil, weights: nil)
        }
        return accumulator.result([0], failed: &failed)
    }

    func release(_ slots: [Int32]) { kept.release(slots) }

    func clear() {
        rows.clear()
        kept.clear()
    }

    var memoryBytes: Int { rows.memoryBytes + kept.memoryBytes }
}

/// The function of a call over frames; see ``Frames/init(_:_:inTurn:)``.
func makeFrames(_ call: AggregateCall, inTurn: Bool) -> any FrameFunction {
    let type = call.argument?.type ?? .bigint
    switch call.function {
    case .countRows, .count: return Frames(CountFrames(), call, inTurn: inTurn)
    case .sum, .avg:
        let isAverage = call.function == .avg
        if type == .double {
            return Frames(DoubleSumFrames(isAverage: isAverage), call, inTurn: inTurn)
        }
        let results = ExactSumAccumulator(
            isAverage: isAverage, argumentType: type, resultType: call.type)
        return Frames(ExactSumFrames(results, argumentType: type), call, inTurn: inTurn)
    case .min, .max, .first, .last, .argMin, .argMax:
        return Frames(PickFrames(call), call, inTurn: inTurn)
    case .stddev, .stddevPop, .variance, .varPop:
        let kind = SpreadKind(call.function)
        switch type {
        case .bigint: return Frames(ExactSpreadFrames(kind, scale: 0), call, inTurn: inTurn)
        case .decimal(let precision, let scale) where precision <= 18:
            return Frames(ExactSpreadFrames(kind, scale: scale), call, inTurn: inTurn)
        default:
            return Frames(
                SpreadFrames(kind, name: call.function.rawValue), call, inTurn: inTurn)
        }
    case .boolAnd, .boolOr:
        return Frames(BooleanFrames(isAnd: call.function == .boolAnd), call, inTurn: inTurn)
    case .stringAgg, .approxCountDistinct, .approxPercentile, .arrayAgg, .percentileCont,
        .percentileDisc:
        return RecomputedFrames(call)
    }
}
