import Testing

@testable import Operators

@Suite("Expressions: a table of cases")
struct ExpressionCaseTests {
    @Test(
        "has PostgreSQL's result",
        arguments: [
            ("1 + 2", "3"), ("7 / 2", "3"), ("-7 / 2", "-3"), ("-7 % 2", "-1"),
            ("1 / 0", "error: division by zero"),
            ("9223372036854775807 + 1", "error: bigint overflow"),
            ("0.1 + 0.2", "0.3"), ("10 * 0.908", "9.080"), ("1e0 / 3", "0.3333333333333333"),
            ("'a' || 'b'", "ab"), ("'it''s'", "it's"),
            ("null and false", "false"), ("null or true", "true"), ("not null", "null"),
            ("3 between 1 and 3", "true"), ("2 in (1, 2)", "true"), ("3 in (1, null)", "null"),
            ("'abc' like 'a%'", "true"), ("'abc' like '_b_'", "true"),
            ("case when 1 > 2 then 'x' else 'y' end", "y"),
            ("cast('42' as bigint)", "42"), ("'1.50'::decimal(5,1)", "1.5"),
            ("coalesce(null, 5)", "5"), ("nullif(1, 1)", "null"),
            ("interval '1 day 02:00:00'", "1 day 02:00:00"),
            ("timestamp '2026-01-01T00:00:00Z' + interval '90 minutes'", "2026-01-01T01:30:00Z"),
            ("date_trunc('hour', timestamp '2026-01-01 10:59:59')", "2026-01-01T10:00:00Z"),
            ("extract(epoch from timestamp '1970-01-01 00:00:01.5')", "1.500000"),
            ("date_format(timestamp '2026-02-03 04:05:06', 'dd/MMM/yyyy')", "03/Feb/2026"),
            ("to_timestamp('03/02/2026', 'dd/MM/yyyy')", "2026-02-03T00:00:00Z"),
            ("upper('abc')", "ABC"), ("substring('hello', 2, 3)", "ell"),
            ("length('héllo')", "5"), ("now()", "2026-01-01T00:00:00Z"),
            ("false and 1 / 0 = 1", "false"),
            ("case when true then 1 else 1 / 0 end", "1"),
        ])
    func result(text: String, expected: String) {
        #expect(ExpressionFixture.constant(text) == expected, "\(text)")
    }
}
