import CPrimitives

/// Why a JSON text is not one. The position is kept beside it.
enum JSONFault: UInt8 {
    case none
    case expectedObject, expectedKey, expectedColon, expectedCommaOrEnd, expectedValue
    case endOfLine, controlCharacter, badEscape, badUnicodeEscape, badUTF8
    case badNumber, badLiteral, tooDeep, trailingCharacters
    case wrongType, outOfRange, notInteger, missing, isNull, badTimestamp
    case badDate, tooManyDigits, badBase64, otherShape

    var text: String {
        switch self {
        case .none: return "no error"
        case .expectedObject: return "expected '{'"
        case .expectedKey: return "expected a key in double quotes"
        case .expectedColon: return "expected ':'"
        case .expectedCommaOrEnd: return "expected ',' or the end of the object or array"
        case .expectedValue: return "expected a value"
        case .endOfLine: return "the line ends inside the record"
        case .controlCharacter: return "a control character inside a string"
        case .badEscape: return "an escape that JSON does not have"
        case .badUnicodeEscape: return "a \\u escape that is no character"
        case .badUTF8: return "bytes that are not UTF-8"
        case .badNumber: return "a number that JSON does not allow"
        case .badLiteral: return "expected true, false or null"
        case .tooDeep: return "nested deeper than \(JSONScan.depthMax) levels"
        case .trailingCharacters: return "characters after the end of the object"
        case .wrongType: return "a value of another type"
        case .outOfRange: return "a number out of range"
        case .notInteger: return "not a whole number in range"
        case .missing: return "missing"
        case .isNull: return "null"
        case .badTimestamp: return "no timestamp of the declared form"
        case .badDate: return "no date of the form 2026-01-31"
        case .tooManyDigits: return "a number with more digits than the type has"
        case .badBase64: return "text that is not base64"
        case .otherShape: return "a value of another type inside"
        }
    }
}

/// Strict scanning of JSON text (RFC 8259) in a line: what is skipped is checked as well as what is
/// kept. Every function takes the first byte of what it scans and returns the byte behind it, or
/// nil after setting `fault`.
///
/// `end` is behind a line end (of this line or a later one), where runs of digits and of white space
/// stop, and at least ``Buffer/paddingBytes`` bytes behind it are readable. A line end is never white
/// space here: a record is one line.
struct JSONScan {
    typealias Bytes = UnsafePointer<UInt8>

    static let depthMax = 128

    var fault = JSONFault.none
    var faultAt: Bytes?

    @inline(never)
    mutating func fail(_ fault: JSONFault, at position: Bytes) -> Bytes? {
        self.fault = fault
        self.faultAt = position
        return nil
    }

    @inline(__always)
    static func skipSpace(_ start: Bytes) -> Bytes {
        var p = start
        while p.pointee == 0x20 || p.pointee == 0x09 || p.pointee == 0x0d { p += 1 }
        return p
    }

    /// A string whose opening quote is at `p`. `hasEscape` tells whether it must be decoded.
    @inline(__always)
    mutating func string(_ p: Bytes, _ end: Bytes, hasEscape: inout Bool) -> Bytes? {
        let stop = cp_scan_json_string(p + 1, end)
        if stop.pointee == 0x22 && stop < end { return stop + 1 }
        return stringRest(stop, end, hasEscape: &hasEscape)
    }

    /// Goes on in a string at a byte that is not plain ASCII.
    @inline(never)
    private mutating func stringRest(
        _ start: Bytes, _ end: Bytes, hasEscape: inout Bool
    ) -> Bytes? {
        var p = start
        while true {
            if p >= end { return fail(.endOfLine, at: end) }
            let byte = p.pointee
            if byte == 0x22 { return p + 1 }
            if byte == 0x5c {
                hasEscape = true
                guard let next = escape(p, end) else { return nil }
                p = next
            } else if byte < 0x20 {
                return fail(byte == 0x0a ? .endOfLine : .controlCharacter, at: p)
            } else {
                guard let next = JSONScan.utf8Sequence(p, end) else { return fail(.badUTF8, at: p) }
                p = next
            }
            p = cp_scan_json_string(p, end)
        }
    }

