import Operators

/// The columns of a `schema:`, as far as they could be read.
struct ReadSchema {
    var fields: [FieldSpec] = []
    /// Columns that are declared with a type that was refused.
    var doubtful: Set<String> = []
    /// Whether columns are missing altogether.
    var isOpen = false
}

extension LoadContext {
    /// Reads `schema:` of a source, a table or a topic's document.
    func readSchema(_ node: FieldReader) -> ReadSchema {
        var result = ReadSchema()
        if !node.has("schema"), let field = node.group["schema"], !field.isRequired {
            report(.missingField(field, owner: node.owner, at: location(node.start)))
        }
        let entries = node.namedEntries("schema")
        result.isOpen = entries.isEmpty
        if entries.count > SpecLimits.columnsMax {
            report(.tooManyColumns("'schema'", at: location(node.keyRange("schema"))))
            result.isOpen = true
            return result
        }
        for (ordinal, entry) in entries.enumerated() {
            let name = entry.key.text
            if name.isEmpty || name == "rowtime" {
                report(
                    .reservedColumn(
                        name, name.isEmpty ? "it has no letters" : "every row's event time has it",
                        at: location(entry.key)))
            } else if var field = readField(entry) {
                field.ordinal = ordinal
                result.fields.append(field)
                continue
            }
            result.doubtful.insert(name)
        }
        return result
    }

    private func readField(_ entry: LocatedEntry) -> FieldSpec? {
        let name = entry.key.text
        guard case .mapping(let members) = entry.value.content else {
            guard case .scalar(let scalar) = entry.value.content else {
                if !entry.value.isBroken {
                    report(
                        .notSupported("a nested type", at: location(entry.value)))
                }
                return nil
            }
            if entry.value.isNull {
                report(.missingType(of: name, at: location(entry.key)))
                return nil
            }
            guard let (type, encoding) = readType(scalar) else { return nil }
            return FieldSpec(name: name, type: type, path: [name], timestamp: encoding)
        }
        if !members.contains(where: { SpecFields.schemaField[$0.key.text] != nil }) {
            report(.notSupported("a nested type", at: location(entry.value)))
            return nil
        }
        guard
            let reader = FieldReader(
                entry.value, SpecFields.schemaField, owner: "column '\(name)'", self)
        else { return nil }
        let path = reader.text("path")
        let isRequired = reader.flag("required") ?? false
        guard let typeValue = reader.value("type"),
            let typeText = scalar(typeValue, SpecFields.schemaField["type"]),
            let (type, encoding) = readType(typeText)
        else { return nil }
        var field = FieldSpec(
            name: name, type: type, path: [name], isRequired: isRequired, timestamp: encoding)
        if let path {
            field.path = path.value.split(separator: ".", omittingEmptySubsequences: false)
                .map(String.init)
            if field.path.contains("") {
                report(.badPath(path.written, at: location(path.scalar)))
            }
        }
        if let value = reader.value("default") {
            field.defaultValue = readDefault(value, of: name, type)
        }
        return field
    }

    /// A default in the type of its column; nil when reported.
    private func readDefault(
        _ value: LocatedValue, of name: String, _ type: ColumnType
    ) -> Literal? {
        guard let literal = readConstant(value, of: "default") else { return nil }
        switch (type, literal) {
        case (.boolean, .boolean), (.bigint, .bigint), (.double, .double), (.string, .string):
            return literal
        case (.double, .bigint(let number)): return .double(Double(number))
        case (.double, .decimal):
            if case .scalar(let scalar) = value.content {
                return Double(scalar.text).map(Literal.double)
            }
        case (.timestamp, .string(let bytes)):
            if let micros = parseTimestamp(String(decoding: bytes, as: UTF8.self)) {
                return .timestamp(micros)
            }
        default: break
        }
        report(.badDefault(of: name, type: type.name, at: location(value)))
        return nil
    }

    /// A type as it stands in a schema; nil when reported.
    func readType(_ scalar: LocatedScalar) -> (ColumnType, FieldSpec.TimestampEncoding)? {
        let place = location(scalar)
        let text = scalar.text
        switch text {
        case "boolean": return (.boolean, .rfc3339)
        case "bigint": return (.bigint, .rfc3339)
        case "double": return (.double, .rfc3339)
        case "string": return (.string, .rfc3339)
        case "timestamp": return (.timestamp, .rfc3339)
        default: break
        }
        if text.hasPrefix("timestamp("), text.hasSuffix(")") {
            let argument = String(text.dropFirst(10).dropLast())
            if let units = unitsPerSecond[argument] {
                return (.timestamp, .integer(unitsPerSecond: units))
            }
            if argument.utf8.count > 2, argument.hasPrefix("'"), argument.hasSuffix("'") {
                return readPattern(String(argument.dropFirst().dropLast()), scalar)
            }
            report(.badTimestampUnit(argument, at: place))
            return nil
        }
        let word = String(text.prefix { $0 != "(" && $0 != "<" && $0 != "[" })
        if laterTypes.contains(word) {
            report(.notSupported("type '\(text)'", at: place))
        } else {
            report(.unknownType(text, at: place))
        }
        return nil
    }
}

extension LoadContext {
    /// A pattern of date letters or strftime, checked.
    private func readPattern(
        _ pattern: String, _ scalar: LocatedScalar
    ) -> (ColumnType, FieldSpec.TimestampEncoding)? {
        switch DatePattern.compile(pattern, isParsing: true) {
        case .success: return (.timestamp, .pattern(pattern))
        case .failure(let problem):
            report(Diagnostic(problem.message, at: location(scalar), help: problem.help))
            return nil
        }
    }
}

private let unitsPerSecond: [String: Int64] = [
    "s": 1, "ms": 1000, "us": 1_000_000, "ns": 1_000_000_000,
]

private let laterTypes: Set<String> = [
    "decimal", "bytes", "date", "json", "array", "struct", "map",
]

/// Microseconds since the epoch of an RFC 3339 time, UTC without an offset; nil for anything else.
func parseTimestamp(_ text: String) -> Int64? {
    Array(text.utf8).withUnsafeBufferPointer { Timestamp.parseRFC3339($0) }
}
