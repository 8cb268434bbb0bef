/// A pattern of LIKE, cut into pieces.
struct LikePattern: Sendable {
    enum Shape: Sendable {
        case equal, prefix, suffix, contains
        /// Needs the general matcher.
        case general
    }

    /// One step of the general matcher.
    struct Element: Sendable {
        enum Kind: UInt8, Sendable { case byte, anyCharacter, anySequence }
        let kind: Kind
        let byte: UInt8
    }

    static let defaultEscape: [UInt8] = [UInt8(ascii: "\\")]

    let shape: Shape
    /// The text to look for, unless the shape is general.
    let literal: [UInt8]
    let elements: [Element]

    /// - Parameter escape: One character, or nothing for no escape.
    static func compile(
        _ pattern: [UInt8], escape: [UInt8]
    ) -> Result<LikePattern, RowErrorCode> {
        guard escape.count <= 4, escape.filter({ $0 & 0xc0 != 0x80 }).count <= 1 else {
            return .failure(.likeEscapeNotOneCharacter)
        }
        var elements: [Element] = []
        var index = 0
        while index < pattern.count {
            if !escape.isEmpty, pattern[index...].starts(with: escape) {
                index += escape.count
                guard index < pattern.count else { return .failure(.likeEscapeAtEnd) }
                elements.append(Element(kind: .byte, byte: pattern[index]))
            } else if pattern[index] == UInt8(ascii: "%") {
                if elements.last?.kind != .anySequence {
                    elements.append(Element(kind: .anySequence, byte: 0))
                }
            } else if pattern[index] == UInt8(ascii: "_") {
                elements.append(Element(kind: .anyCharacter, byte: 0))
            } else {
                elements.append(Element(kind: .byte, byte: pattern[index]))
            }
            index += 1
        }
        return .success(LikePattern(elements))
    }

    private init(_ elements: [Element]) {
        self.elements = elements
        literal = elements.filter { $0.kind == .byte }.map(\.byte)
        let leads = elements.first?.kind == .anySequence
        let trails = elements.count > 1 && elements.last?.kind == .anySequence
        let inner = elements.dropFirst(leads ? 1 : 0).dropLast(trails ? 1 : 0)
        if !inner.allSatisfy({ $0.kind == .byte }) {
            shape = .general
        } else {
            switch (leads, trails) {
            case (false, false): shape = .equal
            case (false, true): shape = .prefix
            case (true, false): shape = .suffix
            case (true, true): shape = .contains
            }
        }
    }

    /// Whether the text fits. The time is bounded by text × pattern: only the last `%` is retried.
    static func matches(
        _ text: UnsafeBufferPointer<UInt8>, _ elements: UnsafeBufferPointer<Element>
    ) -> Bool {
        var position = 0
        var index = 0
        var retryIndex = -1
        var retryPosition = 0
        while position < text.count {
            if index < elements.count {
                let element = elements[index]
                switch element.kind {
                case .anySequence:
                    retryIndex = index + 1
                    retryPosition = position
                    index += 1
                    continue
                case .anyCharacter:
                    position = Utf8.next(text, position)
                    index += 1
                    continue
                case .byte:
                    if text[position] == element.byte {
                        position += 1
                        index += 1
                        continue
                    }
                }
            }
            guard retryIndex >= 0 else { return false }
            retryPosition = Utf8.next(text, retryPosition)
            position = retryPosition
            index = retryIndex
        }
        while index < elements.count, elements[index].kind == .anySequence { index += 1 }
        return index == elements.count
    }
}

/// Characters in bytes: what follows a byte that does not continue one.
enum Utf8 {
    /// Where the character after the one at `position` starts.
    @inline(__always)
    static func next(_ text: UnsafeBufferPointer<UInt8>, _ position: Int) -> Int {
        var next = position + 1
        while next < text.count, text[next] & 0xc0 == 0x80 { next += 1 }
        return next
    }

    /// Where the character before `position` starts.
    @inline(__always)
    static func previous(_ text: UnsafeBufferPointer<UInt8>, _ position: Int) -> Int {
        var previous = position - 1
        while previous > 0, text[previous] & 0xc0 == 0x80 { previous -= 1 }
        return previous
    }

    @inline(__always)
    static func count(_ text: UnsafeBufferPointer<UInt8>) -> Int {
        var continuations = 0
        var index = 0
        let raw = UnsafeRawBufferPointer(text)
        while index &+ 8 <= raw.count {
            // SAFETY: eight bytes are there. A continuation byte has bit 7 set and bit 6 not.
            let word = raw.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            continuations &+= ((word >> 7) & (~word >> 6) & 0x0101_0101_0101_0101).nonzeroBitCount
            index &+= 8
        }
        while index < raw.count {
            continuations &+= raw[index] & 0xc0 == 0x80 ? 1 : 0
            index &+= 1
        }
        return raw.count &- continuations
    }

    /// The byte where the character number `index` starts, or the end.
    @inline(__always)
    static func position(_ text: UnsafeBufferPointer<UInt8>, character index: Int64) -> Int {
        if index >= Int64(text.count) { return text.count }
        var position = 0
        var left = index
        while left > 0, position < text.count {
            position = next(text, position)
            left -= 1
        }
        return position
    }

    /// Where `part` first stands in `text` at or behind `start`.
    static func find(
        _ part: UnsafeBufferPointer<UInt8>, in text: UnsafeBufferPointer<UInt8>, from start: Int
    ) -> Int? {
        guard let first = part.first else { return start }
        var position = start
        let last = text.count - part.count
        while position <= last {
            if text[position] == first, equal(part, text, at: position) { return position }
            position += 1
        }
        return nil
    }

    /// Whether `part` stands in `text` at `position`, which leaves room for it.
    @inline(__always)
    static func equal(
        _ part: UnsafeBufferPointer<UInt8>, _ text: UnsafeBufferPointer<UInt8>, at position: Int
    ) -> Bool {
        for index in 0..<part.count where part[index] != text[position + index] { return false }
        return true
    }
}