    /// The byte behind the well-formed UTF-8 sequence at `p` (Unicode, table 3-7), nil if it is none.
    static func utf8Sequence(_ p: Bytes, _ end: Bytes) -> Bytes? {
        let lead = p.pointee
        let left = end - p
        @inline(__always) func isTail(_ index: Int) -> Bool { p[index] & 0xc0 == 0x80 }
        switch lead {
        case 0x00...0x7f:
            return p + 1
        case 0xc2...0xdf:
            return left >= 2 && isTail(1) ? p + 2 : nil
        case 0xe0...0xef:
            guard left >= 3, isTail(1), isTail(2) else { return nil }
            if lead == 0xe0 && p[1] < 0xa0 { return nil }
            if lead == 0xed && p[1] > 0x9f { return nil }
            return p + 3
        case 0xf0...0xf4:
            guard left >= 4, isTail(1), isTail(2), isTail(3) else { return nil }
            if lead == 0xf0 && p[1] < 0x90 { return nil }
            if lead == 0xf4 && p[1] > 0x8f { return nil }
            return p + 4
        default:
            return nil
        }
    }

    /// The escape whose backslash is at `p`. A lone surrogate is an error: it is no character, and
    /// could not be written as UTF-8.
    private mutating func escape(_ p: Bytes, _ end: Bytes) -> Bytes? {
        guard end - p >= 2 else { return fail(.endOfLine, at: end) }
        switch p[1] {
        case 0x22, 0x5c, 0x2f, 0x62, 0x66, 0x6e, 0x72, 0x74:
            return p + 2
        case 0x75:
            guard let unit = JSONScan.hex4(p + 2, end) else {
                return fail(.badUnicodeEscape, at: p)
            }
            if unit < 0xd800 || unit > 0xdfff { return p + 6 }
            guard unit < 0xdc00, end - p >= 12, p[6] == 0x5c, p[7] == 0x75,
                let low = JSONScan.hex4(p + 8, end), (0xdc00...0xdfff).contains(low)
            else { return fail(.badUnicodeEscape, at: p) }
            return p + 12
        default:
            return fail(.badEscape, at: p)
        }
    }

    private static func hex4(_ p: Bytes, _ end: Bytes) -> UInt32? {
        guard end - p >= 4 else { return nil }
        var value: UInt32 = 0
        for index in 0..<4 {
            guard let digit = hexDigit(p[index]) else { return nil }
            value = value << 4 | digit
        }
        return value
    }

    private static func hexDigit(_ byte: UInt8) -> UInt32? {
        switch byte {
        case 0x30...0x39: return UInt32(byte - 0x30)
        case 0x41...0x46: return UInt32(byte - 0x41 + 10)
        case 0x61...0x66: return UInt32(byte - 0x61 + 10)
        default: return nil
        }
    }

    /// Decodes the inside of a string that ``string(_:_:hasEscape:)`` has checked.
    ///
    /// - Parameter target: Room for `end - start` bytes: decoding never makes a string longer.
    /// - Returns: How many bytes were written.
    static func decode(
        _ start: Bytes, _ end: Bytes, into target: UnsafeMutablePointer<UInt8>
    ) -> Int {
        var p = start
        var count = 0
        while p < end {
            if p.pointee != 0x5c {
                target[count] = p.pointee
                count += 1
                p += 1
                continue
            }
            switch p[1] {
            case 0x62: target[count] = 0x08
            case 0x66: target[count] = 0x0c
            case 0x6e: target[count] = 0x0a
            case 0x72: target[count] = 0x0d
            case 0x74: target[count] = 0x09
            case 0x75:
                var scalar = hex4(p + 2, end) ?? 0xfffd
                p += 6
                if (0xd800...0xdbff).contains(scalar), let low = hex4(p + 2, end) {
                    scalar = 0x10000 + (scalar - 0xd800) << 10 + (low - 0xdc00)
                    p += 6
                }
                count += encode(scalar, into: target + count)
                continue
            default: target[count] = p[1]
            }
            count += 1
            p += 2
        }
        return count
    }

    private static func encode(
        _ scalar: UInt32, into target: UnsafeMutablePointer<UInt8>
    ) -> Int {
        func tail(_ shift: UInt32) -> UInt8 { UInt8(0x80 | (scalar >> shift) & 0x3f) }
        if scalar < 0x80 {
            target[0] = UInt8(scalar)
            return 1
        }
        if scalar < 0x800 {
            target[0] = UInt8(0xc0 | scalar >> 6)
            target[1] = tail(0)
            return 2
        }
        if scalar < 0x10000 {
            target[0] = UInt8(0xe0 | scalar >> 12)
            target[1] = tail(6)
            target[2] = tail(0)
            return 3
        }
        target[0] = UInt8(0xf0 | scalar >> 18)
        target[1] = tail(12)
        target[2] = tail(6)
        target[3] = tail(0)
        return 4
    }

