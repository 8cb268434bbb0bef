/// Which types can be cast to which.
package enum ExpressionCasts {
    package static func isPossible(from: ColumnType, to: ColumnType) -> Bool {
        if from == to { return true }
        switch (from, to) {
        case (.string, _), (_, .string): return true
        case (.date, .timestamp), (.timestamp, .date): return true
        case (.json, .array), (.json, .structure), (.array, .json), (.structure, .json):
            return true
        case (.array(let element), .array(let other)):
            return isPossible(from: element, to: other)
        case (.bigint, .double), (.bigint, .decimal), (.double, .bigint), (.double, .decimal),
            (.decimal, .bigint), (.decimal, .double), (.decimal, .decimal):
            return true
        default: return false
        }
    }

    /// What to write where a cast is not possible.
    static func advice(from: ColumnType, to: ColumnType) -> String? {
        switch (from, to) {
        case (.timestamp, _) where to.isNumeric: return "write extract(epoch FROM …)"
        case (.interval, _) where to.isNumeric: return "write extract(epoch FROM …)"
        case (_, .timestamp) where from.isNumeric: return "write to_timestamp(seconds)"
        case (_, .interval) where from.isNumeric: return "write … * interval '1 second'"
        case (_, .json): return "write to_json(…)"
        case (.json, _): return "take the value out as text first: CAST(… ->> 'name' AS \(to.name))"
        case (.boolean, _) where to.isNumeric: return "write CASE WHEN … THEN 1 ELSE 0 END"
        case (_, .boolean) where from.isNumeric: return "compare it: … <> 0"
        default: return nil
        }
    }
}
