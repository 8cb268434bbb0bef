/// The names of the files in a partition's folder: a segment is named by its first offset, in
/// twenty digits, so that names sort as offsets do.
enum SegmentName {
    private static let ending = ".segment"
    private static let digitCount = 20

    static func name(_ base: UInt64) -> String {
        let digits = String(base)
        return String(repeating: "0", count: digitCount - digits.utf8.count) + digits + ending
    }

    /// Where a segment is written before it gets its name.
    static func temporaryName(_ base: UInt64) -> String { name(base) + ".tmp" }

    /// The first offset of a segment's file; `nil` for any other name.
    static func base(of name: String) -> UInt64? {
        guard name.utf8.count == digitCount + ending.utf8.count, name.hasSuffix(ending),
            let base = UInt64(name.prefix(digitCount)), name == self.name(base)
        else { return nil }
        return base
    }

    static func isTemporary(_ name: String) -> Bool {
        name.hasSuffix(".tmp") && base(of: String(name.dropLast(4))) != nil
    }

    /// Whether it is a torn tail that recovery kept.
    static func isTorn(_ name: String) -> Bool {
        guard let dot = name.utf8.lastIndex(of: UInt8(ascii: ".")) else { return false }
        return name[dot...].hasPrefix(".torn-") && base(of: String(name[..<dot])) != nil
    }
}
