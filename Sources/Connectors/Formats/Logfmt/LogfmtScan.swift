import CPrimitives

/// Why a line is not logfmt.
enum LogfmtFault {
    /// An equals sign without a key before it.
    case noKey
    /// A quote within a key.
    case quoteInKey
    case unclosedQuote
    case textBehindQuote
    case badEscape

    var text: String {
        switch self {
        case .noKey: return "'=' without a key before it"
        case .quoteInKey: return "a quote in a key"
        case .unclosedQuote: return "a quoted value has no end"
        case .textBehindQuote: return "a quoted value goes on behind its closing quote"
        case .badEscape: return "an unknown escape"
        }
    }
}

/// Goes through the pairs of one line: `key=value key="quoted \"text\"" flag`.
///
/// Pairs are separated by blanks (and other control characters). A value that does not begin with a
/// quote goes up to the next blank, whatever it holds. Escapes are those of JSON.
struct LogfmtScan {
    typealias Bytes = UnsafePointer<UInt8>

    private let end: Bytes
    private var next: Bytes
    private(set) var fault: LogfmtFault?
    /// Where the fault is.
    private(set) var faultAt: Bytes
    /// The present pair's key.
    private(set) var key: Bytes
    private(set) var keyCount = 0
    /// The present pair's value, without quotes, and how it is written.
    private(set) var value: Bytes
    private(set) var valueCount = 0
    private(set) var flags: UInt32 = 0

    init(_ start: Bytes, _ end: Bytes) {
        self.end = end
        next = start
        key = start
        value = start
        faultAt = start
    }

    /// Goes to the next pair; false at the end and at a fault.
    @inline(__always)
    mutating func advance() -> Bool {
        while next < end, next.pointee <= 0x20 { next += 1 }
        guard next < end else { return false }
        key = next
        while next < end, next.pointee > 0x20, next.pointee != 0x3d {
            if next.pointee == 0x22 { return fail(.quoteInKey, next) }
            next += 1
        }
        keyCount = next - key
        value = next
        valueCount = 0
        guard next < end, next.pointee == 0x3d else {
            flags = CSVCell.bare | CSVCell.quoted
            return true
        }
        if keyCount == 0 { return fail(.noKey, next) }
        next += 1
        value = next
        guard next < end, next.pointee == 0x22 else {
            while next < end, next.pointee > 0x20 { next += 1 }
            valueCount = next - value
            flags = 0
            return true
        }
        return quoted()
    }

    /// A value whose opening quote is at `next`.
    private mutating func quoted() -> Bool {
        let opening = next
        value = next + 1
        flags = CSVCell.quoted
        next += 1
        while true {
            next = cp_scan_either(next, end, 0x22, 0x5c)
            guard next < end else { return fail(.unclosedQuote, opening) }
            if next.pointee == 0x22 { break }
            flags |= CSVCell.escaped
            guard let behind = LogfmtScan.escape(next, end) else { return fail(.badEscape, next) }
            next = behind
        }
        valueCount = next - value
        next += 1
        if next < end, next.pointee > 0x20 { return fail(.textBehindQuote, next) }
        return true
    }

    private mutating func fail(_ fault: LogfmtFault, _ place: Bytes) -> Bool {
        self.fault = fault
        faultAt = place
        return false
    }

    /// The byte behind the escape whose backslash is at `p`; nil when it is none.
    private static func escape(_ p: Bytes, _ end: Bytes) -> Bytes? {
        guard end - p >= 2 else { return nil }
        switch p[1] {
        case 0x22, 0x2f, 0x5c, 0x62, 0x66, 0x6e, 0x72, 0x74: return p + 2
        case 0x75:
            guard let first = unit(p, end) else { return nil }
            guard (0xd800...0xdfff).contains(first) else { return p + 6 }
            // Half a character that is written as two.
            guard first < 0xdc00, end - p >= 12, p[6] == 0x5c, p[7] == 0x75,
                let second = unit(p + 6, end), (0xdc00...0xdfff).contains(second)
            else { return nil }
            return p + 12
        default: return nil
        }
    }

    /// The four hexadecimal digits of the `\u` at `p`.
    private static func unit(_ p: Bytes, _ end: Bytes) -> UInt32? {
        guard end - p >= 6 else { return nil }
        var value: UInt32 = 0
        for index in 2..<6 {
            let byte = p[index]
            let digit: UInt8
            if byte &- 0x30 < 10 {
                digit = byte &- 0x30
            } else if (byte | 0x20) &- 0x61 < 6 {
                digit = (byte | 0x20) &- 0x61 &+ 10
            } else {
                return nil
            }
            value = value << 4 | UInt32(digit)
        }
        return value
    }
}
