/// Everything that an expression can do to values of one row. The raw value is the name in
/// fingerprints and must not change; ``documentedName`` is what docs/expressions.md calls it.
package enum ScalarFunction: String, CaseIterable, Hashable, Sendable {
    // Arithmetic
    case add, subtract, multiply, divide, modulo, negate
    // Comparison: operands of one type, except that decimals may differ in scale
    case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual
    case isDistinctFrom, isNotDistinctFrom
    // Logic: `and` and `or` take any number of operands
    case and, or, not
    case isNull, isNotNull, isTrue, isNotTrue, isFalse, isNotFalse
    /// The first operand is looked for among the others.
    case inList
    /// Text, pattern and an optional escape character.
    case like
    case coalesce
    // Text
    case concatenate, concat, concatWithSeparator
    case lower, upper, length, octetLength, substring, trim, leftTrim, rightTrim, replace
    case position, splitPart, startsWith, endsWith, left, right, reverse, repeated
    case leftPad, rightPad
    case initcap, ascii, md5, sha256, hash64
    case toHex = "to_hex"
    case splitIndex = "split_index"
    case urlScheme = "url_extract_protocol"
    case urlHost = "url_extract_host"
    case urlPort = "url_extract_port"
    case urlPath = "url_extract_path"
    case urlQuery = "url_extract_query"
    case urlParameter = "url_extract_parameter"
    case urlEncode = "url_encode"
    case urlDecode = "url_decode"
    /// Text, pattern (a literal), then for `regexpSubstr` a group's number (a literal), for
    /// `regexpReplace` the replacement, and at last flags (a literal).
    case regexpLike, regexpCount, regexpSubstr, regexpReplace
    /// Text and pattern (a literal).
    case regexpInstr = "regexp_instr"
    case urlFragment = "url_extract_fragment"
    case translate, overlay, mask
    /// Part, text, and where to begin.
    case locate
    case maskLeft = "mask_left"
    case maskRight = "mask_right"
    case maskKeepLeft = "mask_keep_left"
    case maskKeepRight = "mask_keep_right"
    // Numbers
    case abs, sign, round, truncate, floor, ceil, power, sqrt, ln, log10, exp
    case greatest, least
    case acos, asin, atan, atan2, cbrt, cos, cosh, cot, degrees, log2, radians, sin, sinh, tan, tanh
    /// Latitude and longitude of two places, in degrees; kilometres.
    case geoDistance = "geo_distance"
    // Time
    /// Unit (a literal), number, timestamp and an optional time zone (a literal).
    case dateAdd = "date_add"
    /// Unit (a literal), two timestamps and an optional time zone (a literal).
    case dateDiff = "date_diff"
    /// Interval, timestamp, origin.
    case dateBin = "date_bin"
    /// Unit (a literal), timestamp and an optional time zone (a literal).
    case dateTrunc
    /// Field (a literal) of a timestamp or an interval.
    case extract
    /// Seconds since the epoch as a number.
    case timestampFromEpoch
    /// Text, pattern (a literal) and an optional time zone (a literal).
    case timestampFromText
    /// Timestamp, pattern (a literal) and an optional time zone (a literal).
    case dateFormat

    /// The operator or function as people write it.
    package var documentedName: String {
        switch self {
        case .add: return "+"
        case .subtract, .negate: return "-"
        case .multiply: return "*"
        case .divide: return "/"
        case .modulo: return "%"
        case .equal: return "="
        case .notEqual: return "<>"
        case .less: return "<"
        case .lessOrEqual: return "<="
        case .greater: return ">"
        case .greaterOrEqual: return ">="
        case .isDistinctFrom: return "IS DISTINCT FROM"
        case .isNotDistinctFrom: return "IS NOT DISTINCT FROM"
        case .and: return "AND"
        case .or: return "OR"
        case .not: return "NOT"
        case .isNull: return "IS NULL"
        case .isNotNull: return "IS NOT NULL"
        case .isTrue: return "IS TRUE"
        case .isNotTrue: return "IS NOT TRUE"
        case .isFalse: return "IS FALSE"
        case .isNotFalse: return "IS NOT FALSE"
        case .inList: return "IN"
        case .like: return "LIKE"
        case .concatenate: return "||"
        case .concatWithSeparator: return "concat_ws"
        case .octetLength: return "octet_length"
        case .leftTrim: return "ltrim"
        case .rightTrim: return "rtrim"
        case .splitPart: return "split_part"
        case .startsWith: return "starts_with"
        case .endsWith: return "ends_with"
        case .repeated: return "repeat"
        case .leftPad: return "lpad"
        case .rightPad: return "rpad"
        case .regexpLike: return "regexp_like"
        case .regexpCount: return "regexp_count"
        case .regexpSubstr: return "regexp_substr"
        case .regexpReplace: return "regexp_replace"
        case .truncate: return "trunc"
        case .dateTrunc: return "date_trunc"
        case .timestampFromEpoch, .timestampFromText: return "to_timestamp"
        case .dateFormat: return "date_format"
        default: return rawValue
        }
    }
}

