/// The texts that `string_agg` makes, up to ``StringArena/resultBytesMax`` bytes each.
struct JoinedTexts {
    /// One text that grows.
    struct Text {
        fileprivate(set) var bytes: [UInt8] = []
        fileprivate(set) var isTooLong = false
        private var isEmpty = true

        init() {}

        init(bytes: [UInt8], isTooLong: Bool) {
            self.bytes = bytes
            self.isTooLong = isTooLong
            isEmpty = false
        }

        mutating func append(_ value: StringView, separator: [UInt8]) {
            guard !isTooLong else { return }
            let added = value.count + (isEmpty ? 0 : separator.count)
            guard bytes.count + added <= StringArena.resultBytesMax else {
                isTooLong = true
                bytes = []
                return
            }
            if !isEmpty { bytes.append(contentsOf: separator) }
            bytes.append(contentsOf: value.bytes)
            isEmpty = false
        }
    }

    let separator: [UInt8]
    private var builder = ColumnBuilder(type: .string, capacity: 16)
    private var arena = ByteArena()

    init(separator: Literal?) {
        if case .string(let bytes) = separator {
            self.separator = bytes
        } else {
            self.separator = []
        }
    }

    /// Adds a row; a text that is too long fails it.
    mutating func append(_ text: Text?, position: Int, failed: inout [Int: String]) {
        guard let text, !text.isTooLong else {
            if text != nil {
                failed[position] =
                    "cannot compute string_agg: \(RowErrorCode.stringTooLong.message)"
            }
            return builder.appendNull()
        }
        text.bytes.withUnsafeBufferPointer { bytes in
            guard let base = bytes.baseAddress else { return builder.append(view: .empty) }
            builder.append(view: arena.store(base, count: bytes.count))
        }
    }

    func finish() -> Column { builder.finish(retained: arena.blocks) }
}

/// `string_agg` over rows that stay: the texts in the order in which they come.
final class StringAggAccumulator: Accumulator {
    private var texts: [JoinedTexts.Text?] = []
    private let separator: Literal?

    init(separator: Literal?) { self.separator = separator }

    func reserve(_ count: Int) {
        guard count > texts.count else { return }
        texts.append(contentsOf: Array(repeating: nil, count: count - texts.count))
    }

    func reset(_ group: Int) { texts[group] = nil }

    func update(
        _ groups: UnsafePointer<Int32>, count: Int, argument: Column?,
        weights: UnsafePointer<Int32>?
    ) {
        guard let argument else { return }
        let source = argument.strings
        let between = JoinedTexts(separator: separator).separator
        for row in 0..<count {
            let group = Int(groups[row])
            if group < 0 || argument.isNull(row) { continue }
            if texts[group] == nil { texts[group] = JoinedTexts.Text() }
            texts[group]?.append(source[row], separator: between)
        }
    }

    func result(_ groups: [Int32], failed: inout [Int: String]) -> Column {
        var column = JoinedTexts(separator: separator)
        for (position, group) in groups.enumerated() {
            column.append(texts[Int(group)], position: position, failed: &failed)
        }
        return column.finish()
    }

    func merge(_ source: Int, into target: Int) {
        guard let added = texts[source] else { return }
        guard var text = texts[target] else { return texts[target] = added }
        if added.isTooLong { text.isTooLong = true }
        added.bytes.withUnsafeBufferPointer {
            text.append(StringView($0), separator: JoinedTexts(separator: separator).separator)
        }
        texts[target] = text
    }

    func write(_ group: Int, to bytes: inout [UInt8]) {
        guard let text = texts[group] else { return bytes.append(0) }
        bytes.append(text.isTooLong ? 2 : 1)
        bytes.append(littleEndian: UInt32(text.bytes.count))
        bytes.append(contentsOf: text.bytes)
    }

    func read(_ group: Int, from reader: inout ByteReader) -> Bool {
        guard let flag = reader.read(UInt8.self), flag <= 2 else { return false }
        guard flag > 0 else {
            texts[group] = nil
            return true
        }
        guard let count = reader.read(UInt32.self), let bytes = reader.readBytes(Int(count)) else {
            return false
        }
        texts[group] = JoinedTexts.Text(bytes: Array(bytes), isTooLong: flag == 2)
        return true
    }
}
