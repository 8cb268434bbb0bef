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
        // What a document is shows in its first key; so a mistake in a pipeline is never explained
        // as one in a topic.
        let either: JSONValue = ["anyOf": [pipeline, topic]]
        let unlessPipeline: JSONValue = [
            "if": ["required": ["topic"]], "then": topic, "else": either,
        ]
        return [
            "$schema": "http://json-schema.org/draft-07/schema#",
            "title": "pipelined spec",
            "description": .string(
                "A pipeline or a topic of pipelined. 'pipelined validate' also checks what only shows "
                    + "with the names, columns and types at hand."),
            "type": "object",
            "if": ["required": ["pipeline"]], "then": pipeline, "else": unlessPipeline,
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

    private mutating func mapping(of group: FieldGroup) -> JSONValue {
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
        if group.name == SpecFields.document.name {
            properties["tests"] = refer(to: "tests") { $0.tests() }
        }
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

extension SpecSchemaBuilder {
    /// What a form takes.
    mutating func value(_ form: SpecField.Form) -> JSONObject {
        switch form {
        case .text, .name, .column, .constant: return SchemaScalars.text
        case .expression: return SchemaScalars.expression
        case .named(let kind): return SchemaScalars.named(kind)
        case .node: return SchemaScalars.node
        case .duration: return SchemaScalars.duration
        case .size: return SchemaScalars.size
        case .integer: return SchemaScalars.integer
        case .number: return SchemaScalars.number
        case .boolean: return SchemaScalars.boolean
        case .choice(let words): return SchemaScalars.choice(words)
        case .nodes:
            return any([.object(SchemaScalars.node), list(SchemaScalars.node, isFilled: true)])
        case .columns: return list(SchemaScalars.text).object ?? JSONObject()
        case .items: return object(refer(to: "items") { _ in Self.items })
        case .type: return object(type())
        case .columnType(let group): return object(columnType(group))
        case .mapping: return JSONObject([("type", "object")])
        case .group(let group): return object(reference(to: group))
        case .oneOf(let group): return object(oneOf(group))
        case .entries(let kind, let form):
            return JSONObject([
                ("type", "object"), ("propertyNames", SchemaScalars.names(kind)),
                ("additionalProperties", .object(value(form))),
            ])
        case .list(let form, let count):
            var result = JSONObject([("type", "array"), ("items", .object(value(form)))])
            if let count {
                result["minItems"] = .count(count)
                result["maxItems"] = .count(count)
            }
            return result
        case .nothing:
            return JSONObject([("type", ["object", "null"]), ("maxProperties", 0)])
        case .either(_, let forms):
            // Without declared forms the words alone say what is taken.
            if forms.isEmpty { return JSONObject() }
            return forms.count == 1 ? value(forms[0]) : any(forms.flatMap { alternatives($0) })
        }
    }

    /// The values of a form, without a choice inside of a choice.
    private mutating func alternatives(_ form: SpecField.Form) -> [JSONValue] {
        let made = value(form)
        return made["anyOf"]?.array ?? [.object(made)]
    }

    private func any(_ values: [JSONValue]) -> JSONObject {
        JSONObject([("anyOf", .array(values))])
    }

    private func object(_ value: JSONValue) -> JSONObject { value.object ?? JSONObject() }

    private func list(_ element: JSONObject, isFilled: Bool = false) -> JSONValue {
        var result = JSONObject([("type", "array"), ("items", .object(element))])
        if isFilled { result["minItems"] = 1 }
        return .object(result)
    }

    /// Columns and named expressions, as a list or as a map.
    private static var items: JSONValue {
        let map: JSONValue = [
            "type": "object", "additionalProperties": .object(SchemaScalars.expression),
        ]
        let item: JSONValue = ["anyOf": [.object(SchemaScalars.text), map]]
        return [
            "title": "items",
            "anyOf": [["type": "array", "minItems": 1, "items": item], map],
        ]
    }

    /// `NAME` where that may stand alone, or `{NAME: value}`.
    private mutating func oneOf(_ group: FieldGroup) -> JSONValue {
        refer(to: SpecSchema.definitionName(group)) { builder in
            var mapping = builder.mapping(of: group).object ?? JSONObject()
            var properties = mapping["properties"]?.object ?? JSONObject()
            for name in group.rules.alone {
                guard let value = properties[name] else { continue }
                properties[name] = SchemaScalars.orNothing(value)
            }
            mapping["properties"] = .object(properties)
            let words = group.fields.filter { group.rules.alone.contains($0.name) }
            return [
                "title": .string(group.name),
                "anyOf": [["enum": .strings(words.map(\.name))], .object(mapping)],
            ]
        }
    }
}

extension SpecSchemaBuilder {
    /// A type of a column.
    private mutating func type() -> JSONValue {
        refer(to: "type") { builder in
            let words =
                TypeNames.plain + TypeNames.timestampUnits.map { "timestamp(\($0))" }
            let patterns = [SchemaScalars.composedType, "^timestamp\\('.+'\\)$"]
            return builder.types("type", words, patterns)
        }
    }

    /// A type within another, where a timestamp has one form.
    private mutating func innerType() -> JSONValue {
        refer(to: "inner-type") { builder in
            builder.types("type", TypeNames.plain, [SchemaScalars.composedType])
        }
    }

    private mutating func types(
        _ title: String, _ words: [String], _ patterns: [String]
    ) -> JSONValue {
        let inner = innerType()
        var forms: [JSONValue] = [["enum": .strings(words)]]
        forms += patterns.map { ["type": "string", "pattern": .string($0)] }
        forms.append(["type": "array", "items": inner, "minItems": 1, "maxItems": 1])
        forms.append(["type": "object", "additionalProperties": inner, "minProperties": 1])
        return ["title": .string(title), "anyOf": .array(forms)]
    }

    /// A type, or a mapping that has one of the group's fields and then no others.
    private mutating func columnType(_ group: FieldGroup) -> JSONValue {
        refer(to: "column") { builder in
            let type = builder.type()
            let options = builder.reference(to: group)
            let hasOption: JSONValue = [
                "type": "object",
                "anyOf": .array(group.fields.map { ["required": .strings([$0.name])] }),
            ]
            return ["title": "column", "if": hasOption, "then": options, "else": type]
        }
    }
}

extension JSONValue {
    /// An array of texts.
    static func strings(_ texts: [String]) -> JSONValue { .array(texts.map(JSONValue.string)) }
}
