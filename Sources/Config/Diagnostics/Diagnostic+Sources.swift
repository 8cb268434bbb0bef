/// What can be wrong with sources, tables and sinks.
extension Diagnostic {
    private static let types = [
        "boolean", "bigint", "double", "decimal", "string", "bytes", "date", "timestamp", "json",
        "array", "struct",
    ]

    static func unknownType(_ text: String, at place: FileLocation) -> Diagnostic {
        let familiar = [
            "int": "bigint", "integer": "bigint", "long": "bigint", "int64": "bigint",
            "number": "bigint' or 'double", "float": "double", "text": "string",
            "varchar": "string", "str": "string", "bool": "boolean", "datetime": "timestamp",
            "time": "timestamp",
        ]
        let meant =
            familiar[text.lowercased()] ?? suggestion(for: text, among: types)
        return Diagnostic(
            "unknown type '\(text)'", at: place,
            label: "types are \(types.joined(separator: ", "))",
            help: meant.map { "did you mean '\($0)'?" })
    }

    static func badTimestampUnit(_ argument: String, at place: FileLocation) -> Diagnostic {
        Diagnostic(
            "unknown unit '\(argument)' of a timestamp", at: place,
            help: "write timestamp(s), timestamp(ms), timestamp(us), timestamp(ns) or "
                + "timestamp('PATTERN')")
    }

    static func missingType(of name: String, at place: FileLocation) -> Diagnostic {
        Diagnostic("column '\(name)' has no type", at: place, help: "write \(name): string")
    }

    static func badPath(_ path: String, at place: FileLocation) -> Diagnostic {
        Diagnostic("'\(path)' has an empty name", at: place, help: "write names joined by '.'")
    }

    static func badDefault(of name: String, type: String, at place: FileLocation) -> Diagnostic {
        Diagnostic("the default of '\(name)' is no \(type)", at: place)
    }

    static func badOverride(
        _ name: String, text: String, type: String, at place: FileLocation
    ) -> Diagnostic {
        Diagnostic(
            "--param \(name)=\(text) is no \(type)", at: place, label: "declared as a \(type) here")
    }

    static func unknownOverride(_ name: String, known: [String]) -> Diagnostic {
        Diagnostic(
            "--param \(name) names no parameter", at: nil,
            help: suggestion(for: name, among: known).map { "did you mean '\($0)'?" }
                ?? "declare it: parameters: {\(name): …}")
    }

    static func emptyExpression(at place: FileLocation) -> Diagnostic {
        Diagnostic("an expression is expected here", at: place)
    }

    static func eventTimeIsNoTimestamp(
        _ column: String, type: String, at place: FileLocation
    ) -> Diagnostic {
        Diagnostic(
            "event time must be a timestamp", at: place, label: "'\(column)' is \(type)",
            help: type == "bigint"
                ? "declare it as timestamp(ms), or whatever it counts, in 'schema'"
                : "declare it as timestamp in 'schema', or compute one with 'expression'")
    }

    static func noEventTime(at place: FileLocation) -> Diagnostic {
        Diagnostic(
            "'event_time' names neither a column nor an expression", at: place,
            help: "write {column: NAME}, {expression: …} or arrival")
    }

    static func bothEventTimes(at place: FileLocation) -> Diagnostic {
        Diagnostic("'event_time' takes a column or an expression, not both", at: place)
    }

    static func rowtimeInEventTime(at place: FileLocation) -> Diagnostic {
        Diagnostic(
            "'event_time' is what makes rowtime, and cannot read it", at: place)
    }

    static func isNot(
        _ name: String, _ cause: String, at place: FileLocation, help: String? = nil
    ) -> Diagnostic {
        Diagnostic("'\(name)' \(cause)", at: place, help: help)
    }

    static func pathPattern(_ letter: String, at place: FileLocation) -> Diagnostic {
        Diagnostic(
            "'%\(letter)' cannot stand in the path of a sink", at: place,
            help: "use %Y %m %d %H %M %S, and %% for the sign itself")
    }

    static func wrongGenerator(
        _ generator: String, column: String, type: String, gives: String, at place: FileLocation
    ) -> Diagnostic {
        Diagnostic(
            "'\(generator)' cannot fill '\(column)'", at: place,
            label: "it gives \(gives), the column is \(type)")
    }

    static func noGenerator(_ column: String, at place: FileLocation) -> Diagnostic {
        Diagnostic(
            "'columns' does not say what fills '\(column)'", at: place,
            help: "add \(column) with one of uuid, key, choice, sequence, range, boolean, time")
    }
}
