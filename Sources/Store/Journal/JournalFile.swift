/// The names of the files in a journal's folder.
enum JournalFile {
    static func name(_ number: UInt64) -> String { "\(number).journal" }

    /// Where a base is written before it gets its name. What is found under such a name never had
    /// anything acknowledged in it.
    static func temporaryName(_ number: UInt64) -> String { name(number) + ".tmp" }

    /// The number of a journal's file; `nil` for any other name.
    static func number(of name: String) -> UInt64? {
        guard name.hasSuffix(".journal"), let number = UInt64(name.dropLast(8)),
            number > 0, name == self.name(number)
        else { return nil }
        return number
    }

    static func isTemporary(_ name: String) -> Bool {
        name.hasSuffix(".tmp") && number(of: String(name.dropLast(4))) != nil
    }

    /// Whether it is a torn tail that recovery kept.
    static func isTorn(_ name: String) -> Bool {
        guard let dot = name.range(of: ".torn-") else { return false }
        return number(of: String(name[..<dot.lowerBound])) != nil
            && UInt64(name[dot.upperBound...]) != nil
    }
}

extension String {
    /// The first place of `text`, compared as bytes.
    fileprivate func range(of text: String) -> Range<Index>? {
        var start = utf8.startIndex
        while start < utf8.endIndex {
            if self[start...].utf8.starts(with: text.utf8) {
                return start..<utf8.index(start, offsetBy: text.utf8.count)
            }
            start = utf8.index(after: start)
        }
        return nil
    }
}
