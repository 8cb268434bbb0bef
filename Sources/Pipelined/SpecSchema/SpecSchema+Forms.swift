import Config

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
