/// A producer's progress as the control protocol and `-o json` have it.
enum ProduceJSON {
    static func summary(_ topic: String, _ progress: ProduceSession.Progress) -> JSONValue {
        [
            "topic": .string(topic), "rows": .integer(progress.rows),
            "bytes": .integer(progress.bytes), "already_there": .integer(progress.alreadyThere),
            "invalid": .integer(progress.invalid),
            "invalid_rows": .array(
                progress.badRows.map { ["row": .integer($0.row), "error": .string($0.error)] }),
        ]
    }
}
