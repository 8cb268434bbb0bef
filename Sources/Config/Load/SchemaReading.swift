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

    /// Reports columns of JSON whose paths are one, or begin alike: a value is read once.
    func checkPaths(_ schema: ReadSchema, _ node: FieldReader) {
        let paths = schema.fields.map { (field: $0, path: $0.path.map { Array($0.utf8) }) }
            .sorted { a, b in
                a.path.lexicographicallyPrecedes(b.path) { $0.lexicographicallyPrecedes($1) }
            }
        // What begins with a path comes right behind it.
        for (first, second) in zip(paths, paths.dropFirst())
        where second.path.starts(with: first.path) {
            let entry = node.namedEntries("schema").first { $0.key.text == second.field.name }
            report(
                .isNot(
                    second.field.name,
                    "has the path of '\(first.field.name)', or one that begins with it",
                    at: entry.map { location($0.key) } ?? location(node.keyRange("schema")),
                    help: "read the value once, and take its parts in a step"))
        }
    }

    private func readField(_ entry: LocatedEntry) -> FieldSpec? {
        let name = entry.key.text
        var hasOptions = false
        if case .mapping(let members) = entry.value.content {
            hasOptions = members.contains { SpecFields.schemaField[$0.key.text] != nil }
        }
        guard hasOptions else {
            if entry.value.isNull {
                report(.missingType(of: name, at: location(entry.key)))
                return nil
            }
            guard let (type, encoding) = readType(entry.value, of: name) else { return nil }
            return FieldSpec(name: name, type: type, path: [name], timestamp: encoding)
        }
        guard
            let reader = FieldReader(
                entry.value, SpecFields.schemaField, owner: "column '\(name)'", self)
        else { return nil }
        let path = reader.text("path")
        let isRequired = reader.flag("required") ?? false
        guard let typeValue = reader.value("type"),
            let (type, encoding) = readType(typeValue, of: name)
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
        case (.decimal(let precision, let scale), .bigint),
            (.decimal(let precision, let scale), .decimal):
            if case .scalar(let scalar) = value.content {
                let unscaled = Array(scalar.text.utf8).withUnsafeBufferPointer {
                    Decimal38.exact($0, precision: precision, scale: scale)
                }
                if let unscaled { return .decimal(unscaled: unscaled, scale: scale) }
            }
        case (.date, .string(let bytes)):
            if let day = bytes.withUnsafeBufferPointer({ CalendarDay.parse($0) }) {
                return .bigint(day)
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

    /// A type as it stands in a schema: a name, `[element]`, `{field: type}`; nil when reported.
    ///
    /// - Parameter name: Of the column or field that has it.
    func readType(
        _ value: LocatedValue, of name: String, depth: Int = 0
    ) -> (ColumnType, FieldSpec.TimestampEncoding)? {
        if depth > ColumnType.depthMax {
            report(.typeTooDeep(at: location(value)))
            return nil
        }
        switch value.content {
        case .broken: return nil
        case .scalar:
            guard let scalar = scalar(value, SpecFields.schemaField["type"]) else { return nil }
            return readType(scalar)
        case .sequence(let written):
            let items = withoutCuts(written)
            guard items.count == 1, let element = readPart(items[0], of: name, depth) else {
                if items.count != 1 { report(.badArrayType(of: name, at: location(value))) }
                return nil
            }
            return (.array(element), .rfc3339)
        case .mapping(let entries):
            var fields: [Field] = []
            for entry in entries {
                if let type = readPart(entry.value, of: entry.key.text, depth) {
                    fields.append(Field(entry.key.text, type))
                }
            }
            guard !entries.isEmpty, entries.count <= SpecLimits.columnsMax else {
                report(.badStructType(of: name, at: location(value)))
                return nil
            }
            return fields.count == entries.count ? (.structure(fields), .rfc3339) : nil
        }
    }

    /// The type of an element or a field; nil when reported.
    private func readPart(_ value: LocatedValue, of name: String, _ depth: Int) -> ColumnType? {
        guard !value.isNull else {
            report(.missingType(of: name, at: location(value)))
            return nil
        }
        guard let (type, encoding) = readType(value, of: name, depth: depth + 1) else {
            return nil
        }
        guard encoding == .rfc3339 else {
            report(
                .notSupported(
                    "a timestamp's form inside an array or struct", at: location(value),
                    help: "declare it as string or bigint and use to_timestamp, or read RFC 3339 "
                        + "text as timestamp"))
            return nil
        }
        return type
    }

    /// A type by its name; nil when reported.
    func readType(_ scalar: LocatedScalar) -> (ColumnType, FieldSpec.TimestampEncoding)? {
        let place = location(scalar)
        let text = scalar.text
        switch text {
        case "boolean": return (.boolean, .rfc3339)
        case "bigint": return (.bigint, .rfc3339)
        case "double": return (.double, .rfc3339)
        case "string": return (.string, .rfc3339)
        case "timestamp": return (.timestamp, .rfc3339)
        case "date": return (.date, .rfc3339)
        case "bytes": return (.bytes, .rfc3339)
        case "json": return (.json, .rfc3339)
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
        if TypeNames.composed.contains(word.lowercased()) {
            switch ExpressionBinder.type(text) {
            case .success(let type): return (type, .rfc3339)
            case .failure(let problem):
                let range = filePositions(of: problem.range, in: scalar, source)
                report(
                    Diagnostic(
                        problem.message, at: location(range), label: problem.label,
                        help: problem.help))
            }
        } else if word == "map" {
            report(.mapType(text, at: place))
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

/// Microseconds since the epoch of an RFC 3339 time, UTC without an offset; nil for anything else.
func parseTimestamp(_ text: String) -> Int64? {
    Array(text.utf8).withUnsafeBufferPointer { Timestamp.parseRFC3339($0) }
}
