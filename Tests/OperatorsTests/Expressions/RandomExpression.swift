import TestSupport

@testable import Operators

extension SeededRandom {
    mutating func pick<T>(_ values: [T]) -> T {
        values[Int.random(in: 0..<values.count, using: &self)]
    }

    mutating func chance(_ oneIn: Int) -> Bool { Int.random(in: 0..<oneIn, using: &self) == 0 }
}

/// Random texts of well-typed expressions over a fixed schema, and batches for it.
struct RandomExpression {
    static let schema = Schema([
        Field("b", .boolean), Field("i", .bigint), Field("j", .bigint), Field("d", .double),
        Field("s", .string), Field("t", .string), Field("ts", .timestamp),
        Field("m", .decimal(precision: 10, scale: 2)), Field("full", .bigint),
    ])

    var random: SeededRandom

    // MARK: Texts

    mutating func text(_ type: ColumnType, depth: Int) -> String {
        if depth <= 0 { return leaf(type) }
        let next = depth - 1
        switch random.next() % 8 {
        case 0: return leaf(type)
        case 1:
            let otherwise = random.chance(2) ? " else \(text(type, depth: next))" : ""
            return "case when \(text(.boolean, depth: next)) then \(text(type, depth: next))"
                + " when \(text(.boolean, depth: next)) then \(text(type, depth: next))"
                + "\(otherwise) end"
        case 2: return "coalesce(\(text(type, depth: next)), \(text(type, depth: next)))"
        case 3:
            if type == .boolean { return boolean(next) }
            let function = random.pick(["greatest", "least", "nullif"])
            return "\(function)(\(text(type, depth: next)), \(text(type, depth: next)))"
        default: break
        }
        switch type {
        case .boolean: return boolean(next)
        case .bigint: return bigint(next)
        case .double: return double(next)
        case .string: return string(next)
        case .timestamp:
            return random.pick([
                "ts + interval '\(random.next() % 90) minutes'", "date_trunc('hour', ts)",
                "ts - interval '3000000 days'", "rowtime", "date_trunc('month', ts)",
                "to_timestamp(\(text(.bigint, depth: next)))", "now()",
            ])
        default: return decimal(next)
        }
    }

    private mutating func leaf(_ type: ColumnType) -> String {
        switch type {
        case .boolean: return random.pick(["b", "b", "true", "false", "null::boolean"])
        case .bigint:
            return random.pick([
                "i", "j", "full", "i", "0", "1", "-3", "7", "9223372036854775807", "null::bigint",
            ])
        case .double: return random.pick(["d", "d", "0e0", "1.5e0", "-2e10", "null::double"])
        case .string:
            return random.pick(["s", "t", "s", "'a'", "'héllo'", "''", "'42'", "null::string"])
        case .timestamp:
            return random.pick(["ts", "rowtime", "timestamp '2026-02-03T04:05:06Z'"])
        default: return random.pick(["m", "m", "0.5", "-12.34"])
        }
    }

    private mutating func boolean(_ depth: Int) -> String {
        let type = random.pick([
            ColumnType.bigint, .double, .string, .timestamp, .boolean,
            .decimal(precision: 10, scale: 2),
        ])
        func two() -> (String, String) { (text(type, depth: depth), text(type, depth: depth)) }
        switch random.next() % 10 {
        case 0, 1:
            return "(\(text(.boolean, depth: depth)) and \(text(.boolean, depth: depth)))"
        case 2, 3:
            return "(\(text(.boolean, depth: depth)) or \(text(.boolean, depth: depth)))"
        case 4: return "(not \(text(.boolean, depth: depth)))"
        case 5:
            let test = random.pick(["null", "not null"])
            return "(\(text(type, depth: depth)) is \(test))"
        case 6:
            let test = random.pick(["true", "not true", "false", "not false"])
            return "(\(text(.boolean, depth: depth)) is \(test))"
        case 7:
            let (a, b) = two()
            return "(\(a) in (\(b), \(text(type, depth: depth))))"
        case 8:
            let pattern = random.pick(["'%a%'", "'a%'", "'%l_o'", "'h_l%'", "t"])
            return "(\(text(.string, depth: depth)) like \(pattern))"
        default:
            let (a, b) = two()
            let comparison = random.pick([
                "=", "<>", "<", "<=", ">", ">=", "is distinct from", "is not distinct from",
            ])
            return "(\(a) \(comparison) \(b))"
        }
    }

