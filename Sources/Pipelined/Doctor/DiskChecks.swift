import CPrimitives
import Glibc
import Store

/// What there is to know of a state directory and of the disk that it is on.
struct DiskFacts {
    var path: String
    /// The folder above it.
    var parent: String
    var isThere = false
    var isFolder = false
    var isEmpty = true
    /// Whether this user may read and write it; of the parent where it is not there.
    var isWritable = false
    var mode: UInt32 = 0
    var owner: UInt32 = 0
    var user: UInt32 = 0
    var isRestoring = false
    /// The process that has its lock.
    var holder: Int32?
    var availableBytes: Int64 = 0
    var totalBytes: Int64 = 0
    var availableInodes: Int64 = 0
    var totalInodes: Int64 = 0
    /// The kernel's number for the kind of file system.
    var fileSystem: Int64 = 0
    var lastBackupAt: Int64?

    static func read(_ path: String) -> DiskFacts {
        var facts = DiskFacts(path: path, parent: directory(of: path))
        facts.user = geteuid()
        var status = stat()
        if stat(path, &status) == 0 {
            facts.isThere = true
            facts.isFolder = status.st_mode & S_IFMT == S_IFDIR
            facts.mode = UInt32(status.st_mode & 0o7777)
            facts.owner = status.st_uid
            let names = (try? SystemFileSystem().list(path)) ?? []
            facts.isEmpty = names.isEmpty
            facts.isRestoring = names.contains(".restore")
            facts.holder = FileLocks.holder(of: path + "/LOCK")
        } else {
            // The nearest one that is there is where it would be made.
            while stat(facts.parent, &status) != 0, facts.parent != "/", facts.parent != "." {
                facts.parent = directory(of: facts.parent)
            }
        }
        let folder = facts.isThere ? path : facts.parent
        facts.isWritable = access(folder, R_OK | W_OK | X_OK) == 0
        var room = statvfs()
        if statvfs(folder, &room) == 0 {
            facts.availableBytes = Int64(clamping: UInt64(room.f_bavail) &* UInt64(room.f_frsize))
            facts.totalBytes = Int64(clamping: UInt64(room.f_blocks) &* UInt64(room.f_frsize))
            facts.availableInodes = Int64(clamping: room.f_favail)
            facts.totalInodes = Int64(clamping: room.f_files)
        }
        facts.fileSystem = cp_file_system_kind(folder)
        let note = SmallFile.read(path + "/backup.note", bytesMax: 64) ?? []
        facts.lastBackupAt = Int64(String(decoding: note.prefix { $0 != 10 }, as: UTF8.self))
        return facts
    }
}

/// Who has a file locked, by the kernel's list: looking takes no lock.
enum FileLocks {
    static func holder(of path: String, locks: String = "/proc/locks") -> Int32? {
        var status = stat()
        guard stat(path, &status) == 0, let bytes = SmallFile.read(locks, bytesMax: 4 << 20) else {
            return nil
        }
        let text = String(decoding: bytes, as: UTF8.self)
        return holder(in: text, device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
    }

    /// `1: FLOCK  ADVISORY  WRITE 4711 fd:01:1234 0 EOF`, with the device's numbers in hexadecimal.
    static func holder(in text: String, device: UInt64, inode: UInt64) -> Int32? {
        let major = device >> 8 & 0xfff | device >> 32 & 0xffff_f000
        let minor = device & 0xff | device >> 12 & 0xffff_ff00
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count >= 6, words[1] == "FLOCK", let process = Int32(words[4]) else {
                continue
            }
            let parts = words[5].split(separator: ":")
            guard parts.count == 3, UInt64(parts[0], radix: 16) == major,
                UInt64(parts[1], radix: 16) == minor, UInt64(parts[2]) == inode
            else { continue }
            return process
        }
        return nil
    }
}

/// What may be wrong with a state directory.
enum DiskChecks {
    static func all(_ facts: DiskFacts, now: Int64) -> [Finding] {
        [folder(facts), room(facts), fileSystem(facts), backup(facts, now: now)]
    }

