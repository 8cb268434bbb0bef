import Foundation
import TestSupport
import Testing

@testable import Operators

@Suite("docs/expressions.md")
struct ExpressionDocumentTests {
    static func page() throws -> String {
        let url = repositoryRoot.appendingPathComponent("docs/expressions.md")
        return try String(contentsOf: url, encoding: .utf8)
    }

    @Test("names every function and operator")
    func isComplete() throws {
        let page = try Self.page().replacingOccurrences(of: "\\|", with: "|")
        for function in ScalarFunction.allCases {
            #expect(page.contains("`\(function.documentedName)"), "\(function)")
        }
        for name in FunctionCatalog.names where name != "character_length" {
            #expect(
                page.contains("`\(name)(") || page.contains("`\(name)`"), "\(name) is not there")
        }
        for unit in TimeUnit.allCases { #expect(page.contains(unit.rawValue)) }
        for field in TimeField.allCases { #expect(page.contains(field.rawValue)) }
        for word in ExpressionParser.keywords { #expect(page.contains(word)) }
    }

    @Test("its examples are true")
    func examples() throws {
        var count = 0
        for line in try Self.page().split(separator: "\n") where line.hasPrefix("|") {
            let text = line.replacingOccurrences(of: "\\|", with: "\u{1}")
            for cell in text.split(separator: "|") where cell.contains("` → ") {
                let parts = cell.replacingOccurrences(of: "\u{1}", with: "|")
                    .components(separatedBy: "` → ")
                guard parts.count == 2 else { continue }
                let expression = parts[0].trimmingCharacters(in: CharacterSet(charactersIn: " `"))
                let expected = parts[1].trimmingCharacters(in: .whitespaces)
                #expect(ExpressionFixture.constant(expression) == expected, "\(expression)")
                count += 1
            }
        }
        #expect(count > 40)
    }
}
