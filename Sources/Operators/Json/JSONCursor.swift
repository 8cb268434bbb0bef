import Glibc

/// Strict scanning of one JSON text (RFC 8259) that lies anywhere: what it passes over is checked.
///
/// Every method starts at `offset` and leaves it behind what it took; one that returns false or nil
/// has found something that is no JSON, and leaves it somewhere.
struct JSONCursor {
    /// Objects and arrays in each other; deeper text is refused, so that none exhausts the stack.
    static let depthMax = 128

    // SAFETY: whoever makes the cursor holds the bytes.
    let bytes: UnsafeBufferPointer<UInt8>
    var offset = 0

    init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    init(_ view: StringView) { bytes = view.bytes }

    /// Whether a text is one value and nothing else.
    static func isValid(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        var cursor = JSONCursor(bytes)
        return cursor.skipValue() && cursor.isAtEnd()
    }

    /// The byte at hand, 0 at the end.
    var byte: UInt8 { offset < bytes.count ? bytes[offset] : 0 }

    mutating func skipSpace() {
        while offset < bytes.count {
            switch bytes[offset] {
            case 0x20, 0x09, 0x0a, 0x0d: offset += 1
            default: return
            }
        }
    }

    /// Whether only white space follows.
    mutating func isAtEnd() -> Bool {
        skipSpace()
        return offset == bytes.count
    }

    mutating func take(_ wanted: UInt8) -> Bool {
        skipSpace()
        guard byte == wanted, offset < bytes.count else { return false }
        offset += 1
        return true
    }

    /// Passes over a value and the white space before it.
    ///
    /// - Complexity: O(its bytes).
    mutating func skipValue(depth: Int = 0) -> Bool {
        skipSpace()
        switch byte {
        case 0x22: return string() != nil
        case 0x7b:
            return members(depth: depth) { cursor, _ in cursor.skipValue(depth: depth + 1) }
        case 0x5b: return elements(depth: depth) { $0.skipValue(depth: depth + 1) }
        case 0x74: return word("true")
        case 0x66: return word("false")
        case 0x6e: return word("null")
        default: return number() != nil
        }
    }

    /// The bytes of the next value, without white space around; nil when it is none.
    mutating func value(depth: Int = 0) -> Range<Int>? {
        skipSpace()
        let start = offset
        return skipValue(depth: depth) ? start..<offset : nil
    }

    /// Takes an object; `body` takes the value behind each key, which it gets as the bytes between
    /// its quotes.
    mutating func members(
        depth: Int, _ body: (inout JSONCursor, JSONString) -> Bool
    ) -> Bool {
        guard depth < JSONCursor.depthMax, take(0x7b) else { return false }
        if take(0x7d) { return true }
        repeat {
            skipSpace()
            guard let key = string(), take(0x3a), body(&self, key) else { return false }
        } while take(0x2c)
        return take(0x7d)
    }

    /// Takes an array; `body` takes each element.
    mutating func elements(depth: Int, _ body: (inout JSONCursor) -> Bool) -> Bool {
        guard depth < JSONCursor.depthMax, take(0x5b) else { return false }
        if take(0x5d) { return true }
        repeat {
            guard body(&self) else { return false }
        } while take(0x2c)
        return take(0x5d)
    }

    mutating func word(_ word: StaticString) -> Bool {
        let count = word.utf8CodeUnitCount
        guard bytes.count - offset >= count,
            (0..<count).allSatisfy({ bytes[offset + $0] == word.utf8Start[$0] })
        else { return false }
        offset += count
        return true
    }

    /// Takes a number and returns its bytes.
    mutating func number() -> UnsafeBufferPointer<UInt8>? {
        let start = offset
        if byte == 0x2d { offset += 1 }
        let first = offset
        let whole = digits()
        guard whole > 0, whole == 1 || bytes[first] != 0x30 else { return nil }
        if byte == 0x2e {
            offset += 1
            guard digits() > 0 else { return nil }
        }
        if byte | 0x20 == 0x65 {
            offset += 1
            if byte == 0x2b || byte == 0x2d { offset += 1 }
            guard digits() > 0 else { return nil }
        }
        return UnsafeBufferPointer(rebasing: bytes[start..<offset])
    }

    private mutating func digits() -> Int {
        let start = offset
        while offset < bytes.count, bytes[offset] &- 0x30 < 10 { offset += 1 }
        return offset - start
    }

    /// Takes a string, which must be UTF-8 and whose escapes must be characters.
    mutating func string() -> JSONString? {
        guard byte == 0x22, offset < bytes.count else { return nil }
        offset += 1
        let start = offset
        var hasEscape = false
        while offset < bytes.count {
            let byte = bytes[offset]
            if byte == 0x22 {
                let inside = UnsafeBufferPointer(rebasing: bytes[start..<offset])
                offset += 1
                return JSONString(bytes: inside, hasEscape: hasEscape)
            }
            if byte == 0x5c {
                hasEscape = true
                guard JSONString.scalar(bytes, &offset) != nil else { return nil }
            } else if byte < 0x20 {
                return nil
            } else if byte < 0x80 {
                offset += 1
            } else {
                guard let next = Utf8.sequenceEnd(bytes, offset) else { return nil }
                offset = next
            }
        }
        return nil
    }
}

