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
    /// Character by its number.
    case chr
    /// Bytes or text, and the form's name (a literal): `hex` or `base64`.
    case encode, decode
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
    /// Base and number.
    case log
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
    case makeDate = "make_date"
    // Arrays and structs
    /// A struct and the field's number from 0 (a literal).
    case field
    case makeArray, makeStruct
    /// An array and a number from 1.
    case element
    case cardinality, slice
    case arrayContains = "array_contains"
    case arrayJoin = "array_join"
    case stringToArray = "string_to_array"
    case arrayDistinct = "array_distinct"
    case arraySort = "array_sort"
    case arrayMin = "array_min"
    case arrayMax = "array_max"
    case arrayConcat = "array_concat"
    // JSON
    /// Json and a name or a number from 0.
    case jsonGet, jsonGetText
    /// Json and a path (a literal).
    case jsonValue = "json_value"
    case jsonArrayLength = "json_array_length"
    case jsonTypeof = "json_typeof"
    case toJson = "to_json"

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
        case .field: return "."
        case .element: return "[]"
        case .makeArray: return "array"
        case .makeStruct: return "struct"
        case .jsonGet: return "->"
        case .jsonGetText: return "->>"
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
        /// The day of a timestamp read by a pattern.
        case toDate
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
        scalar("make_date", is: .makeDate, 3...3, "(year, month, day)")
        all["to_date"] = Entry(
            meaning: .toDate, argumentCounts: 2...2, usage: "to_date(text, 'pattern')")
        scalar("chr", is: .chr, 1...1, "(number)")
        scalar("encode", is: .encode, 2...2, "(bytes, 'hex' or 'base64')")
        scalar("decode", is: .decode, 2...2, "(text, 'hex' or 'base64')")
        scalar("log", is: .log, 1...2, "([base,] number)")
        scalar("cardinality", "array_length", is: .cardinality, 1...1, "(array)")
        scalar("array_contains", is: .arrayContains, 2...2, "(array, value)")
        scalar(
            "array_join", "array_to_string", is: .arrayJoin, 2...3,
            "(array, separator [, text for null])")
        scalar("string_to_array", "split", is: .stringToArray, 2...2, "(text, separator)")
        for function in [ScalarFunction.arrayDistinct, .arraySort, .arrayMin, .arrayMax] {
            scalar(function.rawValue, is: function, 1...1, "(array)")
        }
        scalar("array_concat", "array_cat", is: .arrayConcat, 2...2, "(array, array)")
        scalar("slice", is: .slice, 3...3, "(array, start, count)")
        scalar("json_value", is: .jsonValue, 2...2, "(json, '$.path')")
        for function in [ScalarFunction.jsonArrayLength, .jsonTypeof] {
            scalar(function.rawValue, is: function, 1...1, "(json)")
        }
        scalar("to_json", is: .toJson, 1...1, "(value)")
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
        aggregate("array_agg", is: .arrayAgg, 1, "(value [ORDER BY order])")
        aggregate("percentile_cont", is: .percentileCont, 2, "(number, fraction)")
        aggregate("percentile_disc", is: .percentileDisc, 2, "(value, fraction)")
        aggregate("median", is: .percentileCont, 1, "(number)")
        return all
    }()

    static let many = 1000
}
