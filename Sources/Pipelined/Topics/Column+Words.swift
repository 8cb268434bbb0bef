import Operators

extension Column {
    /// A column of few different texts.
    ///
    /// - Parameter word: Which of them stands in a row, in `0..<texts.count`.
    static func words(_ texts: [String], count: Int, _ word: (Int) -> Int) -> Column {
        let bytes = texts.map { Array($0.utf8) }
        let text = Buffer(capacity: bytes.reduce(0) { $0 + $1.count })
        var views: [StringView] = []
        var next = text.pointer(to: UInt8.self)
        for word in bytes {
            for byte in word {
                next.pointee = byte
                next += 1
            }
            views.append(
                word.isEmpty ? .empty : StringView(base: next - word.count, count: word.count))
        }
        let values = Buffer(capacity: count * MemoryLayout<StringView>.stride)
        let target = values.pointer(to: StringView.self)
        for row in 0..<count { target[row] = views[word(row)] }
        return Column(type: .string, count: count, values: values, retained: [text])
    }
}
