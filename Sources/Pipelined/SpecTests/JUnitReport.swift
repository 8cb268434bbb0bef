/// Results in the XML that build servers read: a `testsuite` a file, a `testcase` a test.
enum JUnitReport {
    static func text(_ results: [SpecTestResult]) -> String {
        var files: [String] = []
        for result in results where !files.contains(result.location.file) {
            files.append(result.location.file)
        }
        var lines = ["<?xml version=\"1.0\" encoding=\"UTF-8\"?>"]
        lines.append("<testsuites name=\"pipelined\" \(figures(results))>")
        for file in files {
            let own = results.filter { $0.location.file == file }
            lines.append(
                "  <testsuite name=\(quoted(file)) errors=\"0\" skipped=\"0\" \(figures(own))>")
            for result in own { lines += testCase(result) }
            lines.append("  </testsuite>")
        }
        lines.append("</testsuites>")
        return lines.joined(separator: "\n") + "\n"
    }

    private static func testCase(_ result: SpecTestResult) -> [String] {
        let place = result.location
        let head =
            "    <testcase name=\(quoted(result.test)) classname=\(quoted(result.pipeline)) "
            + "file=\(quoted(place.file)) line=\"\(place.line)\" time=\"\(seconds(result.micros))\""
        guard let first = result.failure.first else { return [head + "/>"] }
        return [
            head + ">",
            "      <failure message=\(quoted(first)) type=\"difference\">"
                + escaped(result.failure.joined(separator: "\n")) + "</failure>",
            "    </testcase>",
        ]
    }

    private static func figures(_ results: [SpecTestResult]) -> String {
        "tests=\"\(results.count)\" failures=\"\(results.count { !$0.isPassed })\" "
            + "time=\"\(seconds(results.reduce(0) { $0 + $1.micros }))\""
    }

    /// With three decimals.
    private static func seconds(_ micros: Int64) -> String {
        let millis = "\(micros / 1000 % 1000)"
        return "\(micros / 1_000_000)." + String(repeating: "0", count: 3 - millis.count) + millis
    }

    private static func quoted(_ text: String) -> String { "\"\(escaped(text))\"" }

    /// Without the characters that XML has no way to write.
    private static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "\n", "\t": result.unicodeScalars.append(scalar)
            case _ where scalar.value < 0x20 || scalar.value == 0xfffe || scalar.value == 0xffff:
                result += "\u{fffd}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
