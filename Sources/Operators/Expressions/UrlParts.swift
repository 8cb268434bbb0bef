/// Where the parts of a URL are in its text (RFC 3986, appendix B); nil for a part that is not there.
struct UrlParts {
    private(set) var scheme: Range<Int>?
    private(set) var host: Range<Int>?
    private(set) var port: Range<Int>?
    private(set) var path = 0..<0
    private(set) var query: Range<Int>?
    private(set) var fragment: Range<Int>?

    init(_ text: UnsafeBufferPointer<UInt8>) {
        var position = 0
        let end = text.firstIndex(of: UInt8(ascii: "#")) ?? text.count
        if end < text.count { fragment = end + 1..<text.count }
        if let colon = UrlParts.schemeEnd(text, end) {
            scheme = 0..<colon
            position = colon + 1
        }
        let slash = UInt8(ascii: "/")
        if position + 1 < end, text[position] == slash, text[position + 1] == slash {
            let start = position + 2
            position =
                text[start..<end].firstIndex { $0 == slash || $0 == UInt8(ascii: "?") } ?? end
            readAuthority(text, start..<position)
        }
        let mark = text[position..<end].firstIndex(of: UInt8(ascii: "?"))
        path = position..<(mark ?? end)
        query = mark.map { $0 + 1..<end }
    }

    private static func schemeEnd(_ text: UnsafeBufferPointer<UInt8>, _ end: Int) -> Int? {
        guard let colon = text[..<end].firstIndex(of: UInt8(ascii: ":")), colon > 0,
            (text[0] | 0x20) &- 0x61 < 26
        else { return nil }
        let isName = text[..<colon].allSatisfy { byte in
            (byte | 0x20) &- 0x61 < 26 || byte &- 0x30 < 10 || "+-.".utf8.contains(byte)
        }
        return isName ? colon : nil
    }

    /// `user@host:port`, the host possibly an address in brackets.
    private mutating func readAuthority(
        _ text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>
    ) {
        let start = text[range].lastIndex(of: UInt8(ascii: "@")).map { $0 + 1 } ?? range.lowerBound
        let bracket = text[start..<range.upperBound].lastIndex(of: UInt8(ascii: "]")) ?? start
        let colon = text[bracket..<range.upperBound].firstIndex(of: UInt8(ascii: ":"))
        let hostEnd = colon ?? range.upperBound
        if hostEnd > start { host = start..<hostEnd }
        if let colon, colon + 1 < range.upperBound { port = colon + 1..<range.upperBound }
    }

    /// The value of the first parameter of a name, still encoded; nil when there is none.
    func parameter(
        _ name: UnsafeBufferPointer<UInt8>, in text: UnsafeBufferPointer<UInt8>
    ) -> Range<Int>? {
        guard let query else { return nil }
        var start = query.lowerBound
        while start <= query.upperBound {
            let end =
                text[start..<query.upperBound].firstIndex(of: UInt8(ascii: "&"))
                ?? query.upperBound
            let equals = text[start..<end].firstIndex(of: UInt8(ascii: "="))
            let key = UnsafeBufferPointer(rebasing: text[start..<(equals ?? end)])
            if UrlParts.decoded(key).elementsEqual(name) {
                return (equals.map { $0 + 1 } ?? end)..<end
            }
            start = end + 1
        }
        return nil
    }

    /// Percent signs with two digits as their bytes, `+` as a blank; others stay as they are. What
    /// is no UTF-8 then becomes U+FFFD.
    static func decoded(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8] {
        func digit(_ index: Int) -> UInt8? {
            guard index < text.count else { return nil }
            return Character(Unicode.Scalar(text[index])).hexDigitValue.map { UInt8($0) }
        }
        var result: [UInt8] = []
        var index = 0
        while index < text.count {
            let byte = text[index]
            if byte == UInt8(ascii: "%"), let high = digit(index + 1), let low = digit(index + 2) {
                result.append(high << 4 | low)
                index += 3
                continue
            }
            result.append(byte == UInt8(ascii: "+") ? 0x20 : byte)
            index += 1
        }
        return Array(String(decoding: result, as: UTF8.self).utf8)
    }

    /// Letters, digits and `-_.~` as they are, all other bytes as a percent sign and two digits.
    static func encoded(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8] {
        let digits = Array("0123456789ABCDEF".utf8)
        var result: [UInt8] = []
        for byte in text {
            if (byte | 0x20) &- 0x61 < 26 || byte &- 0x30 < 10 || "-_.~".utf8.contains(byte) {
                result.append(byte)
            } else {
                result += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return result
    }
}
