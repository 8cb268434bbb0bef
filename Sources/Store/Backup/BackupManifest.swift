/// What is in a backup: every file with its length and checksum, written last.
///
/// Text, a line an entry, in UTF-8. The last line has the checksum of all before it:
///
/// ```
/// pipelined-backup 1
/// taken 1764115200000000
/// by 0.1.0
/// folder topics/clicks
/// file 1a2b3c4d 4096 topics/clicks/topic.journal/1.journal
/// end 1 4096 5e6f7a8b
/// ```
package struct BackupManifest: Equatable, Sendable {
    package struct File: Equatable, Sendable {
        /// Below the state directory.
        package var path: String
        package var length: Int64
        /// CRC-32C of the bytes.
        package var checksum: UInt32
    }

    /// When the state was as it is in the backup, microseconds since the epoch.
    package var takenAt: Int64
    /// The version of the program that took it.
    package var program: String
    /// Each after the one that it lies in.
    package var folders: [String] = []
    package var files: [File] = []

    package static let fileName = "MANIFEST"
    static let version = 1
    /// The folder beside it that has the files.
    static let stateName = "state"
    private static let bytesMax = 1 << 30

    package var byteCount: Int64 { files.reduce(0) { $0 &+ $1.length } }

    // MARK: Writing

    var encoded: [UInt8] {
        var text = "pipelined-backup \(Self.version)\ntaken \(takenAt)\nby \(program)\n"
        for folder in folders { text += "folder \(Self.escaped(folder))\n" }
        for file in files {
            text += "file \(Self.hex(file.checksum)) \(file.length) \(Self.escaped(file.path))\n"
        }
        let checksum = Self.checksum(text[...])
        return Array("\(text)end \(files.count) \(byteCount) \(Self.hex(checksum))\n".utf8)
    }

    private static func checksum(_ text: Substring) -> UInt32 {
        Array(text.utf8).withUnsafeBytes { SegmentFormat.checksum($0, seed: 0) }
    }

    private static func hex(_ value: UInt32) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 8 - digits.utf8.count) + digits
    }

    /// A path in one line: bytes below a space and `%` as `%` and two digits.
    private static func escaped(_ path: String) -> String {
        var text = ""
        for scalar in path.unicodeScalars {
            if scalar.value < 0x20 || scalar == "%" || scalar.value == 0x7f {
                let digits = String(scalar.value, radix: 16)
                text += "%" + (digits.utf8.count < 2 ? "0" : "") + digits
            } else {
                text.unicodeScalars.append(scalar)
            }
        }
        return text
    }

    // MARK: Reading

    /// Reads the manifest of the backup in `folder`.
    ///
    /// - Throws: `.notFound` where there is none: the backup was never finished, or is none. `.damaged`
    ///   with the line, `.newerVersion`, `.io`.
    package static func read(
        _ folder: String, fileSystem: any FileSystem = SystemFileSystem()
    ) throws(StoreError) -> BackupManifest {
        let path = "\(folder)/\(fileName)"
        guard let bytes = try fileSystem.readFile(path, countMax: bytesMax) else {
            throw .noBackup(folder)
        }
        return try BackupManifest(decoding: bytes, path: path)
    }

    init(takenAt: Int64, program: String) {
        self.takenAt = takenAt
        self.program = program
    }

    /// - Parameter path: For messages.
    init(decoding bytes: [UInt8], path: String) throws(StoreError) {
        self.init(takenAt: 0, program: "")
        let text = String(decoding: bytes, as: UTF8.self)
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.first?.hasPrefix("pipelined-backup ") == true else {
            throw .manifestDamaged(path, line: 1, "it is no manifest of a backup")
        }
        guard lines[0] == "pipelined-backup \(Self.version)" else { throw .manifestNewer(path) }
        guard lines.count >= 3, lines.removeLast().isEmpty, let end = lines.popLast() else {
            throw .manifestDamaged(path, line: lines.count, "its end is missing")
        }
        for (index, line) in lines.enumerated().dropFirst() {
            guard take(line) else {
                throw .manifestDamaged(path, line: index + 1, "the line cannot be read")
            }
        }
        let counted = text[..<end.startIndex]
        let checksum = Self.hex(Self.checksum(counted))
        guard end == "end \(files.count) \(byteCount) \(checksum)" else {
            throw .manifestDamaged(
                path, line: lines.count + 1, "it does not agree with the lines before it")
        }
    }

    private mutating func take(_ line: Substring) -> Bool {
        let words = line.split(separator: " ", maxSplits: 1)
        guard words.count == 2 else { return false }
        switch words[0] {
        case "taken":
            guard let time = Int64(words[1]) else { return false }
            takenAt = time
        case "by": program = String(words[1])
        case "folder":
            guard let path = Self.path(words[1]) else { return false }
            folders.append(path)
        case "file":
            let parts = words[1].split(separator: " ", maxSplits: 2)
            guard parts.count == 3, let checksum = UInt32(parts[0], radix: 16),
                let length = Int64(parts[1]), length >= 0, length <= 1 << 56,
                let path = Self.path(parts[2])
            else { return false }
            files.append(File(path: path, length: length, checksum: checksum))
        default: return false
        }
        return true
    }

    /// A path that lies in what a backup may have; nil for any other, as restoring writes there.
    private static func path(_ escaped: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = escaped.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard rest.count >= 2, let value = UInt8(String(rest.prefix(2)) ?? "", radix: 16) else {
                return nil
            }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        let path = String(decoding: bytes, as: UTF8.self)
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        guard let first = parts.first, StateDirectory.kept.contains(String(first)),
            parts.allSatisfy({ !$0.isEmpty && $0 != "." && $0 != ".." }), !bytes.contains(0)
        else { return nil }
        return path
    }
}
