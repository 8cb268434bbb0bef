/// A slow reader of logfmt, written for clarity: what ``LogfmtRowParser`` must agree with.
enum LogfmtReference {
    enum Value: Equatable {
        case bare
        case plain(String)
        case quoted(String)
    }

    /// The pairs of a line in order; nil when it is not logfmt.
    static func pairs(_ line: String) -> [(key: String, value: Value)]? {
        var rest = Array(line.unicodeScalars)[...]
        var result: [(String, Value)] = []
        while true {
            rest = rest.drop { $0.value <= 0x20 }
            if rest.isEmpty { return result }
            let key = rest.prefix { $0.value > 0x20 && $0 != "=" }
            if key.contains("\"") { return nil }
            rest = rest.dropFirst(key.count)
            guard rest.first == "=" else {
                result.append((text(key), .bare))
                continue
            }
            if key.isEmpty { return nil }
            rest = rest.dropFirst()
            guard rest.first == "\"" else {
                let value = rest.prefix { $0.value > 0x20 }
                rest = rest.dropFirst(value.count)
                result.append((text(key), .plain(text(value))))
                continue
            }
            guard let value = quoted(&rest) else { return nil }
            if let next = rest.first, next.value > 0x20 { return nil }
            result.append((text(key), .quoted(value)))
        }
    }

    private static func text(_ scalars: ArraySlice<Unicode.Scalar>) -> String {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars)
        return String(view)
    }

    private static func quoted(_ rest: inout ArraySlice<Unicode.Scalar>) -> String? {
        var units: [UInt16] = []
        rest = rest.dropFirst()
        while let next = rest.popFirst() {
            if next == "\"" {
                // Halves of characters must come in pairs.
                let text = String(decoding: units, as: UTF16.self)
                return Array(text.utf16) == units ? text : nil
            }
            guard next == "\\" else {
                units += Array(String(next).utf16)
                continue
            }
            let simple: [Unicode.Scalar: UInt16] = [
                "\"": 34, "\\": 92, "/": 47, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9,
            ]
            guard let mark = rest.popFirst() else { return nil }
            if let unit = simple[mark] {
                units.append(unit)
            } else if mark == "u", rest.count >= 4,
                rest.prefix(4).allSatisfy({ Character($0).isHexDigit && $0.isASCII }),
                let unit = UInt16(text(rest.prefix(4)), radix: 16)
            {
                units.append(unit)
                rest = rest.dropFirst(4)
            } else {
                return nil
            }
        }
        return nil
    }
}