    private mutating func bigint(_ depth: Int) -> String {
        let a = text(.bigint, depth: depth)
        let b = text(.bigint, depth: depth)
        let s = text(.string, depth: depth)
        return random.pick([
            "(\(a) + \(b))", "(\(a) - \(b))", "(\(a) * \(b))", "(\(a) / \(b))", "(\(a) % \(b))",
            "(- \(a))", "abs(\(a))", "sign(\(a))", "length(\(s))", "cast(\(s) as bigint)",
            "position(t in \(s))", "extract(year from ts)", "cast(d as bigint)", "octet_length(t)",
        ])
    }

    private mutating func double(_ depth: Int) -> String {
        let a = text(.double, depth: depth)
        let b = text(.double, depth: depth)
        return random.pick([
            "(\(a) + \(b))", "(\(a) - \(b))", "(\(a) * \(b))", "(\(a) / \(b))",
            "cast(\(text(.bigint, depth: depth)) as double)", "sqrt(\(a))", "floor(\(a))",
            "round(\(a), 1)", "cast(m as double)", "ln(\(a))", "power(\(a), 2e0)",
        ])
    }

    private mutating func string(_ depth: Int) -> String {
        let a = text(.string, depth: depth)
        let b = text(.string, depth: depth)
        let n = text(.bigint, depth: 0)
        return random.pick([
            "(\(a) || \(b))", "concat(\(a), \(b))", "upper(\(a))", "lower(\(a))", "reverse(\(a))",
            "substring(\(a), \(n), 3)", "left(\(a), \(n))", "right(\(a), \(n))", "trim(\(a))",
            "replace(\(a), 'a', \(b))", "split_part(\(a), 'l', \(n))", "lpad(\(a), 7, 'xy')",
            "concat_ws('-', \(a), \(b))", "cast(\(text(.bigint, depth: depth)) as string)",
            "cast(d as string)", "cast(ts as string)", "cast(m as string)",
            "date_format(ts, 'yyyy-MM-dd')", "repeat(\(a), 2)", "cast(b as string)",
        ])
    }

    private mutating func decimal(_ depth: Int) -> String {
        random.pick([
            "(m + 1.5)", "(m - m)", "(m * 0.5)", "cast(i as decimal(10,2))", "abs(m)",
            "round(m, 1)", "(m / 3)", "(m % 0.7)", "cast(s as decimal(10,2))", "(- m)",
        ])
    }

    // MARK: Batches

    mutating func literal(_ type: ColumnType) -> Literal {
        if random.chance(5) { return .null }
        switch type {
        case .boolean: return .boolean(random.chance(2))
        case .bigint:
            return .bigint(
                random.pick([0, 1, -1, 2, 3, 10, 42, -7, 1_000_000_007, .max, .min, 5, 6]))
        case .double:
            return .double(random.pick([0, 1, -1, 1.5, 2.25, 1e300, -1e300, 0.1, 1e-5, .nan]))
        case .string:
            let text = random.pick([
                "", "a", "abc", "hello", "héllo", "日本語", " 42 ", "42", "-7", "a,b", "  x ",
                "longer than twelve bytes", "1.25",
            ])
            return .string(Array(text.utf8))
        case .timestamp:
            return .timestamp(random.pick([0, 1_767_225_600_000_000, -1, 951_782_400_000_000]))
        case .date: return .bigint(random.pick([0, 20_000, -1]))
        case .bytes, .json, .array, .structure: return .string([])
        case .interval: return .interval(random.pick([0, 1_000_000, -86_400_000_000]))
        case .decimal(_, let scale):
            return .decimal(
                unscaled: random.pick([0, 1, -1, 150, 99_999, -1234, 7]), scale: scale)
        }
    }

    /// Rows of literals, the batch that holds them, and which of them count.
    mutating func batch() -> (rows: [[Literal]], batch: Batch, chosen: [Int]) {
        let count = random.pick([0, 1, 2, 17, 64])
        var rows: [[Literal]] = []
        for _ in 0..<count {
            rows.append(
                RandomExpression.schema.fields.map { field in
                    let value = literal(field.type)
                    return field.name == "full" && value == .null ? .bigint(4) : value
                })
        }
        let columns = RandomExpression.schema.fields.enumerated().map { index, field in
            ExpressionFixture.column(field.type, rows.map { $0[index] })
        }
        let times = (0..<count).map { Literal.timestamp(Int64($0) * 1_000_000) }
        var batch = Batch(
            columns: columns, rowtime: ExpressionFixture.column(.timestamp, times),
            rowCount: count)
        var chosen = Array(0..<count)
        if random.chance(2) {
            chosen = chosen.filter { _ in random.chance(2) }
            let selected = Buffer(capacity: chosen.count * 4)
            for (index, row) in chosen.enumerated() {
                selected.pointer(to: Int32.self)[index] = Int32(row)
            }
            batch.selection = Selection(rows: selected, count: chosen.count)
        }
        return (rows, batch, chosen)
    }
}
