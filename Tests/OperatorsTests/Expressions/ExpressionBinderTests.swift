import TestSupport
import Testing

@testable import Operators

@Suite("Expression binder")
struct ExpressionBinderTests {
    static let scope = ExpressionScope(
        owner: "enriched",
        schema: Schema([
            Field("ad_id", .string), Field("campaign_id", .string), Field("price", .bigint),
            Field("amount", .decimal(precision: 10, scale: 2)), Field("at", .timestamp),
            Field("ratio", .double), Field("ok", .boolean), Field("Case", .string),
        ]),
        parameters: [
            "limit": .bigint(10), "region": .string(Array("eu".utf8)), "none": .null,
            "since": .string(Array("2026-01-01".utf8)),
        ])

    static func bind(_ text: String) -> Result<BoundExpression, ExpressionDiagnostics> {
        ExpressionBinder.bind(text, in: scope)
    }

    static func type(_ text: String) throws -> String { try bind(text).get().type.name }

    /// Every diagnostic with the text under its caret.
    static func problems(_ text: String) -> [String] {
        guard case .failure(let failure) = bind(text) else { return [] }
        let bytes = Array(text.utf8)
        return failure.all.map { one in
            let end = min(one.range.upperBound, bytes.count)
            let marked = String(
                decoding: bytes[min(one.range.lowerBound, end)..<end], as: UTF8.self)
            return "[\(marked)] \(one.message)" + (one.help.map { "; \($0)" } ?? "")
        }
    }

    @Test(
        "gives each operator its type",
        arguments: [
            ("price + 1", "bigint"), ("price / 2", "bigint"), ("price * 0.908", "decimal(22,3)"),
            ("price * 9.08e-1", "double"), ("amount * 0.5", "decimal(11,3)"),
            ("amount + 1", "decimal(22,2)"), ("amount + ratio", "double"),
            ("price + ratio", "double"), ("amount / 3", "decimal(24,16)"),
            ("amount + amount", "decimal(11,2)"), ("0.908", "decimal(3,3)"),
            ("1.5", "decimal(2,1)"),
            ("9.08e-1", "double"), ("42", "bigint"), ("9223372036854775808", "decimal(19,0)"),
            ("at - at", "interval"), ("at + interval '1 day'", "timestamp"),
            ("interval '1 second' * price", "interval"), ("ad_id || price", "string"),
            ("price > 5", "boolean"), ("null", "string"), ("'x'", "string"),
            ("coalesce(price, 0.5)", "decimal(20,1)"), ("coalesce(price, ratio)", "double"),
            ("coalesce(null, price)", "bigint"), ("case when ok then 1 else null end", "bigint"),
            ("extract(epoch from at)", "decimal(19,6)"), ("extract(year from at)", "bigint"),
            ("round(amount)", "decimal(9,0)"), ("round(amount, 1)", "decimal(10,1)"),
            ("rowtime", "timestamp"), ("now()", "timestamp"), ("$limit", "bigint"),
            ("$limit * 0.5", "decimal(20,1)"), ("length(ad_id)", "bigint"),
            ("cast(ad_id as decimal(8,3))", "decimal(8,3)"), ("ad_id::bigint", "bigint"),
            ("abs(-price)", "bigint"), ("floor(price)", "bigint"), ("floor(ratio)", "double"),
            ("nullif(price, 0)", "bigint"), ("greatest(price, amount)", "decimal(21,2)"),
            ("'7' + price", "bigint"), ("at > '2026-01-01'", "boolean"), ("at > $since", "boolean"),
            ("campaign_id = $region", "boolean"), ("\"Case\" = 'x'", "boolean"),
            ("enriched.price", "bigint"), ("ENDS_WITH(ad_id, 'x') AND Ok IS NULL", "boolean"),
        ])
    func types(text: String, expected: String) throws {
        if text.contains("Ok") {
            // Keywords have no case; columns have.
            #expect(Self.problems(text) == ["[Ok] unknown column 'Ok'; did you mean 'ok'?"])
            return
        }
        #expect(try Self.type(text) == expected)
    }

