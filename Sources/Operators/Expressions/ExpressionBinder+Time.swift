/// Functions of time, whose units, patterns and zones are read once, here.
extension ExpressionBinding {
    mutating func timeFunction(
        _ function: ScalarFunction, _ name: String, _ arguments: [Syntax], _ range: Range<Int>
    ) -> BoundOperand? {
        switch function {
        case .dateTrunc: return dateTrunc(arguments, range)
        case .extract: return extract(arguments, range)
        case .dateFormat:
            let time = argument(arguments[0], name, .timestamp)
            let rest = patternAndZone(arguments, name, isParsing: false)
            guard let time, let rest else { return nil }
            return call(.dateFormat, [time] + rest, .string, range)
        default:
            if arguments.count == 1 { return timestampFromOne(arguments[0], range) }
            let text = string(arguments[0], name)
            let rest = patternAndZone(arguments, name, isParsing: true)
            guard let text, let rest else { return nil }
            return call(.timestampFromText, [text] + rest, .timestamp, range)
        }
    }

    /// `to_date(text, pattern)`.
    mutating func date(_ arguments: [Syntax], _ range: Range<Int>) -> BoundOperand? {
        let time = timeFunction(.timestampFromText, "to_date", arguments, range)
        return time.map {
            BoundOperand(node: ConstantFolding.cast($0.node, to: .date), range: range)
        }
    }

    /// `to_timestamp(seconds)`; of text it is the cast.
    private mutating func timestampFromOne(_ syntax: Syntax, _ range: Range<Int>) -> BoundOperand? {
        guard let bound = bind(syntax) else { return nil }
        if bound.isUntyped || bound.type == .timestamp {
            return argument(bound, "to_timestamp", .timestamp)
        }
        switch bound.type {
        case .string:
            return BoundOperand(
                node: ConstantFolding.cast(bound.node, to: .timestamp), range: range)
        case .bigint, .double, .decimal:
            return call(.timestampFromEpoch, [bound], .timestamp, range)
        default:
            return report(
                "'to_timestamp' needs seconds since 1970 or text, found \(bound.type.name)",
                at: bound.range)
        }
    }

    /// The second and third argument of `date_format` and `to_timestamp`, checked.
    private mutating func patternAndZone(
        _ arguments: [Syntax], _ name: String, isParsing: Bool
    ) -> [BoundOperand]? {
        guard let pattern = literalText(arguments[1], name, "pattern") else { return nil }
        var result = [literal(pattern, arguments[1].range)]
        if case .failure(let problem) = DatePattern.compile(pattern, isParsing: isParsing) {
            report(problem.message, at: arguments[1].range, help: problem.help)
            return nil
        }
        if arguments.count > 2 {
            guard let zone = zone(arguments[2], name) else { return nil }
            result.append(zone)
        }
        return result
    }

    func literal(_ bytes: [UInt8], _ range: Range<Int>) -> BoundOperand {
        BoundOperand(node: .literal(.string(bytes), .string), range: range)
    }

    mutating func zone(_ syntax: Syntax, _ name: String) -> BoundOperand? {
        guard let bytes = literalText(syntax, name, "time zone") else { return nil }
        do throws(TimeZoneError) {
            _ = try TimeZoneRules.named(String(decoding: bytes, as: UTF8.self))
        } catch {
            return report(error.message, at: syntax.range, help: error.help)
        }
        return literal(bytes, syntax.range)
    }

    private mutating func dateTrunc(_ arguments: [Syntax], _ range: Range<Int>) -> BoundOperand? {
        let unit = literalText(arguments[0], "date_trunc", "unit")
        let time = argument(arguments[1], "date_trunc", .timestamp)
        guard let unit, let time else { return nil }
        let name = String(decoding: unit, as: UTF8.self).lowercased()
        guard let known = TimeUnit(name: name) else {
            return report(
                "unknown unit '\(name)'", at: arguments[0].range,
                help: NameSuggestion.help(for: name, among: TimeUnit.allCases.map(\.rawValue))
                    ?? "units are " + TimeUnit.allCases.map(\.rawValue).joined(separator: ", "))
        }
        var operands = [literal(Array(known.rawValue.utf8), arguments[0].range), time]
        if arguments.count > 2 {
            guard let zone = zone(arguments[2], "date_trunc") else { return nil }
            operands.append(zone)
        }
        return call(.dateTrunc, operands, .timestamp, range)
    }

    private mutating func extract(_ arguments: [Syntax], _ range: Range<Int>) -> BoundOperand? {
        let field = literalText(arguments[0], "extract", "field")
        guard let bound = bind(arguments[1]),
            let operand = bound.type == .interval ? bound : argument(bound, "extract", .timestamp),
            let field
        else { return nil }
        let name = String(decoding: field, as: UTF8.self).lowercased()
        guard let known = TimeField(name: name) else {
            return report(
                "unknown field '\(name)'", at: arguments[0].range,
                help: NameSuggestion.help(for: name, among: TimeField.allCases.map(\.rawValue))
                    ?? "fields are " + TimeField.allCases.map(\.rawValue).joined(separator: ", "))
        }
        guard operand.type == .timestamp || known.isOfInterval else {
            return report("an interval has no field '\(name)'", at: arguments[0].range)
        }
        let unit = literal(Array(known.rawValue.utf8), arguments[0].range)
        return call(.extract, [unit, operand], known.type, range)
    }
}