/// The inside of a JSON string that was checked.
struct JSONString {
    let bytes: UnsafeBufferPointer<UInt8>
    let hasEscape: Bool

    /// Whether it means this text.
    func equals(_ text: some Sequence<UInt8>) -> Bool {
        if !hasEscape { return bytes.elementsEqual(text) }
        var decoded: [UInt8] = []
        decode(into: &decoded)
        return decoded.elementsEqual(text)
    }

    /// Appends what it means.
    func decode(into target: inout [UInt8]) {
        guard hasEscape else { return target.append(contentsOf: bytes) }
        var offset = 0
        while offset < bytes.count {
            guard bytes[offset] == 0x5c else {
                target.append(bytes[offset])
                offset += 1
                continue
            }
            guard let scalar = JSONString.scalar(bytes, &offset) else { return }
            target.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
        }
    }

    /// The character of an escape whose backslash is at `offset`; nil when it is none. A surrogate
    /// without its other half is none.
    static func scalar(
        _ bytes: UnsafeBufferPointer<UInt8>, _ offset: inout Int
    ) -> Unicode.Scalar? {
        guard offset + 1 < bytes.count else { return nil }
        let letter = bytes[offset + 1]
        offset += 2
        switch letter {
        case 0x22, 0x5c, 0x2f: return Unicode.Scalar(letter)
        case 0x62: return "\u{8}"
        case 0x66: return "\u{c}"
        case 0x6e: return "\n"
        case 0x72: return "\r"
        case 0x74: return "\t"
        case 0x75:
            guard let unit = hexadecimal(bytes, &offset) else { return nil }
            guard (0xd800...0xdbff).contains(unit) else { return Unicode.Scalar(unit) }
            guard offset + 1 < bytes.count, bytes[offset] == 0x5c, bytes[offset + 1] == 0x75
            else { return nil }
            offset += 2
            guard let low = hexadecimal(bytes, &offset), (0xdc00...0xdfff).contains(low) else {
                return nil
            }
            return Unicode.Scalar(0x10000 + (unit - 0xd800) << 10 + (low - 0xdc00))
        default: return nil
        }
    }

    private static func hexadecimal(
        _ bytes: UnsafeBufferPointer<UInt8>, _ offset: inout Int
    ) -> UInt32? {
        guard bytes.count - offset >= 4 else { return nil }
        var value: UInt32 = 0
        for index in offset..<offset + 4 {
            let byte = bytes[index]
            let letter = byte | 0x20
            if byte &- 0x30 < 10 {
                value = value << 4 | UInt32(byte &- 0x30)
            } else if letter >= 0x61 && letter <= 0x66 {
                value = value << 4 | UInt32(letter - 0x57)
            } else {
                return nil
            }
        }
        offset += 4
        return value
    }
}

extension Utf8 {
    /// The index behind the well-formed sequence at `start` (Unicode, table 3-7); nil if it is none.
    static func sequenceEnd(_ bytes: UnsafeBufferPointer<UInt8>, _ start: Int) -> Int? {
        func isTail(_ offset: Int, _ low: UInt8 = 0x80, _ high: UInt8 = 0xbf) -> Bool {
            guard start + offset < bytes.count else { return false }
            return bytes[start + offset] >= low && bytes[start + offset] <= high
        }
        switch bytes[start] {
        case 0x00...0x7f: return start + 1
        case 0xc2...0xdf: return isTail(1) ? start + 2 : nil
        case 0xe0: return isTail(1, 0xa0) && isTail(2) ? start + 3 : nil
        case 0xed: return isTail(1, 0x80, 0x9f) && isTail(2) ? start + 3 : nil
        case 0xe1...0xef: return isTail(1) && isTail(2) ? start + 3 : nil
        case 0xf0: return isTail(1, 0x90) && isTail(2) && isTail(3) ? start + 4 : nil
        case 0xf1...0xf3: return isTail(1) && isTail(2) && isTail(3) ? start + 4 : nil
        case 0xf4: return isTail(1, 0x80, 0x8f) && isTail(2) && isTail(3) ? start + 4 : nil
        default: return nil
        }
    }

    /// Whether all bytes are well-formed UTF-8.
    static func isValid(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        var offset = 0
        while offset < bytes.count {
            if bytes[offset] < 0x80 {
                offset += 1
                continue
            }
            guard let next = sequenceEnd(bytes, offset) else { return false }
            offset = next
        }
        return true
    }
}
