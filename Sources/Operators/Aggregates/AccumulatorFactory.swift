/// The accumulator for a call.
func makeAccumulator(_ call: AggregateCall) -> any Accumulator {
    let argumentType = call.argument?.type ?? .bigint
    switch call.function {
    case .countRows, .count:
        return CountAccumulator()
    case .sum, .avg:
        if argumentType == .double {
            return DoubleSumAccumulator(isAverage: call.function == .avg)
        }
        return ExactSumAccumulator(
            isAverage: call.function == .avg, argumentType: argumentType, resultType: call.type)
    case .min, .max:
        let isMaximum = call.function == .max
        switch argumentType {
        case .bigint, .timestamp, .interval:
            return ExtremeAccumulator(integers: argumentType, isMaximum: isMaximum)
        case .double: return ExtremeAccumulator(doublesMaximum: isMaximum)
        case .decimal: return ExtremeAccumulator(decimals: argumentType, isMaximum: isMaximum)
        case .boolean: return ExtremeAccumulator(booleansMaximum: isMaximum)
        case .string: return StringExtremeAccumulator(isMaximum: isMaximum)
        }
    }
}
