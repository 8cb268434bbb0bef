import Store

/// Finds the files that a pattern with `*`, `?` and `[…]` names.
enum Glob {
    /// The regular files that match, in the order of their paths' bytes. Names that begin with a
    /// dot match only a pattern that does.
    ///
    /// - Throws: ``StoreError`` when a folder could not be read, which is not the same as empty; a
    ///   folder that is not there has no files.
    static func files(_ pattern: String, _ fileSystem: any FileSystem) throws(StoreError)
        -> [String]
    {
        let isAbsolute = pattern.utf8.first == 0x2f
        let parts = pattern.split(separator: "/").map { String($0) }
        var paths = [isAbsolute ? "/" : ""]
        for (index, part) in parts.enumerated() {
            let isFile = index == parts.count - 1
            var next: [String] = []
            for path in paths {
                guard hasWildcard(part) else {
                    next.append(path + part)
                    continue
                }
                let folder = path.isEmpty ? "." : path
                guard let status = try fileSystem.status(path: folder),
                    status.kind == .directory
                else { continue }
                for name in try fileSystem.list(folder) where matches(name, part) {
                    let entry = path + name
                    if !isFile {
                        let kind = try fileSystem.status(path: entry)?.kind
                        if kind != .directory { continue }
                    }
                    next.append(entry)
                }
            }
            paths = isFile ? next : next.map { $0 + "/" }
        }
        var files: [String] = []
        for path in paths {
            if try fileSystem.status(path: path)?.kind == .regular { files.append(path) }
        }
        return files.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// The folder above the first part with a wildcard, where files may appear.
    static func fixedFolder(_ pattern: String) -> String {
        var folder = ""
        for part in pattern.split(separator: "/", omittingEmptySubsequences: false) {
            if hasWildcard(String(part)) { break }
            folder += part + "/"
        }
        return folder.isEmpty ? "." : folder == "/" ? "/" : String(folder.dropLast())
    }

    static func hasWildcard(_ text: String) -> Bool {
        text.utf8.contains { $0 == 0x2a || $0 == 0x3f || $0 == 0x5b }
    }

    /// Whether one name matches one part of a pattern, byte by byte; `?` takes a whole character.
    ///
    /// - Complexity: O(name × pattern) at worst: of several `*` only the last is ever taken back.
    static func matches(_ name: String, _ pattern: String) -> Bool {
        let name = Array(name.unicodeScalars)
        let pattern = Array(pattern.unicodeScalars)
        if name.first == ".", pattern.first != "." { return false }
        var (at, place) = (0, 0)
        var star: (at: Int, place: Int)?
        while at < name.count {
            if place < pattern.count, pattern[place] == "*" {
                star = (at, place)
                place += 1
            } else if let next = step(name[at], pattern, place) {
                at += 1
                place = next
            } else if let last = star {
                star = (last.at + 1, last.place)
                (at, place) = (last.at + 1, last.place + 1)
            } else {
                return false
            }
        }
        return pattern[place...].allSatisfy { $0 == "*" }
    }

    /// The place in the pattern behind what matches one character, nil if it does not match.
    private static func step(_ scalar: Unicode.Scalar, _ pattern: [Unicode.Scalar], _ place: Int)
        -> Int?
    {
        guard place < pattern.count else { return nil }
        switch pattern[place] {
        case "?": return place + 1
        case "[":
            var index = place + 1
            let isNegated = index < pattern.count && "!^".unicodeScalars.contains(pattern[index])
            if isNegated { index += 1 }
            var isMember = false
            let first = index
            while index < pattern.count, index == first || pattern[index] != "]" {
                var high = pattern[index]
                let low = high
                if index + 2 < pattern.count, pattern[index + 1] == "-", pattern[index + 2] != "]" {
                    high = pattern[index + 2]
                    index += 2
                }
                if low <= scalar && scalar <= high { isMember = true }
                index += 1
            }
            // A bracket that is not closed stands for itself.
            guard index < pattern.count else { return scalar == "[" ? place + 1 : nil }
            return isMember != isNegated ? index + 1 : nil
        case scalar: return place + 1
        default: return nil
        }
    }
}
