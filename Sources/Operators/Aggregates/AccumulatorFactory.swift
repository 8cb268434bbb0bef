/// The accumulator for a call.
func makeAccumulator(_ call: AggregateCall) -> any Accumulator {
    if call.keepsValues { return MultisetAccumulator(call) }
    let argumentType = call.argument?.type ?? .bigint
    switch call.function {
    case .countRows, .count:
        return CountAccumulator()
    case .sum, .avg:
        if argumentType == .double {
            let isAverage = call.function == .avg
            return call.takesBack
                ? ExactDoubleSumAccumulator(isAverage: isAverage)
                : DoubleSumAccumulator(isAverage: isAverage)
        }
        return ExactSumAccumulator(
            isAverage: call.function == .avg, argumentType: argumentType, resultType: call.type)
    case .min, .max: return makeExtreme(argumentType, isMaximum: call.function == .max)
    case .first, .last, .argMin, .argMax: return PickAccumulator(call)
    case .stddev, .stddevPop, .variance, .varPop:
        let kind = SpreadKind(call.function)
        switch argumentType {
        case .bigint: return ExactVarianceAccumulator(kind, scale: 0)
        case .decimal(let precision, let scale) where precision <= 18:
            return ExactVarianceAccumulator(kind, scale: scale)
        default:
            let name = call.function.rawValue
            return call.takesBack
                ? ExactDoubleVarianceAccumulator(kind, name: name)
                : VarianceAccumulator(kind, name: name)
        }
    case .boolAnd, .boolOr: return BooleanAccumulator(isAnd: call.function == .boolAnd)
    case .stringAgg: return StringAggAccumulator(separator: call.parameter)
    case .approxCountDistinct: return DistinctSketchAccumulator(type: argumentType)
    case .arrayAgg, .percentileCont, .percentileDisc: return MultisetAccumulator(call)
    case .approxPercentile:
        guard case .double(let fraction) = call.parameter else {
            preconditionFailure("approx_percentile without a fraction")
        }
        return QuantileSketchAccumulator(fraction: fraction)
    }
}

private func makeExtreme(_ type: ColumnType, isMaximum: Bool) -> any Accumulator {
    switch type.storage {
    case .integer:
        return ExtremeAccumulator(integers: type, isMaximum: isMaximum)
    case .double: return ExtremeAccumulator(doublesMaximum: isMaximum)
    case .decimal: return ExtremeAccumulator(decimals: type, isMaximum: isMaximum)
    case .boolean: return ExtremeAccumulator(booleansMaximum: isMaximum)
    case .view: return StringExtremeAccumulator(type: type, isMaximum: isMaximum)
    }
}
