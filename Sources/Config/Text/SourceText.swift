/// The bytes of one spec file and where its lines begin.
///
/// Positions in Config are byte offsets into such a file; this type turns them into lines, columns
/// and the text that a diagnostic shows.
package final class SourceText: Sendable {
    /// The path as the caller gave it; it only names the file in messages.
    package let path: String
    package let bytes: [UInt8]
    private let lineStarts: [Int]
    /// Continuation bytes before each block of `blockBytes`; nil when there are none at all.
    private let continuations: [Int]?
    private static let blockBytes = 256

    package init(path: String, bytes: [UInt8]) {
        self.path = path
        self.bytes = bytes
        var starts = [0]
        for (offset, byte) in bytes.enumerated() {
            let endsLine =
                byte == UInt8(ascii: "\n")
                || (byte == UInt8(ascii: "\r")
                    && !(offset + 1 < bytes.count && bytes[offset + 1] == UInt8(ascii: "\n")))
            if endsLine { starts.append(offset + 1) }
        }
        lineStarts = starts
        continuations = bytes.contains { $0 >= 0x80 } ? SourceText.countContinuations(bytes) : nil
    }

    /// The line (0-based) that holds a byte. Complexity: O(log lines).
    package func lineIndex(of offset: Int) -> Int {
        var low = 0
        var high = lineStarts.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if lineStarts[middle] <= offset { low = middle } else { high = middle }
        }
        return low
    }

    /// The bytes of a line (0-based) without its line break.
    package func lineRange(_ index: Int) -> Range<Int> {
        let start = lineStarts[index]
        var end = index + 1 < lineStarts.count ? lineStarts[index + 1] : bytes.count
        while end > start,
            bytes[end - 1] == UInt8(ascii: "\n") || bytes[end - 1] == UInt8(ascii: "\r")
        {
            end -= 1
        }
        return start..<end
    }

    /// Where a range of bytes lies, as people count: what a diagnostic points at. A range over
    /// several lines is cut at the end of its first.
    package func location(_ range: Range<Int>) -> FileLocation {
        let start = min(max(range.lowerBound, 0), bytes.count)
        let lineIndex = lineIndex(of: start)
        let line = lineRange(lineIndex)
        // A position on the line break itself stands just after the line's last character.
        let from = min(start, line.upperBound)
        let to = max(from, min(range.upperBound, line.upperBound))
        let column = 1 + scalarCount(line.lowerBound..<from)
        let window = shown(line, around: from)
        return FileLocation(
            file: path, line: lineIndex + 1, column: column,
            endColumn: column + scalarCount(from..<to),
            lineText: String(decoding: bytes[window], as: UTF8.self),
            lineTextColumn: 1 + scalarCount(line.lowerBound..<window.lowerBound))
    }

    /// Characters (Unicode scalars) in a range of bytes. Complexity: O(1), also in a file that is
    /// one long line.
    private func scalarCount(_ range: Range<Int>) -> Int {
        guard let continuations else { return range.count }
        func before(_ offset: Int) -> Int {
            let block = offset / SourceText.blockBytes
            let start = block * SourceText.blockBytes
            return continuations[block]
                + bytes[start..<offset].reduce(into: 0) { $0 += isContinuation($1) ? 1 : 0 }
        }
        return range.count - (before(range.upperBound) - before(range.lowerBound))
    }

    private static func countContinuations(_ bytes: [UInt8]) -> [Int] {
        var counts = [0]
        var count = 0
        for (offset, byte) in bytes.enumerated() {
            if isContinuation(byte) { count += 1 }
            if (offset + 1) % blockBytes == 0 { counts.append(count) }
        }
        return counts
    }

    /// The part of a line that is shown: all of it unless it is very long.
    private func shown(_ line: Range<Int>, around offset: Int) -> Range<Int> {
        let bytesMax = 320
        guard line.count > bytesMax else { return line }
        var start = max(line.lowerBound, offset - bytesMax / 2)
        var end = min(line.upperBound, start + bytesMax)
        while start > line.lowerBound, isContinuation(bytes[start]) { start -= 1 }
        while end < line.upperBound, isContinuation(bytes[end]) { end += 1 }
        return start..<end
    }
}

/// Whether a byte of UTF-8 is none that begins a character.
private func isContinuation(_ byte: UInt8) -> Bool { byte & 0xc0 == 0x80 }

/// A place in a spec file, with the line's text: all that is needed to show it later.
package struct FileLocation: Hashable, Sendable {
    package let file: String
    /// 1-based.
    package let line: Int
    /// 1-based, in characters (Unicode scalars).
    package let column: Int
    /// One past the last character; equal to `column` for a place between two characters.
    package let endColumn: Int
    /// The line, or the part of a very long line around the place.
    package let lineText: String
    /// The column of the first character of `lineText`.
    package let lineTextColumn: Int

    package init(
        file: String, line: Int, column: Int, endColumn: Int, lineText: String,
        lineTextColumn: Int = 1
    ) {
        self.file = file
        self.line = line
        self.column = column
        self.endColumn = endColumn
        self.lineText = lineText
        self.lineTextColumn = lineTextColumn
    }
}
