import TestSupport
import Testing

@testable import Config

/// The scalar under `a:`.
private func parsedScalar(_ text: String) -> (LocatedScalar, SourceText)? {
    let source = SourceText(path: "test.yaml", bytes: Array(text.utf8))
    guard case .mapping(let entries)? = parseYaml(source).documents.first?.root.content,
        case .scalar(let scalar)? = entries.first?.value.content
    else { return nil }
    return (scalar, source)
}

@Suite("Positions within scalars")
struct ScalarPositionTests {
    @Test(
        "lead from the text to the file in every style",
        arguments: [
            "a: one @ two",
            "a: one\n  two\n\n  three @ four",
            "a: 'one '' @ two'",
            "a: 'one\n\n  it''s @ two'",
            #"a: "one \" \t @ two""#,
            #"a: "one \u00e9 \x41 \U0001F600 @ two""#,
            "a: \"one \\\n  two @ three\"",
            "a: \"one\n  \\ two @ three\"",
            "a: |\n  one\n    two @ three\n",
            "a: |2-  # why\n    one\n\n   @ two\n",
            "a: >\n  one\n  two\n\n    three @\n  four\n",
            "a: >-\n  \u{e9}\u{1F600} one\n  @\n",
            "a: &anchor one @ two",
            "a: &anchor   'one @'",
            "a: {b: 1} # none\n".replacing("{b: 1}", with: "x @ y"),
        ])
    func everyStyle(_ text: String) throws {
        let (scalar, source) = try #require(parsedScalar(text))
        let offset = try #require(Array(scalar.text.utf8).firstIndex(of: UInt8(ascii: "@")))
        let place = try #require(source.bytes.firstIndex(of: UInt8(ascii: "@")))
        let found = filePositions(of: offset..<offset + 1, in: scalar, source)
        #expect(found == place..<place + 1)
    }

    @Test(
        "point behind the last byte of the text", arguments: ["a: 'x y'", "a: \"x y\"", "a: x y"])
    func end(_ text: String) throws {
        let (scalar, source) = try #require(parsedScalar(text))
        let found = filePositions(of: 3..<3, in: scalar, source)
        #expect(source.bytes[found.lowerBound - 1] == UInt8(ascii: "y"))
    }

    @Test("agree for every mark of random texts in every style")
    func random() throws {
        var random = SeededRandom(seed: testSeed)
        let marks = ["a", "(", "'", "\"", "\\", "é", "x", ")", "1", "+"]
        for _ in 0..<300 {
            let words = (0..<Int.random(in: 1...6, using: &random)).map { _ in
                (0..<Int.random(in: 1...4, using: &random))
                    .map { _ in marks.randomElement(using: &random) ?? "a" }.joined()
            }
            let text = words.joined(separator: " ")
            let single = text.replacing("'", with: "''")
            let double = text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
            let folded = words.joined(separator: "\n  ")
            for yaml in [
                "a: '\(single)'", "a: \"\(double)\"", "a: |\n  \(text)\n", "a: >\n  \(folded)\n",
                "a: '\(single.replacing(" ", with: "\n  "))'",
            ] {
                let (scalar, source) = try #require(parsedScalar(yaml), "seed \(testSeed): \(yaml)")
                for (offset, byte) in scalar.text.utf8.enumerated()
                where byte != UInt8(ascii: " ") && byte != UInt8(ascii: "\n") {
                    let found = filePositions(of: offset..<offset + 1, in: scalar, source)
                    let isEscaped = source.bytes[found.lowerBound] == UInt8(ascii: "\\")
                    let index = found.lowerBound + (isEscaped && found.count > 1 ? 1 : 0)
                    #expect(source.bytes[index] == byte, "seed \(testSeed): \(yaml) at \(offset)")
                }
            }
        }
    }
}
