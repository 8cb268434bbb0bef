/// Base64 with the alphabet and padding of RFC 4648, section 4.
package enum Base64 {
    private static let alphabet: StaticString =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

    /// Appends the text, without line ends.
    package static func encode(
        _ bytes: UnsafeBufferPointer<UInt8>, into text: inout [UInt8]
    ) {
        var index = 0
        while index < bytes.count {
            let left = bytes.count - index
            let second = left > 1 ? bytes[index + 1] : 0
            let third = left > 2 ? bytes[index + 2] : 0
            let group = UInt32(bytes[index]) << 16 | UInt32(second) << 8 | UInt32(third)
            for place in 0..<4 {
                let digit = Int(group >> UInt32(18 - 6 * place)) & 63
                text.append(place <= left ? alphabet.utf8Start[digit] : UInt8(ascii: "="))
            }
            index += 3
        }
    }

    /// The bytes of a text; white space in it is passed over.
    ///
    /// - Returns: nil for other characters, and where padding is missing or too much.
    package static func decode(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
        var result: [UInt8] = []
        result.reserveCapacity(text.count / 4 * 3)
        var group: UInt32 = 0
        var digits = 0
        var padding = 0
        for byte in text {
            switch byte {
            case 0x20, 0x09, 0x0a, 0x0d: continue
            case UInt8(ascii: "="):
                padding += 1
                guard digits >= 2, digits + padding <= 4 else { return nil }
                continue
            default: break
            }
            guard padding == 0, let digit = value(byte) else { return nil }
            group = group << 6 | digit
            digits += 1
            guard digits == 4 else { continue }
            result += [
                UInt8(truncatingIfNeeded: group >> 16), UInt8(truncatingIfNeeded: group >> 8),
                UInt8(truncatingIfNeeded: group),
            ]
            group = 0
            digits = 0
        }
        guard digits == 0 ? padding == 0 : digits + padding == 4 else { return nil }
        if digits >= 2 { result.append(UInt8(truncatingIfNeeded: group >> (digits == 2 ? 4 : 10))) }
        if digits == 3 { result.append(UInt8(truncatingIfNeeded: group >> 2)) }
        return result
    }

    private static func value(_ byte: UInt8) -> UInt32? {
        switch byte {
        case 0x41...0x5a: return UInt32(byte - 0x41)
        case 0x61...0x7a: return UInt32(byte - 0x61 + 26)
        case 0x30...0x39: return UInt32(byte - 0x30 + 52)
        case UInt8(ascii: "+"): return 62
        case UInt8(ascii: "/"): return 63
        default: return nil
        }
    }
}

/// Hexadecimal digits.
package enum Hexadecimal {
    /// Appends two lower-case digits a byte.
    package static func encode(
        _ bytes: UnsafeBufferPointer<UInt8>, into text: inout [UInt8]
    ) {
        let digits: StaticString = "0123456789abcdef"
        for byte in bytes {
            text.append(digits.utf8Start[Int(byte >> 4)])
            text.append(digits.utf8Start[Int(byte & 15)])
        }
    }

    /// The bytes of a text of two digits each, in any case; nil for anything else.
    package static func decode(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
        guard text.count % 2 == 0 else { return nil }
        var result: [UInt8] = []
        result.reserveCapacity(text.count / 2)
        for index in stride(from: 0, to: text.count, by: 2) {
            guard let high = value(text[index]), let low = value(text[index + 1]) else {
                return nil
            }
            result.append(high << 4 | low)
        }
        return result
    }

    private static func value(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: return byte - 0x30
        case 0x41...0x46: return byte - 0x37
        case 0x61...0x66: return byte - 0x57
        default: return nil
        }
    }
}
