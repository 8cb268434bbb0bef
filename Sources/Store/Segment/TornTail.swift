/// What recovery cut off the end of a log.
package struct TornTail: Equatable, Sendable {
    /// The byte of the log at which it was cut.
    package var position: Int64
    package var count: Int64
    /// Why it could not be read, in words.
    package var cause: String
    /// Where the bytes are kept; `nil` where they were all zero and there was nothing to keep.
    package var keptAt: String?

    /// How many torn tails are kept for one log; the oldest one goes.
    static let keptMax = 8

    /// Keeps a file's bytes from `position` on in a sibling `NAME.torn-N`, then cuts them off.
    ///
    /// The copy and its name are synced before the file is cut; the cut is not synced. Can be
    /// stopped at any point and done again: a copy that is already there is not made twice.
    static func cut(
        _ file: OpenFile, at position: Int64, length: Int64, cause: String,
        fileSystem: any FileSystem
    ) throws(StoreError) -> TornTail {
        var torn = TornTail(position: position, count: length - position, cause: cause)
        if try !isZero(file, from: position, to: length, fileSystem) {
            torn.keptAt = try keep(file, from: position, to: length, fileSystem)
        }
        try fileSystem.truncate(file, to: position)
        return torn
    }

    private static func isZero(
        _ file: OpenFile, from position: Int64, to length: Int64, _ fileSystem: any FileSystem
    ) throws(StoreError) -> Bool {
        let window = FileWindow(file, length: length, fileSystem: fileSystem)
        var place = position
        while place < length {
            let count = Int(min(length - place, Int64(FileWindow.readAheadBytes)))
            if try window.bytes(at: place, count: count).contains(where: { $0 != 0 }) {
                return false
            }
            place += Int64(count)
        }
        return true
    }

    private static func keep(
        _ file: OpenFile, from position: Int64, to length: Int64, _ fileSystem: any FileSystem
    ) throws(StoreError) -> String {
        let folder = directory(of: file.path)
        let prefix = file.path.dropFirst(folder == "." ? 0 : folder.utf8.count + 1) + ".torn-"
        let numbers = try fileSystem.list(folder)
            .compactMap { $0.hasPrefix(prefix) ? Int($0.dropFirst(prefix.count)) : nil }
            .filter { $0 > 0 && $0 < Int.max }
            .sorted()
        if let last = numbers.last {
            let path = "\(file.path).torn-\(last)"
            if try isCopy(path, of: file, from: position, to: length, fileSystem) { return path }
        }
        let path = "\(file.path).torn-\((numbers.last ?? 0) + 1)"
        let copy = try fileSystem.open(path, .createNew, permissions: 0o600)
        do throws(StoreError) {
            defer { fileSystem.close(copy) }
            let window = FileWindow(file, length: length, fileSystem: fileSystem)
            var place = position
            while place < length {
                let count = Int(min(length - place, Int64(FileWindow.readAheadBytes)))
                try fileSystem.write(
                    copy, at: place - position, window.bytes(at: place, count: count))
                place += Int64(count)
            }
            try fileSystem.sync(copy)
        } catch {
            // A part of a copy is worth nothing, and on a full disk its room is needed.
            _ = try? fileSystem.unlink(path)
            throw error
        }
        for number in numbers.dropLast(keptMax - 1) {
            try fileSystem.unlink("\(file.path).torn-\(number)")
        }
        try fileSystem.syncDirectory(folder)
        return path
    }

    private static func isCopy(
        _ path: String, of file: OpenFile, from position: Int64, to length: Int64,
        _ fileSystem: any FileSystem
    ) throws(StoreError) -> Bool {
        let copy = try fileSystem.open(path, .read, permissions: 0)
        defer { fileSystem.close(copy) }
        guard try fileSystem.status(copy).length == length - position else { return false }
        let original = FileWindow(file, length: length, fileSystem: fileSystem)
        let kept = FileWindow(copy, length: length - position, fileSystem: fileSystem)
        var place = position
        while place < length {
            let count = Int(min(length - place, Int64(FileWindow.readAheadBytes)))
            let same = try original.bytes(at: place, count: count)
                .elementsEqual(kept.bytes(at: place - position, count: count))
            if !same { return false }
            place += Int64(count)
        }
        // It may have been written by a recovery that was killed before it could sync it.
        try fileSystem.sync(copy)
        try fileSystem.syncDirectory(directory(of: path))
        return true
    }
}