    @Test("says what is wrong, where, and what was probably meant")
    func diagnostics() {
        let texts = [
            "campain_id = 'x'",
            "lenght(ad_id)",
            "price + ad_id",
            "price = ad_id",
            "price = 'abc'",
            "at > 'yesterday'",
            "nope + nada > 1",
            "\"view\" = ad_id",
            "price = ",
            "price == 1",
            "1 < price < 5",
            "ad_id = 'abc",
            "price = ${LIMIT}",
            "price = $limt",
            "date_format(at, 'YYYY-MM-dd')",
            "date_format(at, 'yyyy-MM-DD')",
            "date_format(at, 'yyyy-mm-dd')",
            "date_format(at, 'yyyy', 'Europe/Nowhere')",
            "date_trunc('hours ago', at)",
            "date_trunc('huor', at)",
            "count(*)",
            "upper(ad_id, 1)",
            "upper(price)",
            "not price",
            "cast(price as int)",
            "cast(at as bigint)",
            "case when ok then 1 else 'x' end",
            "case when ok then 1 else ad_id end",
            "other.price",
            "Case",
            "end = 1",
            "ad_id like 'a\\'",
            "interval '1 month'",
            "if(ok, 1, 2)",
            "price; 1",
            "10s",
            "",
            "price 5",
            "price -- 5",
            "héé = 1",
            "99999999999999999999999999999999999999999",
            "(price",
            "orders.price.x",
            "price in ()",
            "price in (1, 'x')",
            "price between 1 or 2",
            "case price when 'a' then 1 end",
            "case end",
            "ok is 5",
            "extract(fortnight from at)",
            "extract(year from interval '1 day')",
            "to_timestamp(ad_id, 'dd/MM')",
            "to_timestamp(ok)",
            "round(amount, price)",
            "amount * cast(ad_id as decimal(38,37))",
            "cast(price as decimal)",
            "cast(price as decimal(50,2))",
            "cast(ok as bigint)",
            "at + 5",
            "at + at",
            "- ad_id",
            "sum(price) > 5",
            "price like 5",
            "''",
            "unknown_function(price, nope)",
            "$",
            "`price`",
            "price && ok",
            "!ok",
            "\"price",
            "enriched.*",
            "trim(price)",
            "length()",
            "now(1)",
            "coalesce(price, ad_id)",
            "rowtim > at",
            "9e999",
        ]
        let report = texts.map { text in
            "\(text)\n" + Self.problems(text).map { "    \($0)\n" }.joined()
        }
        expectGolden(report.joined(), "expression-diagnostics.txt")
    }

    @Test("checks the type that is asked for")
    func expectedTypes() throws {
        func problems(_ text: String, _ type: ColumnType) -> [String] {
            guard
                case .failure(let failure) = ExpressionBinder.bind(
                    text, in: Self.scope, expecting: type)
            else { return [] }
            return failure.all.map(\.message)
        }
        #expect(problems("price", .boolean) == ["expected boolean, found bigint"])
        #expect(problems("price", .double) == [])
        #expect(problems("null", .timestamp) == [])
        #expect(problems("'2026-01-01'", .timestamp) == [])
        #expect(problems("'x'", .timestamp) == ["cannot read 'x' as timestamp"])
        #expect(problems("ratio", .bigint) == ["expected bigint, found double"])
        let widened = try ExpressionBinder.bind("price", in: Self.scope, expecting: .double).get()
        #expect(widened.type == .double)
    }

    @Test("names that two inputs share must say which")
    func ambiguity() throws {
        let scope = ExpressionScope(
            owner: "joined",
            entries: [
                .init(qualifier: "orders", field: Field("id", .bigint), index: 0),
                .init(qualifier: "users", field: Field("id", .bigint), index: 1),
                .init(qualifier: "users", field: Field("name", .string), index: 2),
            ])
        guard case .failure(let failure) = ExpressionBinder.bind("id = 1", in: scope) else {
            Issue.record("bound")
            return
        }
        #expect(failure.all.map(\.message) == ["'id' is ambiguous"])
        #expect(failure.all[0].help == "write orders.id or users.id")
        let bound = try ExpressionBinder.bind("orders.id = users.id and name = 'x'", in: scope)
            .get()
        #expect(bound.columns == [0, 1, 2])
    }

