import Operators

/// Values of rows, by the types of their columns.
extension TestReader {
    /// Reads a value that a column can have.
    ///
    /// - Parameter encoding: How integers are times; without a unit they are none.
    /// - Returns: nil when reported.
    func readValue(
        _ value: LocatedValue, _ type: ColumnType, of name: String,
        encoding: FieldSpec.TimestampEncoding = .rfc3339
    ) -> TestValue? {
        if value.isBroken { return nil }
        if value.isNull { return .null }
        switch type {
        case .array(let element): return readList(value, element, of: name)
        case .structure(let fields): return readFields(value, fields, of: name)
        case .json: return .json(jsonText(value))
        default: break
        }
        guard case .scalar(let scalar) = value.content else {
            context.report(
                .wrongKind(
                    "'\(name)' takes \(words(type))", found: value.kindName, help: nil,
                    at: context.location(value)))
            return nil
        }
        guard let text = context.substitute(scalar) else { return nil }
        if let read = read(text, type, encoding) { return read }
        context.report(
            .badTestValue(
                text.written, isSubstituted: text.isSubstituted, of: name, type: words(type),
                at: context.location(scalar)))
        return nil
    }

    private func read(
        _ text: SpecText, _ type: ColumnType, _ encoding: FieldSpec.TimestampEncoding
    ) -> TestValue? {
        let plain = text.scalar.style == .plain ? CoreValue(plain: text.value) : .string
        switch (type, plain) {
        case (.string, _), (.bytes, _): return .text(text.value)
        case (.boolean, .boolean(let flag)): return .boolean(flag)
        case (.bigint, .integer(let number)): return .integer(number)
        case (.double, .integer(let number)): return .double(Double(number))
        case (.double, .float(let number)) where number.isFinite: return .double(number)
        case (.decimal, .integer(let number)): return .decimal("\(number)")
        case (.decimal, .float), (.decimal, .largeInteger):
            let digits = text.value.contains(".") ? text.value : text.value + "."
            guard case .decimal(let unscaled, let scale)? = decimal(digits) else { return nil }
            return .decimal(decimalText(unscaled, scale: scale))
        case (.date, _):
            let isDay = Array(text.value.utf8).withUnsafeBufferPointer {
                CalendarDay.parse($0) != nil
            }
            return isDay ? .text(text.value) : nil
        case (.timestamp, .integer(let number)):
            guard case .integer(let units) = encoding else { return nil }
            if units > 1_000_000 { return .timestamp(number / (units / 1_000_000)) }
            let (micros, overflow) = number.multipliedReportingOverflow(by: 1_000_000 / units)
            return overflow ? nil : .timestamp(micros)
        case (.timestamp, _): return parseTimestamp(text.value).map { .timestamp($0) }
        default: return nil
        }
    }

    /// As JSON has it, with a digit before the point.
    private func decimalText(_ unscaled: Int128, scale: Int) -> String {
        var digits = "\(unscaled.magnitude)"
        digits = String(repeating: "0", count: max(0, scale + 1 - digits.count)) + digits
        let whole = digits.dropLast(scale)
        let fraction = scale > 0 ? "." + digits.suffix(scale) : ""
        return (unscaled < 0 ? "-" : "") + whole + fraction
    }

    private func readList(
        _ value: LocatedValue, _ element: ColumnType, of name: String
    ) -> TestValue? {
        guard let items = items(value, "'\(name)' takes a list of \(element.name)") else {
            return nil
        }
        let values = items.compactMap { readValue($0, element, of: "\(name)[]") }
        return values.count == items.count ? .list(values) : nil
    }

    private func readFields(
        _ value: LocatedValue, _ fields: [Field], of name: String
    ) -> TestValue? {
        guard case .mapping(let entries) = value.content else {
            context.report(
                .wrongKind(
                    "'\(name)' takes a mapping of \(listed(fields.map(\.name)))",
                    found: value.kindName, help: nil, at: context.location(value)))
            return nil
        }
        var result: [TestValue.Field] = []
        for entry in entries {
            guard let field = fields.first(where: { $0.name == entry.key.text }) else {
                context.report(
                    .unknownColumn(
                        entry.key.text, owner: name, columns: fields.map(\.name),
                        at: context.location(entry.key)))
                continue
            }
            guard let read = readValue(entry.value, field.type, of: "\(name).\(field.name)") else {
                continue
            }
            result.append(TestValue.Field(name: field.name, value: read))
        }
        return result.count == entries.count ? .fields(result) : nil
    }

    /// Anything as JSON.
    private func jsonText(_ value: LocatedValue) -> String {
        switch value.content {
        case .broken: return "null"
        case .sequence(let items): return "[\(items.map(jsonText).joined(separator: ","))]"
        case .mapping(let entries):
            let members = entries.map { "\(jsonString($0.key.text)):\(jsonText($0.value))" }
            return "{\(members.joined(separator: ","))}"
        case .scalar(let scalar):
            switch scalar.resolved {
            case .null: return "null"
            case .boolean(let flag): return flag ? "true" : "false"
            case .integer(let number): return "\(number)"
            case .float(let number) where number.isFinite: return "\(number)"
            default: return jsonString(context.substitute(scalar)?.value ?? scalar.text)
            }
        }
    }

    private func words(_ type: ColumnType) -> String {
        switch type {
        case .boolean: return "true or false"
        case .bigint: return "a whole number"
        case .double: return "a number"
        case .decimal: return "a number without exponent"
        case .date: return "a day such as 2026-01-31"
        case .timestamp: return "a time such as 2026-01-31T12:00:00Z"
        case .array, .structure: return type.name
        case .string, .bytes, .json, .interval: return "a text"
        }
    }
}