    /// A number by RFC 8259's grammar. `isInteger` is false when it has a fraction or an exponent.
    @inline(__always)
    mutating func number(_ start: Bytes, _ end: Bytes, isInteger: inout Bool) -> Bytes? {
        var p = start
        if p.pointee == 0x2d { p += 1 }
        let first = p
        while p.pointee &- 0x30 < 10 { p += 1 }
        let digits = p - first
        if digits == 0 || (digits > 1 && first.pointee == 0x30) {
            return fail(.badNumber, at: start)
        }
        if p.pointee == 0x2e {
            isInteger = false
            p += 1
            let fraction = p
            while p.pointee &- 0x30 < 10 { p += 1 }
            if p == fraction { return fail(.badNumber, at: start) }
        }
        if p.pointee | 0x20 == 0x65 {
            isInteger = false
            p += 1
            if p.pointee == 0x2b || p.pointee == 0x2d { p += 1 }
            let exponent = p
            while p.pointee &- 0x30 < 10 { p += 1 }
            if p == exponent { return fail(.badNumber, at: start) }
        }
        // The line end before `end` has stopped the loops.
        return p
    }

    /// `true`, `false` or `null`.
    mutating func literal(_ p: Bytes, _ end: Bytes, _ text: StaticString) -> Bytes? {
        let count = text.utf8CodeUnitCount
        guard end - p >= count, cp_equal(p, text.utf8Start, count) != 0 else {
            return fail(.badLiteral, at: p)
        }
        return p + count
    }

    /// Any value, checked and skipped.
    @inline(__always)
    mutating func skipValue(_ p: Bytes, _ end: Bytes, depth: Int) -> Bytes? {
        if p.pointee == 0x22 {
            var hasEscape = false
            return string(p, end, hasEscape: &hasEscape)
        }
        return skipOther(p, end, depth: depth)
    }

    @inline(never)
    private mutating func skipOther(_ p: Bytes, _ end: Bytes, depth: Int) -> Bytes? {
        guard p < end else { return fail(.endOfLine, at: end) }
        switch p.pointee {
        case 0x22: return skipValue(p, end, depth: depth)
        case 0x2d, 0x30...0x39:
            var isInteger = true
            return number(p, end, isInteger: &isInteger)
        case 0x74: return literal(p, end, "true")
        case 0x66: return literal(p, end, "false")
        case 0x6e: return literal(p, end, "null")
        case 0x7b: return skipObject(p, end, depth: depth)
        case 0x5b: return skipArray(p, end, depth: depth)
        case 0x0a: return fail(.endOfLine, at: p)
        default: return fail(.expectedValue, at: p)
        }
    }

    private mutating func skipObject(_ start: Bytes, _ end: Bytes, depth: Int) -> Bytes? {
        if depth >= JSONScan.depthMax { return fail(.tooDeep, at: start) }
        var p = JSONScan.skipSpace(start + 1)
        if p.pointee == 0x7d && p < end { return p + 1 }
        while true {
            guard let value = key(p, end) else { return nil }
            guard let next = skipValue(value, end, depth: depth + 1) else { return nil }
            p = JSONScan.skipSpace(next)
            if p.pointee == 0x7d && p < end { return p + 1 }
            guard p.pointee == 0x2c && p < end else {
                return fail(p < end ? .expectedCommaOrEnd : .endOfLine, at: p)
            }
            p = JSONScan.skipSpace(p + 1)
        }
    }

    private mutating func skipArray(_ start: Bytes, _ end: Bytes, depth: Int) -> Bytes? {
        if depth >= JSONScan.depthMax { return fail(.tooDeep, at: start) }
        var p = JSONScan.skipSpace(start + 1)
        if p.pointee == 0x5d && p < end { return p + 1 }
        while true {
            guard let next = skipValue(p, end, depth: depth + 1) else { return nil }
            p = JSONScan.skipSpace(next)
            if p.pointee == 0x5d && p < end { return p + 1 }
            guard p.pointee == 0x2c && p < end else {
                return fail(p < end ? .expectedCommaOrEnd : .endOfLine, at: p)
            }
            p = JSONScan.skipSpace(p + 1)
        }
    }

    /// A key, its colon and the space around: returns the first byte of the value.
    mutating func key(_ p: Bytes, _ end: Bytes) -> Bytes? {
        guard p.pointee == 0x22, p < end else {
            return fail(p < end && p.pointee != 0x0a ? .expectedKey : .endOfLine, at: p)
        }
        var hasEscape = false
        guard let behind = string(p, end, hasEscape: &hasEscape) else { return nil }
        return colon(behind, end)
    }

    /// A colon and the space around it: returns the first byte of the value.
    mutating func colon(_ start: Bytes, _ end: Bytes) -> Bytes? {
        let p = JSONScan.skipSpace(start)
        guard p.pointee == 0x3a, p < end else { return fail(.expectedColon, at: p) }
        return JSONScan.skipSpace(p + 1)
    }
}
