import Foundation

/// Bytes as goldens and the pages of formats show them: lines `ADDRESS BYTE BYTE … | remark`.
package enum HexDump {
    /// Sixteen bytes a line, without remarks.
    package static func text(_ bytes: [UInt8]) -> String {
        var text = ""
        for start in stride(from: 0, to: bytes.count, by: 16) {
            let line = bytes[start..<min(start + 16, bytes.count)]
            text += String(format: "%04x", start)
            for byte in line { text += String(format: " %02x", byte) }
            text += "\n"
        }
        return text
    }

    /// The bytes of a golden below `Tests/Goldens`.
    package static func golden(_ name: String) throws -> [UInt8] {
        let url = repositoryRoot.appendingPathComponent("Tests/Goldens/\(name)")
        return bytes(try String(contentsOf: url, encoding: .utf8).split(separator: "\n"))
    }

    /// The bytes of a page's block that is fenced with ```` ```hex ````.
    package static func bytes(inExampleOf page: String) -> [UInt8] {
        let lines = page.split(separator: "\n", omittingEmptySubsequences: false)
        guard let start = lines.firstIndex(of: "```hex") else { return [] }
        return bytes(lines[(start + 1)...].prefix { $0 != "```" })
    }

    private static func bytes<Lines: Sequence>(_ lines: Lines) -> [UInt8]
    where Lines.Element: StringProtocol {
        lines.flatMap { line in
            line.prefix { $0 != "|" }.split(separator: " ").dropFirst()
                .compactMap { UInt8($0, radix: 16) }
        }
    }
}
