/// Arrays, structs, json and bytes.
extension ExpressionBinding {
    // MARK: Parts

    /// `x.name`
    mutating func field(
        _ name: String, of operand: BoundOperand, _ range: Range<Int>
    ) -> BoundOperand? {
        guard case .structure(let fields) = operand.type else {
            return report(
                "\(operand.type.name) has no fields", at: range,
                help: operand.type == .json ? "write … -> '\(name)' or … ->> '\(name)'" : nil)
        }
        guard let index = Schema(fields).index(of: name) else {
            let names = fields.map(\.name)
            return report(
                "unknown field '\(name)'", at: range,
                label: "the struct has \(names.prefix(20).joined(separator: ", "))",
                help: NameSuggestion.help(for: name, among: names))
        }
        let number = BoundOperand(node: .literal(.bigint(Int64(index)), .bigint), range: range)
        return call(.field, [operand, number], fields[index].type, range)
    }

    /// `x[n]`
    mutating func element(
        _ operand: Syntax, _ index: Syntax, _ range: Range<Int>
    ) -> BoundOperand? {
        let array = bind(operand)
        let number = argument(index, "[]", .bigint)
        guard let array, let number else { return nil }
        guard case .array(let element) = array.type else {
            return report(
                "\(array.type.name) has no elements", at: range,
                help: array.type == .json ? "write … -> 0; elements of json count from 0" : nil)
        }
        return call(.element, [array, number], element, range)
    }

    /// `array[a, b]`
    mutating func array(_ elements: [Syntax], _ range: Range<Int>) -> BoundOperand? {
        guard !elements.isEmpty else {
            return report(
                "an empty array needs a type", at: range,
                help: "write CAST('[]' AS array<string>)")
        }
        let bound = elements.map { bind($0) }
        let known = bound.compactMap { $0 }
        guard known.count == bound.count,
            let (operands, type) = unify(known, "the elements of an array", range)
        else { return nil }
        guard isStorable(type, range) else { return nil }
        return call(.makeArray, operands, .array(type), range)
    }

    /// `struct(a := x, b := y)`
    mutating func structure(
        _ fields: [(name: String, value: Syntax)], _ range: Range<Int>
    ) -> BoundOperand? {
        var operands: [BoundOperand] = []
        var types: [Field] = []
        for field in fields {
            guard let bound = bind(field.value), let operand = resolve(bound, toward: .string),
                isStorable(operand.type, field.value.range)
            else { continue }
            if Schema(types).index(of: field.name) != nil {
                report("a struct has the field '\(field.name)' twice", at: field.value.range)
                continue
            }
            operands.append(operand)
            types.append(Field(field.name, operand.type))
        }
        guard operands.count == fields.count else { return nil }
        return call(.makeStruct, operands, .structure(types), range)
    }

    private mutating func isStorable(_ type: ColumnType, _ range: Range<Int>) -> Bool {
        if type == .interval {
            report(
                "an interval has no place in an array or struct", at: range,
                help: "write extract(epoch FROM …)")
        } else if type.depth >= ColumnType.depthMax {
            report("arrays and structs are nested at most \(ColumnType.depthMax) deep", at: range)
        } else {
            return true
        }
        return false
    }

    /// `||` of two arrays, or of an array and an element; nil when neither side is one.
    mutating func arrayConcatenation(
        _ a: BoundOperand, _ b: BoundOperand, _ range: Range<Int>
    ) -> BoundOperand? {
        func elements(_ operand: BoundOperand) -> ColumnType? {
            if case .array(let element) = operand.type { return element }
            return nil
        }
        guard let element = elements(a) ?? elements(b) else { return nil }
        let type = ColumnType.array(element)
        func side(_ operand: BoundOperand) -> BoundOperand? {
            if elements(operand) != nil || (operand.isUntyped && operand.isNull) {
                return coerce(operand, to: type)
            }
            guard let one = coerce(operand, to: element) else { return nil }
            return call(.makeArray, [one], type, operand.range)
        }
        guard let left = side(a), let right = side(b) else { return nil }
        return call(.arrayConcat, [left, right], type, range)
    }

    /// Two texts may mean one value of json, so that it is not compared.
    mutating func incomparableJSON(_ range: Range<Int>) -> BoundOperand? {
        report(
            "json values cannot be compared", at: range,
            help: "compare a part as text (… ->> 'name'), or CAST(… AS string)")
    }

    // MARK: Functions

