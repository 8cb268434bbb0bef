import Config

/// `tests:` of a pipeline: what is sent, and what is expected of it.
extension SpecSchemaBuilder {
    func tests() -> JSONValue {
        [
            "title": "tests",
            "description": "What the pipeline makes of rows: run by 'pipelined test'.",
            "type": "array", "items": SpecTestSchema.test,
        ]
    }
}

private enum SpecTestSchema {
    static let test = object(
        [
            ("name", described("What the test shows.", .object(SchemaScalars.text))),
            (
                "parameters",
                described(
                    "Other values for parameters of the pipeline.",
                    names(.node, to: .object(SchemaScalars.text)))
            ),
            (
                "tables",
                described("The rows of tables, by the table's name.", names(.node, to: rows))
            ),
            ("steps", described("What happens, in order.", list(of: step))),
            (
                "expect",
                described(
                    "The rows of sinks, steps and ports (`STEP.late`) after the last step.",
                    expectations)
            ),
        ], required: ["name"])

    /// One thing that happens: `restart` alone, or a mapping of one key.
    private static let step: JSONValue = [
        "anyOf": [
            ["enum": ["restart"]],
            object(
                [
                    (
                        "send",
                        described(
                            "Gives rows to sources and tables: a list of rows, or `{lines: […]}` with "
                                + "text in the source's format.",
                            names(.node, to: ["anyOf": [rows, lines]]))
                    ),
                    (
                        "advance",
                        described(
                            "Moves the clock and the watermarks.", .object(SchemaScalars.duration))
                    ),
                    (
                        "advance_to",
                        described("Moves the clock to this time.", .object(SchemaScalars.text))
                    ),
                    (
                        "upgrade",
                        described(
                            "Goes on with another version of the spec, read from this file.",
                            .object(SchemaScalars.text))
                    ),
                    ("expect", described("What there is by now.", expectations)),
                ], count: 1),
        ]
    ]

    private static let expectations: JSONValue = [
        "type": "object",
        "additionalProperties": [
            "anyOf": [
                rows,
                object(
                    [
                        (
                            "exactly",
                            described("These rows in this order, with all columns.", rows)
                        ),
                        (
                            "changes",
                            described("These changes in this order, each with `_op`.", rows)
                        ),
                        ("count", described("So many rows.", .object(SchemaScalars.integer))),
                    ], count: 1),
            ]
        ],
    ]

    private static let rows: JSONValue = ["type": "array", "items": ["type": "object"]]

    private static let lines = object(
        [("lines", list(of: .object(SchemaScalars.text)))], required: ["lines"])

    private static func list(of element: JSONValue) -> JSONValue {
        ["type": "array", "items": element]
    }

    private static func names(_ kind: SpecField.NameKind, to value: JSONValue) -> JSONValue {
        [
            "type": "object", "propertyNames": SchemaScalars.names(kind),
            "additionalProperties": value,
        ]
    }

    private static func described(_ text: String, _ value: JSONValue) -> JSONValue {
        var object = value.object ?? JSONObject()
        object["description"] = .string(text)
        return .object(object)
    }

    /// A mapping of these keys and no others; `count`: of so many of them.
    private static func object(
        _ properties: [(String, JSONValue)], required: [String] = [], count: Int? = nil
    ) -> JSONValue {
        var result = JSONObject([
            ("type", "object"), ("properties", .object(JSONObject(properties))),
        ])
        if !required.isEmpty { result["required"] = .strings(required) }
        result["additionalProperties"] = false
        if let count {
            result["minProperties"] = .count(count)
            result["maxProperties"] = .count(count)
        }
        return .object(result)
    }
}
