/// Which types values of an expression get, after PostgreSQL.
enum TypeRules {
    /// The decimal that holds every bigint.
    static let bigintAsDecimal = ColumnType.decimal(precision: 19, scale: 0)

    /// The type that values of all these types are turned into for CASE, COALESCE, IN and their
    /// like; nil when there is none.
    static func common(_ types: [ColumnType]) -> ColumnType? {
        guard var result = types.first else { return nil }
        for type in types.dropFirst() {
            guard let wider = common(result, type) else { return nil }
            result = wider
        }
        return result
    }

    static func common(_ a: ColumnType, _ b: ColumnType) -> ColumnType? {
        if a == b { return a }
        if (a == .date && b == .timestamp) || (a == .timestamp && b == .date) { return .timestamp }
        guard a.isNumeric, b.isNumeric else { return nil }
        if a == .double || b == .double { return .double }
        guard let (precisionA, scaleA) = decimal(a), let (precisionB, scaleB) = decimal(b) else {
            return nil
        }
        let scale = max(scaleA, scaleB)
        let integral = max(precisionA - scaleA, precisionB - scaleB)
        return .decimal(precision: min(Decimal38.digitsMax, integral + scale), scale: scale)
    }

    /// Precision and scale of an exact number; nil for other types.
    static func decimal(_ type: ColumnType) -> (precision: Int, scale: Int)? {
        switch type {
        case .bigint: return (19, 0)
        case .decimal(let precision, let scale): return (precision, scale)
        default: return nil
        }
    }

    /// Whether a value may become another type without being asked to.
    static func widens(_ from: ColumnType, to: ColumnType) -> Bool {
        switch (from, to) {
        case (.bigint, .double), (.decimal, .double), (.date, .timestamp): return true
        case (.bigint, .decimal(let precision, let scale)): return precision - scale >= 19
        case (.decimal(let precisionA, let scaleA), .decimal(let precisionB, let scaleB)):
            return scaleB >= scaleA && precisionB - scaleB >= precisionA - scaleA
        default: return from == to
        }
    }

    /// The decimal that `function` gives for two decimals; nil when its scale would exceed 38.
    ///
    /// A quotient has 16 decimals or those of its operands, fewer where its whole digits need the
    /// room (but never fewer than the operands or 6).
    static func arithmetic(
        _ function: ScalarFunction, _ a: (precision: Int, scale: Int),
        _ b: (precision: Int, scale: Int)
    ) -> ColumnType? {
        let integralA = a.precision - a.scale
        let integralB = b.precision - b.scale
        let precision: Int
        let scale: Int
        switch function {
        case .multiply:
            scale = a.scale + b.scale
            precision = a.precision + b.precision
        case .divide:
            let least = max(6, a.scale, b.scale)
            let room = Decimal38.digitsMax - (integralA + b.scale)
            scale = max(least, min(max(16, least), room))
            precision = integralA + b.scale + scale
        case .modulo:
            scale = max(a.scale, b.scale)
            precision = min(integralA, integralB) + scale
        default:
            scale = max(a.scale, b.scale)
            precision = max(integralA, integralB) + scale + 1
        }
        guard scale <= Decimal38.digitsMax else { return nil }
        return .decimal(
            precision: max(1, min(Decimal38.digitsMax, precision)), scale: scale)
    }

    /// A type by the name that people write; nil when there is none.
    static func named(_ name: Syntax.TypeName) -> Result<ColumnType, ExpressionDiagnostic> {
        func failure(_ message: String, _ help: String?) -> Result<ColumnType, ExpressionDiagnostic>
        {
            .failure(ExpressionDiagnostic(message: message, help: help, range: name.range))
        }
        if !name.arguments.isEmpty, name.name != "decimal", name.name != "numeric" {
            return failure("type '\(name.name)' takes no arguments", nil)
        }
        switch name.name {
        case "boolean", "bool": return .success(.boolean)
        case "bigint", "int8": return .success(.bigint)
        case "double", "double precision", "float8": return .success(.double)
        case "string", "text", "varchar": return .success(.string)
        case "timestamp", "timestamptz": return .success(.timestamp)
        case "interval": return .success(.interval)
        case "date": return .success(.date)
        case "bytes", "bytea": return .success(.bytes)
        case "json": return .success(.json)
        case "array", "struct": return nested(name)
        case "decimal", "numeric":
            guard let precision = name.arguments.first, name.arguments.count <= 2 else {
                return failure(
                    "decimal needs its digits", "write decimal(p,s), such as decimal(18,2)")
            }
            let scale = name.arguments.count == 2 ? name.arguments[1] : 0
            guard (1...Decimal38.digitsMax).contains(precision), (0...precision).contains(scale)
            else {
                return failure(
                    "decimal(\(precision),\(scale)) is not possible",
                    "digits are 1 to \(Decimal38.digitsMax), of them 0 to all behind the point")
            }
            return .success(.decimal(precision: precision, scale: scale))
        case "int", "integer", "int4", "int2", "smallint", "long", "tinyint":
            return failure("unknown type '\(name.name)'", "whole numbers are 'bigint'")
        case "float", "real", "float4":
            return failure("unknown type '\(name.name)'", "use 'double'")
        case "time", "datetime":
            return failure(
                "unknown type '\(name.name)'",
                "use 'timestamp', and date_trunc('day', x) for the start of its day")
        default:
            return failure(
                "unknown type '\(name.name)'",
                NameSuggestion.help(for: name.name, among: typeNames))
        }
    }

    private static func nested(
        _ name: Syntax.TypeName
    ) -> Result<ColumnType, ExpressionDiagnostic> {
        func failure(_ message: String, _ help: String) -> Result<ColumnType, ExpressionDiagnostic>
        {
            .failure(ExpressionDiagnostic(message: message, help: help, range: name.range))
        }
        guard !name.parts.isEmpty else {
            return failure(
                "type '\(name.name)' needs what it is made of",
                "write array<string>, or struct<id bigint, name string>")
        }
        var fields: [Field] = []
        for part in name.parts {
            switch named(part.type) {
            case .failure(let diagnostic): return .failure(diagnostic)
            case .success(.interval):
                return failure("an interval has no place in '\(name.name)'", "use bigint")
            case .success(let type): fields.append(Field(part.name, type))
            }
        }
        if Set(fields.map { Array($0.name.utf8) }).count < fields.count {
            return failure("a struct has a field's name twice", "rename one of them")
        }
        let type =
            name.name == "array" ? ColumnType.array(fields[0].type) : .structure(fields)
        guard type.depth <= ColumnType.depthMax else {
            return failure(
                "type is nested more than \(ColumnType.depthMax) levels deep",
                "use json for what lies deeper")
        }
        return .success(type)
    }

    private static let typeNames = [
        "boolean", "bigint", "double", "string", "timestamp", "interval", "decimal", "date",
        "bytes", "json", "array", "struct",
    ]
}