    mutating func nestedFunction(
        _ function: ScalarFunction, _ name: String, _ arguments: [Syntax], _ range: Range<Int>
    ) -> BoundOperand? {
        switch function {
        case .encode, .decode: return converted(function, name, arguments, range)
        case .chr: return typed(function, name, arguments, [.bigint], .string, range)
        case .makeDate:
            return typed(function, name, arguments, [.bigint, .bigint, .bigint], .date, range)
        case .stringToArray:
            return typed(
                function, name, arguments, [.string, .string], .array(.string), range)
        case .jsonArrayLength: return typed(function, name, arguments, [.json], .bigint, range)
        case .jsonTypeof: return typed(function, name, arguments, [.json], .string, range)
        case .jsonValue: return jsonValue(arguments, range)
        case .toJson:
            guard let bound = bind(arguments[0]), let operand = resolve(bound, toward: .string)
            else { return nil }
            if operand.type == .json { return operand }
            return call(.toJson, [operand], .json, range)
        default: return arrayFunction(function, name, arguments, range)
        }
    }

    /// A call whose arguments have fixed types.
    private mutating func typed(
        _ function: ScalarFunction, _ name: String, _ arguments: [Syntax], _ types: [ColumnType],
        _ result: ColumnType, _ range: Range<Int>
    ) -> BoundOperand? {
        var operands: [BoundOperand] = []
        for (syntax, type) in zip(arguments, types) {
            if let operand = argument(syntax, name, type) { operands.append(operand) }
        }
        guard operands.count == arguments.count else { return nil }
        return call(function, operands, result, range)
    }

    private mutating func arrayFunction(
        _ function: ScalarFunction, _ name: String, _ arguments: [Syntax], _ range: Range<Int>
    ) -> BoundOperand? {
        guard let array = bind(arguments[0]) else { return nil }
        guard case .array(let element) = array.type else {
            return report(
                "'\(name)' needs an array, found \(array.type.name)", at: array.range,
                help: array.type == .json || array.type == .string
                    ? "cast it: CAST(… AS array<string>)" : nil)
        }
        let types: [ColumnType]
        let result: ColumnType
        switch function {
        case .cardinality: (types, result) = ([], .bigint)
        case .arrayContains: (types, result) = ([element], .boolean)
        case .arrayJoin: (types, result) = ([.string, .string], .string)
        case .arrayMin, .arrayMax: (types, result) = ([], element)
        case .arrayConcat: (types, result) = ([array.type], array.type)
        case .slice: (types, result) = ([.bigint, .bigint], array.type)
        default: (types, result) = ([], array.type)
        }
        if element == .json, [.arrayContains, .arrayMin, .arrayMax, .arraySort].contains(function) {
            return incomparableJSON(array.range)
        }
        var operands = [array]
        for (syntax, type) in zip(arguments.dropFirst(), types) {
            if let operand = argument(syntax, name, type) { operands.append(operand) }
        }
        guard operands.count == arguments.count else { return nil }
        return call(function, operands, result, range)
    }

    private mutating func converted(
        _ function: ScalarFunction, _ name: String, _ arguments: [Syntax], _ range: Range<Int>
    ) -> BoundOperand? {
        let source = argument(arguments[0], name, function == .encode ? .bytes : .string)
        guard let form = literalText(arguments[1], name, "form"), let source else { return nil }
        guard form == Array("hex".utf8) || form == Array("base64".utf8) else {
            return report(
                "unknown form '\(String(decoding: form, as: UTF8.self))'", at: arguments[1].range,
                help: "forms are hex and base64")
        }
        let literal = BoundOperand(
            node: .literal(.string(form), .string), range: arguments[1].range)
        let type: ColumnType = function == .encode ? .string : .bytes
        return call(function, [source, literal], type, range)
    }

    private mutating func jsonValue(_ arguments: [Syntax], _ range: Range<Int>) -> BoundOperand? {
        let source = argument(arguments[0], "json_value", .json)
        guard let path = literalText(arguments[1], "json_value", "path"), let source else {
            return nil
        }
        guard JSONPath(path) != nil else {
            return report(
                "cannot read the path '\(String(decoding: path, as: UTF8.self))'",
                at: arguments[1].range, help: "write it like $.user.tags[0]")
        }
        let literal = BoundOperand(
            node: .literal(.string(path), .string), range: arguments[1].range)
        return call(.jsonValue, [source, literal], .string, range)
    }

    /// `j -> 'name'`, `j ->> 0`
    mutating func jsonMember(
        _ function: ScalarFunction, _ json: BoundOperand, _ member: BoundOperand,
        _ range: Range<Int>
    ) -> BoundOperand? {
        guard let source = coerce(json, to: .json) else {
            if json.isUntyped { return nil }
            return report(
                "no operator '\(function.documentedName)' for \(json.type.name)", at: range,
                help: json.type.isNested
                    ? "write x.name for a struct and x[n] for an array"
                    : "cast it: CAST(… AS json)")
        }
        guard let part = resolve(member, toward: .string) else { return nil }
        guard part.type == .string || part.type == .bigint else {
            return report(
                "'\(function.documentedName)' takes a name or a number, found \(part.type.name)",
                at: part.range)
        }
        return call(
            function, [source, part], function == .jsonGet ? .json : .string, range)
    }
}
