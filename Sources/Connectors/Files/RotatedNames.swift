/// The names that programs give to a log file when they begin a new one.
enum RotatedNames {
    /// Whether `name` is what `original` was renamed to: `app.log.1`, `app.log-20260131`,
    /// `app.log.old`, `app-20260131.log`. Compressed files are not, as they cannot be read.
    static func isRotation(_ name: String, of original: String) -> Bool {
        let name = Array(name.utf8)
        let original = Array(original.utf8)
        guard name.count > original.count else { return false }
        if name.starts(with: original) { return isSuffix(name[original.count...]) }
        guard let dot = original.lastIndex(of: 0x2e), dot > 0 else { return false }
        let stem = original[..<dot]
        let ending = original[dot...]
        return name.starts(with: stem) && name.suffix(ending.count).elementsEqual(ending)
            && isSuffix(name[stem.count..<name.count - ending.count])
    }

    /// A separator, then digits with separators between them; or `.old`.
    private static func isSuffix(_ suffix: ArraySlice<UInt8>) -> Bool {
        guard let first = suffix.first, [0x2e, 0x2d, 0x5f].contains(first) else { return false }
        let rest = suffix.dropFirst()
        if rest.elementsEqual("old".utf8) { return true }
        var hasDigit = false
        for byte in rest {
            switch byte {
            case 0x30...0x39: hasDigit = true
            // Separators within a date and time: - . _ : T Z
            case 0x2d, 0x2e, 0x5f, 0x3a, 0x54, 0x5a: break
            default: return false
            }
        }
        return hasDigit
    }

    /// The number in `app.log.3`, 0 for `app.log` itself, nil for dates and other names.
    static func number(_ name: String, of original: String) -> Int? {
        if name.utf8.elementsEqual(original.utf8) { return 0 }
        guard name.utf8.count > original.utf8.count + 1 else { return nil }
        let digits = name.utf8.dropFirst(original.utf8.count + 1)
        return digits.count <= 4 ? Int(String(decoding: digits, as: UTF8.self)) : nil
    }
}

/// A file and the ones that it was renamed to, as they stand in the folder now.
struct RotatedFile {
    let path: String
    let identity: FileIdentity
    let modifiedMicros: Int64
    /// See ``RotatedNames/number(_:of:)``.
    let number: Int?

    /// Whether this file was begun before the other: by their numbers, or else by when they last
    /// changed. The one that has the name itself is always the last.
    func isOlder(than other: RotatedFile) -> Bool {
        if number == 0 || other.number == 0 { return number != 0 }
        if let number, let otherNumber = other.number, number != otherNumber {
            return number > otherNumber
        }
        if modifiedMicros != other.modifiedMicros { return modifiedMicros < other.modifiedMicros }
        return path.utf8.lexicographicallyPrecedes(other.path.utf8)
    }
}
