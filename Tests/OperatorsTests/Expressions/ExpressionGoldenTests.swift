import Foundation
import Testing

@testable import Operators

@Suite("Expressions against PostgreSQL")
struct ExpressionGoldenTests {
    struct Case: Sendable {
        let line: Int
        let expression: String
        let expected: String
    }

    static func load() throws -> [Case] {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../Goldens/expressions.tsv")
        let text = try String(contentsOf: path, encoding: .utf8)
        var cases: [Case] = []
        for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false)
            .enumerated() where !line.isEmpty && !line.hasPrefix("#")
        {
            let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
            cases.append(
                Case(
                    line: number + 1, expression: String(fields[0]), expected: String(fields[1])))
        }
        return cases
    }

    @Test("every line of the table has PostgreSQL's result")
    func table() throws {
        let cases = try Self.load()
        #expect(cases.count > 2000)
        for one in cases {
            let actual = ExpressionFixture.constant(one.expression)
            #expect(
                Self.agrees(actual, one.expected),
                "line \(one.line): \(one.expression) is \(actual), expected \(one.expected)")
        }
    }

    @Test("the same over columns, where nothing can be folded")
    func columns() throws {
        // Every literal becomes a column of three rows, the middle one of which counts.
        for one in try Self.load() {
            guard let (text, scope, batch) = ExpressionUnfolding.unfold(one.expression) else {
                continue
            }
            let actual = ExpressionFixture.outcome(text, in: scope, batch)
            #expect(
                Self.agrees(actual, one.expected),
                "line \(one.line): \(one.expression) as \(text) is \(actual), expected \(one.expected)"
            )
        }
    }

    /// Equal, or both failed, or the same number: an exact quotient has another count of decimals
    /// here, to which PostgreSQL's is rounded.
    static func agrees(_ actual: String, _ expected: String) -> Bool {
        if actual == expected { return true }
        if expected == "error" {
            return actual.hasPrefix("error: ") || actual.hasPrefix("diagnostic: ")
        }
        func decimal(_ text: String, scale: Int) -> Int128? {
            Array(text.utf8).withUnsafeBufferPointer { Decimal38.parse($0, scale: scale) }
        }
        guard actual.utf8.allSatisfy({ $0 <= 0x39 }), let point = actual.firstIndex(of: ".") else {
            return false
        }
        let scale = actual.utf8.distance(from: point, to: actual.endIndex) - 1
        let fraction = expected.split(separator: ".").dropFirst().first?.utf8.count ?? 0
        let shared = min(scale, fraction)
        guard let a = decimal(actual, scale: shared), let b = decimal(expected, scale: shared)
        else {
            return false
        }
        return a == b
    }
}

/// Turns the literals of an expression into columns, so that it is evaluated row by row.
enum ExpressionUnfolding {
    /// The text with a column in place of each number and typed literal.
    ///
    /// - Returns: nil when there is nothing to replace.
    static func unfold(_ text: String) -> (String, ExpressionScope, Batch)? {
        var lexer = ExpressionLexer(text)
        guard let tokens = try? lexer.tokens() else { return nil }
        let bytes = Array(text.utf8)
        var result: [UInt8] = []
        var fields: [Field] = []
        var columns: [Column] = []
        var position = 0
        for (index, token) in tokens.enumerated() {
            guard let literal = literal(token.kind), !isFixed(tokens, index) else { continue }
            let type = LiteralTypes.type(of: literal)
            result += bytes[position..<token.range.lowerBound] + Array("c\(fields.count)".utf8)
            position = token.range.upperBound
            columns.append(ExpressionFixture.column(type, [.null, literal, .null]))
            fields.append(Field("c\(fields.count)", type))
        }
        guard !fields.isEmpty else { return nil }
        result += bytes[position...]
        let rows = Buffer(capacity: 4)
        rows.pointer(to: Int32.self)[0] = 1
        let time = Literal.timestamp(ExpressionFixture.now)
        let batch = Batch(
            columns: columns, rowtime: ExpressionFixture.column(.timestamp, [time, time, time]),
            rowCount: 3, selection: Selection(rows: rows, count: 1))
        let scope = ExpressionScope(owner: "input", schema: Schema(fields))
        return (String(decoding: result, as: UTF8.self), scope, batch)
    }

    private static func literal(_ kind: ExpressionToken.Kind) -> Literal? {
        guard case .number(let digits) = kind else {
            if case .string(let bytes) = kind { return .string(bytes) }
            return nil
        }
        var binding = ExpressionBinding(scope: ExpressionFixture.noColumns, grouping: nil)
        guard let node = binding.number(digits, 0..<0)?.node, case .literal(let literal, _) = node
        else { return nil }
        return literal
    }

    /// Whether the literal must stay one: it belongs to a type, is a pattern, a unit, a number of
    /// digits, or is text that takes its neighbour's type.
    private static func isFixed(_ tokens: [ExpressionToken], _ index: Int) -> Bool {
        let words = tokens.compactMap { token -> String? in
            if case .word(let word) = token.kind { return word.lowercased() }
            return nil
        }
        let fixing: Set<String> = [
            "timestamp", "interval", "decimal", "round", "trunc", "date_trunc", "date_format",
            "to_timestamp", "extract", "date_part", "regexp_like", "regexp_count", "regexp_substr",
            "regexp_replace", "year", "quarter", "month", "week", "day_of_month", "day_of_year",
            "day_of_week", "hour", "minute", "truncate", "date_add", "timestampadd", "date_diff",
            "timestampdiff", "date_bin", "dayofmonth", "dayofyear", "regexp_instr",
            "date", "to_date", "json_value", "encode", "decode",
        ]
        if words.contains(where: fixing.contains) { return true }
        guard case .string = tokens[index].kind else { return false }
        // Text beside other types is read as them; as a column it could not be.
        let hasNumbers = tokens.contains { if case .number = $0.kind { true } else { false } }
        let isText = [
            "substring", "left", "right", "repeat", "lpad", "rpad", "split_part", "substr",
            "split_index", "overlay", "locate", "mask_left", "mask_right", "mask_keep_left",
            "mask_keep_right",
        ]
        return hasNumbers && !words.contains(where: isText.contains)
    }
}
