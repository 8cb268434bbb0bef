/// Functions of angles and places, of changed text, and of the calendar.
extension FunctionCatalog {
    static let further: [String: Entry] = {
        var all: [String: Entry] = [:]
        func scalar(
            _ names: String..., is function: ScalarFunction, _ counts: ClosedRange<Int>,
            _ usage: String
        ) {
            for name in names {
                all[name] = Entry(
                    meaning: .scalar(function), argumentCounts: counts, usage: "\(name)\(usage)")
            }
        }
        for function in [
            ScalarFunction.acos, .asin, .atan, .cbrt, .cos, .cosh, .cot, .degrees, .log2, .radians,
            .sin, .sinh, .tan, .tanh,
        ] {
            scalar(function.rawValue, is: function, 1...1, "(number)")
        }
        scalar("atan2", is: .atan2, 2...2, "(y, x)")
        scalar(
            "geo_distance", is: .geoDistance, 4...5,
            "(latitude, longitude, latitude, longitude [, 'km'|'miles'])")
        all["pi"] = Entry(meaning: .pi, argumentCounts: 0...0, usage: "pi()")
        scalar("translate", is: .translate, 3...3, "(text, from, to)")
        scalar("overlay", is: .overlay, 3...4, "(text, new, start [, count])")
        scalar("locate", is: .locate, 2...3, "(part, text [, start])")
        scalar("mask", is: .mask, 1...1, "(text)")
        for function in [
            ScalarFunction.maskLeft, .maskRight, .maskKeepLeft, .maskKeepRight,
        ] {
            scalar(function.rawValue, is: function, 2...2, "(text, count)")
        }
        scalar("url_extract_fragment", is: .urlFragment, 1...1, "(text)")
        scalar("regexp_instr", is: .regexpInstr, 2...2, "(text, 'pattern')")
        scalar("truncate", is: .truncate, 1...2, "(number [, digits])")
        scalar("startswith", is: .startsWith, 2...2, "(text, prefix)")
        scalar("endswith", is: .endsWith, 2...2, "(text, suffix)")
        scalar(
            "date_add", "timestampadd", is: .dateAdd, 3...4,
            "('unit', number, timestamp [, 'zone'])")
        scalar(
            "date_diff", "timestampdiff", is: .dateDiff, 3...4, "('unit', from, to [, 'zone'])")
        scalar("date_bin", is: .dateBin, 2...3, "(interval, timestamp [, origin])")
        for (name, field) in [("dayofmonth", TimeField.day), ("dayofyear", .doy)] {
            all[name] = Entry(
                meaning: .field(field), argumentCounts: 1...1, usage: "\(name)(timestamp)")
        }
        return all
    }()
}

extension ExpressionBinding {
    mutating func furtherFunction(
        _ function: ScalarFunction, _ name: String, _ arguments: [Syntax], _ range: Range<Int>
    ) -> BoundOperand? {
        let types: [ColumnType]
        var function = function
        switch function {
        case .translate: types = [.string, .string, .string]
        case .overlay: types = [.string, .string, .bigint, .bigint]
        case .mask, .urlFragment: types = [.string]
        case .maskLeft, .maskRight, .maskKeepLeft, .maskKeepRight: types = [.string, .bigint]
        case .locate:
            types = [.string, .string, .bigint]
            if arguments.count == 2 { function = .position }
        case .geoDistance: return distance(arguments, range)
        case .dateAdd: return calendar(function, name, [.bigint, .timestamp], arguments, range)
        case .dateDiff: return calendar(function, name, [.timestamp, .timestamp], arguments, range)
        case .dateBin: return dateBin(arguments, range)
        default: types = [.double, .double]
        }
        let bound = zip(arguments, types).map { argument($0, name, $1) }
        let operands = bound.compactMap { $0 }
        guard operands.count == bound.count else { return nil }
        switch function {
        case .position, .locate: return call(function, operands, .bigint, range)
        default:
            return call(function, operands, types[0] == .double ? .double : .string, range)
        }
    }

    /// Kilometres, or miles if they are asked for.
    private mutating func distance(_ arguments: [Syntax], _ range: Range<Int>) -> BoundOperand? {
        let name = "geo_distance"
        let bound = arguments.prefix(4).map { argument($0, name, .double) }
        var unit: [UInt8]? = Array("km".utf8)
        if arguments.count > 4 { unit = literalText(arguments[4], name, "unit") }
        let operands = bound.compactMap { $0 }
        guard let unit, operands.count == bound.count else { return nil }
        let kilometres = call(.geoDistance, operands, .double, range)
        switch String(decoding: unit, as: UTF8.self).lowercased() {
        case "km": return kilometres
        case "miles":
            let mile = BoundOperand(node: .literal(.double(1.609344), .double), range: range)
            return arithmetic(.divide, kilometres, mile, range)
        default:
            return report(
                "unknown unit of '\(name)'", at: arguments[4].range, help: "write 'km' or 'miles'")
        }
    }

    /// Unit, two more arguments and an optional zone.
    private mutating func calendar(
        _ function: ScalarFunction, _ name: String, _ types: [ColumnType], _ arguments: [Syntax],
        _ range: Range<Int>
    ) -> BoundOperand? {
        let unit = literalText(arguments[0], name, "unit")
        let first = argument(arguments[1], name, types[0])
        let second = argument(arguments[2], name, types[1])
        guard let unit, let first, let second else { return nil }
        let text = String(decoding: unit, as: UTF8.self).lowercased()
        guard let known = TimeUnit(name: text) else {
            return report(
                "unknown unit '\(text)'", at: arguments[0].range,
                help: NameSuggestion.help(for: text, among: TimeUnit.allCases.map(\.rawValue))
                    ?? "units are " + TimeUnit.allCases.map(\.rawValue).joined(separator: ", "))
        }
        var operands = [literal(Array(known.rawValue.utf8), arguments[0].range), first, second]
        if arguments.count > 3 {
            guard let zone = zone(arguments[3], name) else { return nil }
            operands.append(zone)
        }
        return call(function, operands, function == .dateAdd ? .timestamp : .bigint, range)
    }

    private mutating func dateBin(_ arguments: [Syntax], _ range: Range<Int>) -> BoundOperand? {
        let width = argument(arguments[0], "date_bin", .interval)
        let time = argument(arguments[1], "date_bin", .timestamp)
        var origin: BoundOperand? = BoundOperand(
            node: .literal(.timestamp(0), .timestamp), range: range)
        if arguments.count > 2 { origin = argument(arguments[2], "date_bin", .timestamp) }
        guard let width, let time, let origin else { return nil }
        return call(.dateBin, [width, time, origin], .timestamp, range)
    }
}
