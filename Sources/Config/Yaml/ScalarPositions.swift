/// The bytes of the file that a range of a scalar's text was read from.
///
/// Quotes, escapes, folded lines and indentation are undone. Exact for every byte that is not white
/// space; white space that folding made points at the place where it was folded.
/// - Parameter range: UTF-8 byte offsets into the scalar's text.
/// - Complexity: O(length of the scalar).
package func filePositions(
    of range: Range<Int>, in scalar: LocatedScalar, _ source: SourceText
) -> Range<Int> {
    let text = Array(scalar.text.utf8)
    var walk = ScalarWalk(scalar: scalar, bytes: source.bytes)
    var start: Int?
    var end = scalar.range.upperBound
    for (offset, byte) in text.enumerated() {
        guard let piece = walk.take(byte) else {
            // The text and the file do not line up: say at least where the scalar begins.
            return scalar.range.lowerBound..<scalar.range.lowerBound
        }
        if offset == range.lowerBound { start = piece.lowerBound }
        if offset + 1 == range.upperBound { end = piece.upperBound }
    }
    // A place at the end of the text is just after its last byte, before a closing quote.
    let first = start ?? walk.position
    if range.upperBound <= range.lowerBound { return first..<first }
    return first..<max(first, min(end, scalar.range.upperBound))
}

/// Goes through a scalar as it stands in the file, one byte of its text at a time.
private struct ScalarWalk {
    private let bytes: [UInt8]
    private let style: LocatedScalar.Style
    private let end: Int
    private(set) var position: Int
    /// What the escape at `position` still gives.
    private var pending: [UInt8] = []
    private var pendingRange = 0..<0

    init(scalar: LocatedScalar, bytes: [UInt8]) {
        self.bytes = bytes
        style = scalar.style
        end = min(scalar.range.upperBound, bytes.count)
        position = scalar.range.lowerBound
        switch style {
        case .plain: break
        case .singleQuoted, .doubleQuoted: position += 1
        case .literal, .folded:
            // `|2-  # comment` up to the end of its line is no text.
            while position < end, bytes[position] != UInt8(ascii: "\n") { position += 1 }
        }
    }

    /// Moves over what gave one byte of text and returns where that stood.
    mutating func take(_ byte: UInt8) -> Range<Int>? {
        if let range = takePending(byte) { return range }
        return isYamlSpace(byte) ? takeSpace(byte) : takeMark(byte)
    }

    private mutating func takePending(_ byte: UInt8) -> Range<Int>? {
        guard let first = pending.first else { return nil }
        pending.removeFirst()
        return first == byte ? pendingRange : nil
    }

    /// White space may be made by folding, so it need not stand in the file.
    private mutating func takeSpace(_ byte: UInt8) -> Range<Int>? {
        if position < end, bytes[position] == byte {
            position += 1
            return position - 1..<position
        }
        if readEscape(), let range = takePending(byte) { return range }
        return position..<position
    }

    private mutating func takeMark(_ byte: UInt8) -> Range<Int>? {
        while true {
            while position < end, isYamlSpace(bytes[position]) { position += 1 }
            guard position < end else { return nil }
            if style == .doubleQuoted, bytes[position] == UInt8(ascii: "\\") {
                guard readEscape() else { return nil }
                // An escape of white space, or of a line break, that folding accounted for.
                if pending.allSatisfy(isYamlSpace) {
                    pending = []
                    continue
                }
                return takePending(byte)
            }
            guard bytes[position] == byte else { return nil }
            let isDoubled = style == .singleQuoted && byte == UInt8(ascii: "'")
            let start = position
            position += isDoubled ? 2 : 1
            return start..<position
        }
    }

    /// Reads the escape at `position` into `pending`; false where there is none.
    private mutating func readEscape() -> Bool {
        guard style == .doubleQuoted, position + 1 < end, bytes[position] == UInt8(ascii: "\\")
        else { return false }
        let start = position
        let mark = bytes[position + 1]
        position += 2
        let digitCount: Int
        switch mark {
        case UInt8(ascii: "x"): digitCount = 2
        case UInt8(ascii: "u"): digitCount = 4
        case UInt8(ascii: "U"): digitCount = 8
        default: digitCount = 0
        }
        if digitCount > 0 {
            let stop = min(position + digitCount, end)
            let value = UInt32(String(decoding: bytes[position..<stop], as: UTF8.self), radix: 16)
            pending = value.flatMap(Unicode.Scalar.init).map { Array(String($0).utf8) } ?? []
            position = stop
        } else {
            pending = simpleEscape(mark)
        }
        pendingRange = start..<position
        return true
    }

    private func simpleEscape(_ mark: UInt8) -> [UInt8] {
        switch mark {
        case UInt8(ascii: "n"): return [0x0a]
        case UInt8(ascii: "t"), 0x09: return [0x09]
        case UInt8(ascii: "r"): return [0x0d]
        case UInt8(ascii: "0"): return [0]
        case UInt8(ascii: "a"): return [7]
        case UInt8(ascii: "b"): return [8]
        case UInt8(ascii: "v"): return [11]
        case UInt8(ascii: "f"): return [12]
        case UInt8(ascii: "e"): return [27]
        case UInt8(ascii: "N"): return Array("\u{85}".utf8)
        case UInt8(ascii: "_"): return Array("\u{a0}".utf8)
        case UInt8(ascii: "L"): return Array("\u{2028}".utf8)
        case UInt8(ascii: "P"): return Array("\u{2029}".utf8)
        case 0x0a, 0x0d: return []
        default: return [mark]
        }
    }
}
