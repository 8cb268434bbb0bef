/// What to write instead of functions of other systems.
enum FunctionAdvice {
    static func help(for name: String) -> String? {
        if let other = elsewhere[name] { return "write \(other)" }
        return NameSuggestion.help(for: name, among: FunctionCatalog.names)
    }

    private static let elsewhere = [
        "if": "CASE WHEN … THEN … ELSE … END", "iif": "CASE WHEN … THEN … ELSE … END",
        "ifnull": "coalesce(a, b)", "nvl": "coalesce(a, b)", "isnull": "x IS NULL",
        "ucase": "upper(text)", "lcase": "lower(text)", "len": "length(text)",
        "to_char": "date_format(timestamp, 'yyyy-MM-dd')",
        "strftime": "date_format(timestamp, '%Y-%m-%d')",
        "from_unixtime": "to_timestamp(seconds)",
        "unix_timestamp": "extract(epoch FROM timestamp)",
        "space": "repeat(' ', count)",
        "parse_timestamp": "to_timestamp(text, 'pattern' [, 'zone'])",
        "format_timestamp": "date_format(timestamp, 'pattern' [, 'zone'])",
        "convert_tz": "date_format(timestamp, 'pattern', 'zone')",
        "dayofweek": "day_of_week(timestamp), or extract(dow FROM timestamp)",
        "dayname": "date_format(timestamp, 'EEEE')", "second": "extract(second FROM timestamp)",
        "monthname": "date_format(timestamp, 'MMMM')",
        "url_encode_param": "url_encode(text)", "url_decode_param": "url_decode(text)",
        "parse_url": "url_extract_host(url) and its like", "regexp": "regexp_like(text, 'pattern')",
        "timestampsub": "date_add('unit', -number, timestamp)",
        "dateadd": "date_add('unit', number, timestamp)",
        "datediff": "date_diff('day', from, to)",
        "contains": "position(part IN text) > 0, or array_contains(array, value)",
        "explode": "an 'unnest' step", "unnest": "an 'unnest' step",
        "get_json_object": "json_value(json, '$.path')",
        "to_number": "CAST(text AS bigint)",
        "try_cast": "CAST(value AS type): a row that fails goes to the step's .invalid port",
        "current_date": "CAST(now() AS date)", "curdate": "CAST(now() AS date)",
        "ilike": "lower(text) LIKE 'pattern'", "rlike": "regexp_like(text, 'pattern')",
        "listagg": "string_agg(text, 'separator')", "group_concat": "string_agg(text, 'separator')",
        "collect": "array_agg(value)", "collect_list": "array_agg(value)",
        "collect_set": "array_agg(DISTINCT value)", "any_value": "first(value)",
        "first_value": "first(value)", "last_value": "last(value)",
        "earliest_by_offset": "first(value)", "latest_by_offset": "last(value)",
        "max_by": "arg_max(value, order)", "min_by": "arg_min(value, order)",
        "countif": "count(*) FILTER (WHERE …)", "count_if": "count(*) FILTER (WHERE …)",
        "rank": "a 'top' step with 'rank'", "dense_rank": "a 'top' step with 'rank'",
        "lead": "lag(…) in an 'over' step: rows that are still to come are not known",
        "prev": "last(VARIABLE.column) in a 'pattern', or lag(column) in an 'over' step",
        "tumble": "an aggregate with window: {tumbling: 10s}",
        "hop": "an aggregate with window: {hopping: {size: 1m, every: 10s}}",
        "session": "an aggregate with window: {session: {gap: 10m}}",
    ]
}
