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
            let name = function.documentedName
            let isThere = page.contains("`\(name)") || page.contains("`x \(name) ")
            #expect(isThere, "\(name) is not there")
        }
        for name in FunctionCatalog.names where name != "character_length" {
            let isThere = page.contains("`\(name)(") || page.contains("`\(name)`")
            #expect(isThere, "\(name) is not there")
        }
        let words =
            TimeUnit.allCases.map(\.rawValue) + TimeField.allCases.map(\.rawValue)
            + ExpressionParser.keywords
        for word in words where !page.contains(word) { Issue.record("\(word) is not there") }
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