    @Test("computes constants when the spec is loaded")
    func folding() throws {
        #expect(try Self.bind("1 + 2 * 3").get().literal == .bigint(7))
        #expect(
            try Self.bind("price > 1 + 1").get().root.children[1] == .literal(.bigint(2), .bigint))
        #expect(try Self.bind("ok and true").get().plainColumn == 6)
        #expect(try Self.bind("ok and false").get().literal == .boolean(false))
        #expect(try Self.bind("case when 1 = 1 then price else 0 end").get().plainColumn == 2)
        #expect(try Self.bind("now()").get().literal == nil)
        #expect(try Self.bind("1 / 0").get().literal == nil)
        #expect(try Self.bind("length(repeat('x', 100000))").get().type == .bigint)
    }

    @Test("tells what an expression reads")
    func analysis() throws {
        let bound = try Self.bind("case when ok then price else 1 end + price").get()
        #expect(bound.columns == [2, 6])
        #expect(bound.remapped([2: 0, 6: 1]).columns == [0, 1])
        #expect(!bound.usesNow && !bound.usesRowtime && !bound.isConstant)
        #expect(try Self.bind("now() - rowtime").get().usesNow)
        #expect(try Self.bind("now() - rowtime").get().usesRowtime)
        #expect(try Self.bind("now()").get().isConstant)
        #expect(try Self.bind("rowtime").get().isConstant == false)
        let names = ExpressionBinder.identifiers(in: "a + orders.b > length(\"C d\")")
        #expect(names.map(\.name) == ["a", "b", "C d"])
        #expect(names.map(\.qualifier) == [nil, "orders", nil])
    }

    @Test("writes one canonical text for each meaning")
    func canonical() throws {
        let text = try Self.bind("price  >=  2 AND ad_id = 'é'").get().canonical
        #expect(
            text
                == "e1:(and boolean (greaterOrEqual boolean (column 2 bigint) (bigint 2)) "
                + "(equal boolean (column 0 string) (string xc3a9)))")
        #expect(try Self.bind("price >= 2 and ad_id='é'").get().canonical == text)
        #expect(
            try Self.bind("ratio * 0.5").get().canonical
                == "e1:(multiply double (column 5 double) (double 0x3fe0000000000000))")
    }

    @Test("binds aggregates over groups and calls")
    func aggregates() throws {
        let groups = [Field("campaign_id", .string), Field("hour", .timestamp)]
        func bind(_ text: String) -> Result<BoundAggregate, ExpressionDiagnostics> {
            ExpressionBinder.bindAggregate(text, in: Self.scope, groupColumns: groups)
        }
        let ratio = try bind("sum(price) / count(*) + sum( price )").get()
        #expect(ratio.calls[0].argument?.text == "price")
        #expect(ratio.calls.map(\.function) == [.sum, .countRows])
        #expect(ratio.result.columns == [2, 3])
        #expect(ratio.result.type == .bigint)
        let last = try bind("max(rowtime)").get()
        #expect(last.calls[0].argument?.root == .rowtime && last.result.plainColumn == 2)
        let some = try bind("count(DISTINCT ad_id) FILTER (WHERE price > 0)").get()
        #expect(some.calls[0].isDistinct && some.calls[0].filter?.columns == [2])
        #expect(try bind("upper(campaign_id) || count(*)").get().result.columns == [0, 2])
        #expect(try bind("campaign_id").get().calls.isEmpty)
        #expect(try bind("hour").get().result.plainColumn == 1)
        #expect(try bind("avg(price)").get().result.type == .double)
        #expect(try bind("sum(amount)").get().result.type.name == "decimal(38,2)")
        func problems(_ text: String) -> [String] {
            guard case .failure(let failure) = bind(text) else { return [] }
            return failure.all.map(\.message)
        }
        #expect(
            problems("price")
                == ["column 'price' is neither grouped nor inside an aggregate function"])
        #expect(problems("first_value(price)") == ["unknown function 'first_value'"])
        #expect(problems("1 + 1") == ["expression has no aggregate function"])
        #expect(problems("sum(max(price))") == ["'max' stands inside another aggregate function"])
        #expect(problems("sum(ad_id)") == ["'sum' cannot take string"])
        #expect(problems("sum(*)") == ["'sum(*)' is not possible: name a column"])
        #expect(problems("sum(nope) + nada").count == 2)
        #expect(
            problems("upper(ad_id) FILTER (WHERE ok)") == [
                "'upper' takes no FILTER: it is not an aggregate"
            ])
    }

    @Test("refuses what grows with each level of nesting")
    func growth() {
        func nested(_ levels: Int, _ body: (String) -> String) -> String {
            (0..<levels).reduce("price") { text, _ in body(text) }
        }
        let texts = [
            nested(60) { "nullif(\($0), 1)" },
            nested(60) { "(\($0) between 1 and 2)::string::bigint" },
            nested(20) { "case \($0) when 1 then 2 when 3 then 4 when 5 then 6 else 7 end" },
        ]
        for text in texts {
            #expect(Self.problems(text).first?.contains("too large") == true)
        }
        #expect(Self.problems(nested(8) { "nullif(\($0), 1)" }).isEmpty)
        let many = (0..<900).map { "when \($0) then \($0)" }.joined(separator: " ")
        #expect(Self.problems("case price \(many) end").isEmpty)
    }

    @Test("refuses what is nested too deep instead of running out of stack")
    func depth() {
        let count = 30_000
        let texts = [
            String(repeating: "(", count: count), String(repeating: "- ", count: count) + "1",
            String(repeating: "not ", count: 10_000) + "ok",
            "1" + String(repeating: "+1", count: count),
            "1" + String(repeating: "::bigint", count: 5000),
            String(repeating: "abs(", count: 10_000),
            String(repeating: "case when ", count: 5000),
        ]
        for text in texts {
            let problems = Self.problems(text)
            #expect(problems.count == 1)
            #expect(problems[0].contains("nested more than 256 levels deep"))
        }
        let arrays = "cast(price as bigint" + String(repeating: "[]", count: count) + ")"
        #expect(Self.problems(arrays).count == 1)
        let long = String(repeating: "price = 1 or ", count: 4000) + "ok"
        #expect(Self.problems(long).isEmpty)
        #expect(Self.problems(String(repeating: " ", count: 70_000)).count == 1)
    }
}