    static func folder(_ facts: DiskFacts) -> Finding {
        let check = "state"
        guard facts.isThere else {
            return facts.isWritable
                ? .ok(check, "\(facts.path) is not there yet; 'serve' makes it")
                : .problem(
                    check, "\(facts.path) is not there, and \(facts.parent) cannot be written",
                    "make it and give it to the daemon's user, or name another one with --state")
        }
        guard facts.isFolder else {
            return .problem(check, "\(facts.path) is no folder", "name another one with --state")
        }
        if facts.isRestoring {
            return .problem(
                check, "a restore into \(facts.path) was interrupted",
                "run 'pipelined restore' again")
        }
        guard facts.isWritable else {
            return .problem(
                check, "\(facts.path) cannot be written by user \(facts.user)",
                "run this as the daemon's user, or give the folder to user \(facts.user)")
        }
        let held = facts.holder.map { "process \($0) holds it" } ?? "nobody holds it"
        if facts.mode & 0o077 != 0 {
            return .warning(
                check, "others may look into \(facts.path) (mode \(String(facts.mode, radix: 8)))",
                "chmod 700 \(facts.path)")
        }
        return .ok(check, "\(facts.path), \(held)")
    }

    static func room(_ facts: DiskFacts) -> Finding {
        let check = "room"
        let text =
            "\(HumanText.bytes(facts.availableBytes)) of \(HumanText.bytes(facts.totalBytes)) left"
        let share = Double(facts.availableBytes) / Double(max(1, facts.totalBytes))
        // Four times the reserve: below, it is not taken, and the next full disk stops all.
        if facts.availableBytes < 32 << 20 {
            return .problem(
                check, text, "make room now: pipelines stop when they cannot commit")
        }
        if facts.totalInodes > 0, facts.availableInodes * 100 < facts.totalInodes {
            return .warning(
                check, "\(facts.availableInodes) of \(facts.totalInodes) inodes left",
                "remove files, or use a file system with more inodes")
        }
        if share < 0.1 || facts.availableBytes < 1 << 30 {
            return .warning(
                check, text, "make room, or bound topics with 'retention' ('pipelined topics')")
        }
        return .ok(check, text)
    }

    static func fileSystem(_ facts: DiskFacts) -> Finding {
        let check = "file system"
        switch facts.fileSystem {
        case 0x0102_1994:
            return .problem(
                check, "tmpfs: all state is gone with the next start of the machine",
                "put the state on a disk")
        case 0x8584_58f6:
            return .problem(
                check, "ramfs: all state is gone with the next start of the machine",
                "put the state on a disk")
        case 0x794c_7630:
            return .warning(
                check, "overlay: in a container all state goes with it",
                "mount a volume for the state directory")
        case 0x6969:
            return .warning(
                check, "NFS: locks and syncs depend on the server", "put the state on a local disk")
        case 0xff53_4d42, 0xfe53_4d42, 0x517b:
            return .warning(
                check, "SMB: syncs of folders are not kept", "put the state on a local disk")
        case 0x6573_5546:
            return .warning(
                check, "FUSE: what a sync is worth depends on the program behind it",
                "put the state on a local disk")
        case 0x0102_1997:
            return .warning(
                check, "9p: what a sync is worth depends on the host",
                "put the state on a local disk")
        case 0xef53: return .ok(check, "ext4")
        case 0x5846_5342: return .ok(check, "xfs; backups can share blocks")
        case 0x9123_683e: return .ok(check, "btrfs; backups can share blocks")
        case 0x2fc1_2fc1: return .ok(check, "zfs")
        case 0xf2f5_2010: return .ok(check, "f2fs")
        case let other: return .ok(check, "of kind 0x\(String(other, radix: 16))")
        }
    }

    private static let backupMicrosMax: Int64 = 7 * 86_400_000_000

    static func backup(_ facts: DiskFacts, now: Int64) -> Finding {
        let check = "backup"
        if !facts.isThere || facts.isEmpty { return .ok(check, "nothing to back up yet") }
        let remedy = "pipelined backup DIR, from a timer"
        guard let at = facts.lastBackupAt else {
            return .warning(check, "none was ever taken", remedy)
        }
        let age = "the last one is \(HumanText.duration(micros: max(0, now - at))) old"
        return now - at > backupMicrosMax ? .warning(check, age, remedy) : .ok(check, age)
    }
}
