/// Runs a function over vectors: chooses the loop by function and type, once per batch.
enum FunctionKernels {
    static func call(
        _ function: ScalarFunction, _ operands: [Vector], _ prepared: PreparedArguments,
        _ type: ColumnType, rows: Int
    ) -> Vector {
        switch function {
        case .add, .subtract, .multiply, .divide, .modulo:
            return ArithmeticKernels.binary(function, operands[0], operands[1], type, rows: rows)
        case .negate, .abs, .sign, .floor, .ceil, .round, .truncate, .power, .sqrt, .ln, .log10,
            .exp, .log:
            return NumberKernels.call(function, operands, type, rows: rows)
        case .equal, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual:
            return ComparisonKernels.compare(function, operands[0], operands[1], rows: rows)
        case .isDistinctFrom, .isNotDistinctFrom:
            return ComparisonKernels.distinct(
                operands[0], operands[1], isNegated: function == .isNotDistinctFrom, rows: rows)
        case .and, .or:
            return LogicKernels.logical(operands, isAnd: function == .and, rows: rows)
        case .not: return LogicKernels.not(operands[0], rows: rows)
        case .isNull, .isNotNull, .isTrue, .isNotTrue, .isFalse, .isNotFalse:
            return LogicKernels.test(function, operands[0], rows: rows)
        case .inList:
            var result = Vector.constant(.boolean(false), .boolean)
            for item in operands.dropFirst() {
                let equal = ComparisonKernels.compare(.equal, operands[0], item, rows: rows)
                result = LogicKernels.logical([result, equal], isAnd: false, rows: rows)
            }
            return result
        case .coalesce: return ChoiceKernels.coalesce(operands, type, rows: rows)
        case .greatest, .least:
            return ChoiceKernels.extreme(
                operands, type, isGreatest: function == .greatest, rows: rows)
        case .like: return LikeKernels.like(operands, prepared.like, rows: rows)
        case .concatenate where type == .bytes:
            var result = TextBuildingKernels.call(function, operands, rows: rows)
            result.column = result.column.retyped(.bytes)
            return result
        case .concatenate, .concat, .concatWithSeparator, .lower, .upper, .replace, .reverse,
            .repeated, .leftPad, .rightPad:
            return TextBuildingKernels.call(function, operands, rows: rows)
        case .initcap, .ascii, .md5, .sha256, .hash64, .toHex, .splitIndex, .urlScheme, .urlHost,
            .urlPort, .urlPath, .urlQuery, .urlParameter, .urlEncode, .urlDecode:
            return UrlKernels.call(function, operands, rows: rows)
        case .regexpLike, .regexpCount, .regexpSubstr, .regexpReplace, .regexpInstr:
            return RegexKernels.call(function, operands, prepared.regex, rows: rows)
        case .length, .octetLength, .substring, .trim, .leftTrim, .rightTrim, .position,
            .splitPart, .startsWith, .endsWith, .left, .right:
            return TextViewKernels.call(function, operands, rows: rows)
        case .translate, .overlay, .mask, .maskLeft, .maskRight, .maskKeepLeft, .maskKeepRight:
            return TextChangeKernels.call(function, operands, rows: rows)
        case .locate: return TextChangeKernels.locate(operands, rows)
        case .urlFragment: return UrlKernels.call(function, operands, rows: rows)
        case .acos, .asin, .atan, .atan2, .cbrt, .cos, .cosh, .cot, .degrees, .log2, .radians, .sin,
            .sinh, .tan, .tanh, .geoDistance:
            return MathKernels.call(function, operands, rows: rows)
        case .dateAdd, .dateDiff, .dateBin:
            return CalendarKernels.call(function, operands, prepared, rows: rows)
        case .makeDate: return DateKernels.make(operands, rows: rows)
        case .field:
            guard case .bigint(let index)? = operands[1].literal else { return .nulls(type) }
            return NestedKernels.field(operands[0], Int(index), type, rows: rows)
        case .makeArray, .makeStruct: return NestedKernels.made(operands, type, rows: rows)
        case .element, .cardinality, .arrayContains, .arrayJoin, .stringToArray, .arrayDistinct,
            .arraySort, .arrayMin, .arrayMax, .arrayConcat, .slice:
            return ArrayKernels.call(function, operands, type, rows: rows)
        case .jsonGet, .jsonGetText, .jsonValue, .jsonArrayLength, .jsonTypeof, .toJson:
            return JSONKernels.call(function, operands, prepared, type, rows: rows)
        case .encode, .decode, .chr: return BytesKernels.call(function, operands, type, rows: rows)
        case .dateTrunc, .extract, .timestampFromEpoch, .timestampFromText, .dateFormat:
            return TimeKernels.call(function, operands, prepared, type, rows: rows)
        }
    }
}
