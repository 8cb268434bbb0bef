import Config

/// What the schema says of single values: the loader reads a text, a number or `true` alike, and
/// puts `${…}` into most of them.
enum SchemaScalars {
    /// Anything written in one piece, but not nothing.
    static let text = JSONObject([("type", ["string", "number", "boolean"])])
    static let expression: JSONObject = {
        var result = text
        result["description"] = "A SQL expression over columns; see docs/expressions.md."
        return result
    }()

    static let duration = pattern("^([0-9]+(\(durationUnits.joined(separator: "|"))))+$")
    static let size = pattern("^[0-9]+(\(sizeUnits.joined(separator: "|")))$")
    static let integer = pattern("^[-+]?[0-9]+$|^0o[0-7]+$|^0x[0-9a-fA-F]+$", or: "integer")
    static let number = pattern(
        "^[-+]?(\\.[0-9]+|[0-9]+(\\.[0-9]*)?)([eE][-+]?[0-9]+)?$", or: "number")
    static let boolean = pattern("^(true|True|TRUE|false|False|FALSE)$", or: "boolean")

    private static let nodeName = "[a-z_][a-z0-9_]{0,62}"

    /// A node, or a port of one.
    static let node: JSONObject = {
        let ports = NodeReference.Port.allCases.filter { $0 != .main }.map(\.rawValue)
        let pattern = "^\(nodeName)(\\.(\(ports.joined(separator: "|"))))?$"
        return JSONObject([("type", "string"), ("pattern", .string(pattern))])
    }()

    /// One of some words.
    static func choice(_ words: [String]) -> JSONObject {
        // A plain `null` is YAML's nothing, and the word of that name here.
        let values = words.map(JSONValue.string) + (words.contains("null") ? [.null] : [])
        return JSONObject([
            ("anyOf", [["enum": .array(values)], ["type": "string", "pattern": "\\$\\{"]])
        ])
    }

    /// A name that follows rules, as a value.
    static func named(_ kind: SpecField.NameKind) -> JSONObject {
        switch kind {
        case .topic: return pattern(topicName)
        case .pipeline: return JSONObject([("type", "string"), ("pattern", .string(pipelineName))])
        case .node:
            return JSONObject([("type", "string"), ("pattern", .string("^\(nodeName)$"))])
        case .column, .variable: return text
        }
    }

    /// The keys of a mapping of names that people choose.
    static func names(_ kind: SpecField.NameKind) -> JSONValue {
        switch kind {
        case .pipeline: return ["pattern": .string(pipelineName)]
        case .topic: return ["pattern": .string(topicName)]
        case .node: return ["pattern": .string("^\(nodeName)$")]
        case .column: return ["minLength": 1, "not": ["const": "rowtime"]]
        case .variable: return ["minLength": 1]
        }
    }

    private static let pipelineName = "^[a-z0-9][a-z0-9-]{0,62}$"
    private static let topicName = "^[a-z0-9][a-z0-9._-]{0,126}$"

    /// `decimal(p,s)`, `array<…>`, `struct<…>` in any case, as far as a pattern can tell.
    static let composedType: String = {
        let words = TypeNames.composed.map { word in
            word.map { "[\($0)\($0.uppercased())]" }.joined()
        }
        return "^(\(words.joined(separator: "|")))([(<\\[].*)?$"
    }()

    /// The same, or nothing at all.
    static func orNothing(_ value: JSONValue) -> JSONValue {
        guard var object = value.object else { return value }
        if let reference = object["$ref"] {
            object["$ref"] = nil
            object["anyOf"] = [["$ref": reference], ["type": "null"]]
        } else if case .string(let type)? = object["type"] {
            object["type"] = .strings([type, "null"])
        } else if case .array(let types)? = object["type"], !types.contains("null") {
            object["type"] = .array(types + ["null"])
        }
        return .object(object)
    }

    /// A declared default as a value of its field's kind.
    static func constant(_ text: String, _ field: SpecField) -> JSONValue {
        switch field.form {
        case .integer: return Int64(text).map(JSONValue.integer) ?? .string(text)
        case .boolean: return .bool(text == "true")
        case .either where text == "true" || text == "false": return .bool(text == "true")
        default: return .string(text)
        }
    }

    private static func pattern(_ pattern: String, or type: JSONValue? = nil) -> JSONObject {
        let types: JSONValue = type.map { [$0, "string"] } ?? "string"
        return JSONObject([("type", types), ("pattern", .string("\(pattern)|\\$\\{"))])
    }
}
