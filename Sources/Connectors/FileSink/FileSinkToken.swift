/// What a checkpoint keeps of a file sink: the files that it has open, and those that it finished in
/// that epoch.
///
/// In bytes, little-endian: version 1 (u8), count (u32), then per file path (u32 length and bytes),
/// device (u64), inode (u64), length (i64), tail count (u16) and hash (u64), flags (u8: 1 sealed,
/// 2 replaces), number (i64, −1 for none), created (i64, microseconds), key count (u8) and values (i64).
struct FileSinkToken: Equatable {
    static let version: UInt8 = 1

    struct File: Equatable {
        var path: String
        var identity: FileIdentity
        var length: Int64
        /// Of the bytes before `length`.
        var tail: ContentPrint
        var isSealed: Bool
        var replaces: Bool
        var number: Int?
        var createdMicros: Int64
        var key: OutputPath.Key
    }
    var files: [File] = []

    init(files: [File]) { self.files = files }

    func encoded() -> [UInt8] {
        var writer = TokenWriter()
        writer.append(FileSinkToken.version)
        writer.append(UInt32(files.count))
        for file in files {
            writer.append(file.path)
            writer.append(file.identity.device)
            writer.append(file.identity.inode)
            writer.append(file.length)
            writer.append(UInt16(file.tail.count))
            writer.append(file.tail.hash)
            writer.append(UInt8(file.isSealed ? 1 : 0) | UInt8(file.replaces ? 2 : 0))
            writer.append(Int64(file.number ?? -1))
            writer.append(file.createdMicros)
            writer.append(UInt8(file.key.count))
            for value in file.key { writer.append(value) }
        }
        return writer.bytes
    }

    /// nil when the bytes are not a token of a version that is known.
    init?(_ bytes: [UInt8]) {
        var reader = TokenReader(bytes)
        guard reader.read(UInt8.self) == FileSinkToken.version, let count = reader.read(UInt32.self)
        else { return nil }
        for _ in 0..<count {
            guard let path = reader.readString(), let device = reader.read(UInt64.self),
                let inode = reader.read(UInt64.self), let length = reader.read(Int64.self),
                let tailCount = reader.read(UInt16.self), let tailHash = reader.read(UInt64.self),
                let flags = reader.read(UInt8.self), let number = reader.read(Int64.self),
                let created = reader.read(Int64.self), let keyCount = reader.read(UInt8.self),
                length >= 0, Int64(tailCount) <= length, tailCount <= ContentPrint.bytesMax
            else { return nil }
            var key: OutputPath.Key = []
            for _ in 0..<keyCount {
                guard let value = reader.read(Int64.self) else { return nil }
                key.append(value)
            }
            files.append(
                File(
                    path: path, identity: FileIdentity(device: device, inode: inode),
                    length: length, tail: ContentPrint(count: Int(tailCount), hash: tailHash),
                    isSealed: flags & 1 != 0, replaces: flags & 2 != 0,
                    number: number < 0 ? nil : Int(number), createdMicros: created, key: key))
        }
        guard reader.isAtEnd else { return nil }
    }
}