/// The names that can be called in an expression, in lower case, with how many arguments they take.
enum FunctionCatalog {
    /// What a name stands for.
    enum Meaning {
        case scalar(ScalarFunction)
        case aggregate(AggregateFunction)
        /// Becomes other nodes when it is bound.
        case nullIf
        case now
        case pi
        /// `extract` of this field.
        case field(TimeField)
    }

    struct Entry {
        let meaning: Meaning
        let argumentCounts: ClosedRange<Int>
        /// How it is called, for messages.
        let usage: String
    }

    static func entry(_ name: String) -> Entry? { entries[name] }

    /// Every name, sorted.
    static let names: [String] = entries.keys.sorted()

    private static let entries: [String: Entry] = {
        var all: [String: Entry] = [:]
        func scalar(
            _ names: String..., is function: ScalarFunction, _ counts: ClosedRange<Int>,
            _ usage: String
        ) {
            for name in names {
                all[name] = Entry(
                    meaning: .scalar(function), argumentCounts: counts, usage: "\(name)\(usage)")
            }
        }
        scalar("mod", is: .modulo, 2...2, "(a, b)")
        scalar("coalesce", is: .coalesce, 1...many, "(value, …)")
        scalar("concat", is: .concat, 1...many, "(value, …)")
        scalar("concat_ws", is: .concatWithSeparator, 2...many, "(separator, value, …)")
        scalar("lower", is: .lower, 1...1, "(text)")
        scalar("upper", is: .upper, 1...1, "(text)")
        scalar("length", "char_length", "character_length", is: .length, 1...1, "(text)")
        scalar("octet_length", is: .octetLength, 1...1, "(text)")
        scalar("substring", "substr", is: .substring, 2...3, "(text, start [, count])")
        scalar("trim", "btrim", is: .trim, 1...2, "(text [, characters])")
        scalar("ltrim", is: .leftTrim, 1...2, "(text [, characters])")
        scalar("rtrim", is: .rightTrim, 1...2, "(text [, characters])")
        scalar("replace", is: .replace, 3...3, "(text, from, to)")
        scalar("position", is: .position, 2...2, "(part IN text)")
        scalar("instr", is: .position, 2...2, "(text, part)")
        scalar("strpos", is: .position, 2...2, "(text, part)")
        scalar("split_part", is: .splitPart, 3...3, "(text, delimiter, number)")
        scalar("starts_with", is: .startsWith, 2...2, "(text, prefix)")
        scalar("ends_with", is: .endsWith, 2...2, "(text, suffix)")
        scalar("left", is: .left, 2...2, "(text, count)")
        scalar("right", is: .right, 2...2, "(text, count)")
        scalar("reverse", is: .reverse, 1...1, "(text)")
        scalar("repeat", is: .repeated, 2...2, "(text, times)")
        scalar("lpad", is: .leftPad, 2...3, "(text, length [, fill])")
        scalar("rpad", is: .rightPad, 2...3, "(text, length [, fill])")
        for function in [
            ScalarFunction.initcap, .ascii, .md5, .sha256, .hash64, .urlScheme, .urlHost, .urlPort,
            .urlPath, .urlQuery, .urlEncode, .urlDecode,
        ] {
            scalar(function.rawValue, is: function, 1...1, "(text)")
        }
        scalar("to_hex", is: .toHex, 1...1, "(number)")
        scalar("split_index", is: .splitIndex, 3...3, "(text, delimiter, index)")
        scalar("url_extract_parameter", is: .urlParameter, 2...2, "(url, name)")
        let fields: KeyValuePairs<String, TimeField> = [
            "year": .year, "quarter": .quarter, "month": .month, "week": .week,
            "day_of_month": .day, "day_of_week": .isodow, "day_of_year": .doy, "hour": .hour,
            "minute": .minute,
        ]
        for (name, field) in fields {
            all[name] = Entry(
                meaning: .field(field), argumentCounts: 1...1, usage: "\(name)(timestamp)")
        }
        scalar("regexp_like", is: .regexpLike, 2...3, "(text, 'pattern' [, 'flags'])")
        scalar("regexp_count", is: .regexpCount, 2...2, "(text, 'pattern')")
        scalar(
            "regexp_substr", "regexp_extract", is: .regexpSubstr, 2...3,
            "(text, 'pattern' [, group])")
        scalar(
            "regexp_replace", is: .regexpReplace, 3...4,
            "(text, 'pattern', replacement [, 'flags'])")
        scalar("abs", is: .abs, 1...1, "(number)")
        scalar("sign", is: .sign, 1...1, "(number)")
        scalar("round", is: .round, 1...2, "(number [, digits])")
        scalar("trunc", is: .truncate, 1...2, "(number [, digits])")
        scalar("floor", is: .floor, 1...1, "(number)")
        scalar("ceil", "ceiling", is: .ceil, 1...1, "(number)")
        scalar("power", "pow", is: .power, 2...2, "(base, exponent)")
        scalar("sqrt", is: .sqrt, 1...1, "(number)")
        scalar("ln", is: .ln, 1...1, "(number)")
        scalar("log10", is: .log10, 1...1, "(number)")
        scalar("exp", is: .exp, 1...1, "(number)")
        scalar("greatest", is: .greatest, 1...many, "(value, …)")
        scalar("least", is: .least, 1...many, "(value, …)")
        scalar("date_trunc", is: .dateTrunc, 2...3, "('unit', timestamp [, 'zone'])")
        scalar("extract", "date_part", is: .extract, 2...2, "(field FROM timestamp)")
        scalar("to_timestamp", is: .timestampFromText, 1...3, "(text, 'pattern' [, 'zone'])")
        scalar("date_format", is: .dateFormat, 2...3, "(timestamp, 'pattern' [, 'zone'])")
        all["nullif"] = Entry(meaning: .nullIf, argumentCounts: 2...2, usage: "nullif(a, b)")
        for (name, entry) in further { all[name] = entry }
        all["now"] = Entry(meaning: .now, argumentCounts: 0...0, usage: "now()")
        func aggregate(
            _ names: String..., is function: AggregateFunction, _ count: Int = 1,
            _ usage: String = "(value)"
        ) {
            for name in names {
                all[name] = Entry(
                    meaning: .aggregate(function), argumentCounts: count...count,
                    usage: "\(name)\(usage)")
            }
        }
        for function in [
            AggregateFunction.count, .sum, .avg, .min, .max, .first, .last, .stddevPop, .varPop,
            .boolAnd, .boolOr, .approxCountDistinct,
        ] {
            aggregate(function.rawValue, is: function)
        }
        aggregate("stddev", "stddev_samp", is: .stddev)
        aggregate("variance", "var_samp", is: .variance)
        aggregate("arg_min", is: .argMin, 2, "(value, order)")
        aggregate("arg_max", is: .argMax, 2, "(value, order)")
        aggregate("string_agg", is: .stringAgg, 2, "(text, 'separator')")
        aggregate("approx_percentile", is: .approxPercentile, 2, "(number, fraction)")
        return all
    }()

    static let many = 1000
}
