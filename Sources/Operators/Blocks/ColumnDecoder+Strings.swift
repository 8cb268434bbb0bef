import CPrimitives

extension ColumnDecoder {
    /// One string for all rows.
    func constantString(_ data: Range<Int>, _ validity: Buffer?) -> Column {
        let views = Buffer(capacity: rows * 16)
        let view = StringView(base: pointer(data), count: data.count)
        views.pointer(to: StringView.self).initialize(repeating: view, count: rows)
        return strings(views, validity)
    }

    /// Lengths, then bytes.
    func plainStrings(_ data: Range<Int>, _ validity: Buffer?) throws(RowBlockError) -> Column {
        let lengths = try lengths(data, width: entry.width, count: rows)
        let text = data.dropFirst(lengths.byteCount)
        try expect(text.count, lengths.total)
        let views = Buffer(capacity: rows * 16)
        // SAFETY: the lengths add up to what is there, behind which at least padding follows.
        cp_make_views(
            pointer(data) + 4, Int32(entry.width), lengths.least, pointer(text), views.base, rows)
        return strings(views, validity)
    }

    /// How many entries there are and how wide their lengths, the lengths, codes, bytes.
    func dictionaryStrings(
        _ data: Range<Int>, _ validity: Buffer?
    ) throws(RowBlockError) -> Column {
        let codeWidth = try width([1, 2])
        guard data.count >= 5 else { throw .init("\(part) has no dictionary") }
        let count = Int(load(data, at: 0, as: UInt32.self))
        guard (1...1 << (8 * codeWidth)).contains(count) else {
            throw .init("\(part) has a dictionary of \(count) and codes of \(codeWidth) bytes")
        }
        let lengthWidth = Int(load(data, at: 4, as: UInt8.self))
        let afterHead = data.dropFirst(5)
        let lengths = try lengths(afterHead, width: lengthWidth, count: count)
        let codes = afterHead.dropFirst(lengths.byteCount)
        guard codes.count >= codeWidth * rows else {
            throw .init("\(part) has \(codes.count) bytes for codes and \(rows) rows")
        }
        let text = codes.dropFirst(codeWidth * rows)
        try expect(text.count, lengths.total)
        let highest = cp_max_code(pointer(codes), Int32(codeWidth), rows)
        guard highest < count else {
            throw .init("\(part) has a code of \(highest) in a dictionary of \(count)")
        }
        let table = Buffer(capacity: count * 16)
        // SAFETY: the lengths add up to what is there, behind which at least padding follows.
        cp_make_views(
            pointer(afterHead) + 4, Int32(lengthWidth), lengths.least, pointer(text), table.base,
            count)
        let views = Buffer(capacity: rows * 16)
        // SAFETY: no code is higher than the table is long.
        cp_look_up_views(pointer(codes), Int32(codeWidth), table.base, views.base, rows)
        return strings(views, validity)
    }

    /// The lengths at the start of `data`, of `count` strings: the shortest one, how many bytes the
    /// lengths take, and what they add up to.
    private func lengths(
        _ data: Range<Int>, width: Int, count: Int
    ) throws(RowBlockError) -> (least: UInt32, byteCount: Int, total: Int) {
        guard width == 0 || width == 1 || width == 2 || width == 4 else {
            throw .init("\(part) has lengths of \(width) bytes")
        }
        let byteCount = 4 + width * count
        guard data.count >= byteCount else {
            throw .init("\(part) has \(data.count) bytes for \(count) lengths of \(width) bytes")
        }
        let least = load(data, at: 0, as: UInt32.self)
        let total = cp_sum_lengths(pointer(data) + 4, Int32(width), least, count)
        // Below 2^53: at most 2^20 lengths, each below 2^33.
        return (least, byteCount, Int(total))
    }

    private func strings(_ views: Buffer, _ validity: Buffer?) -> Column {
        if let validity {
            cp_clear_null_views(views.base, validity.pointer(to: UInt8.self), rows)
        }
        return Column(
            type: .string, count: rows, values: views, validity: validity, retained: [buffer])
    }
}
