import Config

/// A JSON Schema (draft-07) of the spec language, made from the declarations that the loader reads
/// by: for editors, which mark a wrong key and complete a right one while it is written.
///
/// Whatever the loader takes is valid by it. The reverse does not hold: which columns, names and
/// types there are, `validate` alone knows.
enum SpecSchema {
    /// The schema of one document of a spec file.
    static var document: JSONValue {
        var builder = SpecSchemaBuilder()
        let pipeline = builder.reference(to: SpecFields.document)
        let topic = builder.reference(to: SpecFields.topic)
        let testFile = builder.reference(to: SpecFields.testFile)
        // What a document is shows in its first key; so a mistake in a pipeline is never explained
        // as one in a topic.
        let either: JSONValue = ["anyOf": [pipeline, topic]]
        let unlessPipeline: JSONValue = [
            "if": ["required": ["topic"]], "then": topic, "else": either,
        ]
        // `NAME.test.yaml`: tests of a pipeline that stands elsewhere.
        let unlessTests: JSONValue = [
            "if": ["required": ["pipeline"]], "then": pipeline, "else": unlessPipeline,
        ]
        let hasTestsAlone: JSONValue = [
            "required": ["tests"],
            "not": [
                "anyOf": [
                    ["required": ["sources"]], ["required": ["steps"]], ["required": ["sinks"]],
                ]
            ],
        ]
        return [
            "$schema": "http://json-schema.org/draft-07/schema#",
            "title": "pipelined spec",
            "description": .string(
                "A pipeline or a topic of pipelined. 'pipelined validate' also checks what only shows "
                    + "with the names, columns and types at hand."),
            "type": "object",
            "if": hasTestsAlone, "then": testFile, "else": unlessTests,
            "definitions": .object(builder.finished()),
        ]
    }

    /// What a group is called under `definitions`.
    static func definitionName(_ group: FieldGroup) -> String {
        group.name.replacing(" ", with: "-")
    }
}

/// Makes the definitions of groups, each once, as they are referred to.
struct SpecSchemaBuilder {
    private var definitions = JSONObject()
    private var named: Set<String> = []

    /// The definitions of all groups that were referred to.
    func finished() -> JSONObject { definitions }

    /// `{"$ref": …}` to a mapping of a group's fields.
    mutating func reference(to group: FieldGroup) -> JSONValue {
        refer(to: SpecSchema.definitionName(group)) { $0.mapping(of: group) }
    }

    /// `{"$ref": …}` to the value that is made when the name is first referred to.
    mutating func refer(
        to name: String, _ make: (inout SpecSchemaBuilder) -> JSONValue
    ) -> JSONValue {
        if named.insert(name).inserted {
            // Takes its place before what it refers to.
            definitions[name] = .null
            definitions[name] = make(&self)
        }
        return ["$ref": .string("#/definitions/\(name)")]
    }

    /// A mapping of the group's fields and no others; where the one field is in capitals, of names that
    /// people choose.
    mutating func mapping(of group: FieldGroup) -> JSONValue {
        var result = JSONObject([
            ("title", .string(group.name)), ("type", "object"),
        ])
        if let chosen = group.fields.first, group.fields.count == 1,
            chosen.name == chosen.name.uppercased()
        {
            result["propertyNames"] = SchemaScalars.names(.column)
            result["additionalProperties"] = property(chosen)
            return .object(result)
        }
        var properties = JSONObject()
        for field in group.fields { properties[field.name] = property(field) }
        result["properties"] = .object(properties)
        // `null:` as a key is YAML's nothing to editors; a pattern finds it, a name does not.
        let odd = group.fields.filter { CoreValue(plain: $0.name) != .string }
        if !odd.isEmpty {
            result["patternProperties"] = .object(
                JSONObject(odd.map { ("^\($0.name)$", .object(value($0.form))) }))
        }
        let required = group.fields.filter(\.isRequired).map(\.name)
        if !required.isEmpty { result["required"] = .strings(required) }
        result["additionalProperties"] = false
        add(group.rules, of: group, to: &result)
        return .object(result)
    }

    private func add(_ rules: FieldRules, of group: FieldGroup, to result: inout JSONObject) {
        func written(_ name: String) -> JSONValue { ["required": .strings([name])] }
        if rules.one.count == group.fields.count {
            result["minProperties"] = 1
            result["maxProperties"] = 1
        } else if !rules.one.isEmpty {
            result["oneOf"] = .array(rules.one.map(written))
        }
        if !rules.atMostOne.isEmpty {
            let some: JSONValue = ["anyOf": .array(rules.atMostOne.map(written))]
            result["oneOf"] = .array(rules.atMostOne.map(written) + [["not": some]])
        }
        if !rules.needs.isEmpty {
            result["dependencies"] = .object(
                JSONObject(rules.needs.map { ($0.field, .strings($0.others)) }))
        }
    }

    /// A field's value, with what the reference says of it.
    private mutating func property(_ field: SpecField) -> JSONValue {
        var result = value(field.form)
        var lines = [field.doc, "Takes \(field.form.words)."]
        if let unit = field.unit { lines[1] = "Takes \(field.form.words); unit: \(unit)." }
        lines.append("Example: \(field.example)")
        result["description"] = .string(lines.joined(separator: "\n"))
        if let words = field.defaultText {
            result["default"] = SchemaScalars.constant(words, field)
        }
        return .object(result)
    }
}

extension JSONValue {
    /// An array of texts.
    static func strings(_ texts: [String]) -> JSONValue { .array(texts.map(JSONValue.string)) }
}
