import Glibc
import Operators

/// Values that a text format has no number or word for, turned into the text of a whole batch before
/// its rows are written, so that the loops over rows know few kinds.
enum RenderedColumn {
    /// How bytes are written.
    enum Form {
        /// Base64, as JSON has it.
        case json
        /// `\x` and hexadecimal digits, as PostgreSQL writes them; for CSV and lines.
        case text
    }

    /// The column itself, or one of type `string` or `json` with what is to be written.
    ///
    /// - Parameter nonFiniteCount: Grows by the doubles that JSON has not.
    static func render(
        _ column: Column, as form: Form, nonFiniteCount: inout Int64
    ) -> Column {
        switch column.type {
        case .array, .structure:
            var writing = JSONWriting()
            let result = texts(column, .json) { row in
                writing.clear()
                writing.append(column, row)
                return writing.text
            }
            nonFiniteCount += Int64(writing.nonFiniteCount)
            return result
        case .json:
            // Text of several lines would not be one record.
            guard hasLineEnd(column) else { return column }
            var writing = JSONWriting()
            return texts(column, .json) { row in
                writing.clear()
                writing.append(column, row)
                return writing.text
            }
        case .bytes:
            return texts(column, .string) { row in
                var text: [UInt8] = []
                if form == .json {
                    Base64.encode(column.strings[row].bytes, into: &text)
                } else {
                    text += Array("\\x".utf8)
                    Hexadecimal.encode(column.strings[row].bytes, into: &text)
                }
                return text
            }
        default: return column
        }
    }

    private static func hasLineEnd(_ column: Column) -> Bool {
        let views = column.strings
        return (0..<column.count).contains { row in
            memchr(views[row].base, 0x0a, views[row].count) != nil
                || memchr(views[row].base, 0x0d, views[row].count) != nil
        }
    }

    private static func texts(
        _ column: Column, _ type: ColumnType, _ body: (Int) -> [UInt8]
    ) -> Column {
        var arena = ByteArena()
        var builder = ColumnBuilder(type: type, capacity: column.count)
        for row in 0..<column.count {
            guard !column.isNull(row) else {
                builder.appendNull()
                continue
            }
            let text = body(row)
            text.withUnsafeBufferPointer { bytes in
                guard let base = bytes.baseAddress else { return builder.append(view: .empty) }
                builder.append(view: arena.store(base, count: bytes.count))
            }
        }
        return builder.finish(retained: arena.blocks)
    }
}
