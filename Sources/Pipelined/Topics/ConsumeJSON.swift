/// What a consumer's end looks like in the control protocol.
enum ConsumeJSON {
    static func summary(_ summary: ConsumeSession.Summary) -> JSONValue {
        [
            "rows": .integer(summary.rows), "failed_rows": .integer(summary.failedRows),
            "failure": summary.failure.map(JSONValue.string) ?? .null,
        ]
    }
}
