import Glibc
import TestSupport
import Testing

@testable import Store

/// What both file systems promise alike.
@Suite("File system")
struct FileSystemTests {
    enum Choice: String, CaseIterable, Sendable { case real, simulated }

    private func make(_ choice: Choice) throws -> (any FileSystem, String, TemporaryFolder?) {
        switch choice {
        case .real:
            let folder = try TemporaryFolder("files")
            return (SystemFileSystem(), folder.path, folder)
        case .simulated:
            let disk = SimulatedFileSystem()
            _ = try disk.createDirectory("/files", permissions: 0o700)
            return (disk, "/files", nil)
        }
    }

    @Test(
        "reads what was written, at any position, and no more than there is",
        arguments: Choice.allCases)
    func readWrite(choice: Choice) throws {
        let (files, folder, keep) = try make(choice)
        defer { withExtendedLifetime(keep) {} }
        let file = try files.open("\(folder)/a", .createNew, permissions: 0o600)
        defer { files.close(file) }
        try files.write(file, at: 3, Array("def".utf8))
        try files.write(file, at: 0, Array("abc".utf8))
        try files.sync(file)
        #expect(try files.readBytes(file, at: 1, count: 4) == Array("bcde".utf8))
        var buffer = [UInt8](repeating: 0xFF, count: 8)
        let count = try buffer.withUnsafeMutableBytes { bytes in
            try files.read(file, at: 4, into: bytes)
        }
        #expect(count == 2)
        #expect(buffer[..<3] == [UInt8(ascii: "e"), UInt8(ascii: "f"), 0xFF])
        let error = #expect(throws: StoreError.self) {
            try files.readBytes(file, at: 4, count: 3)
        }
        #expect(error?.kind == .damaged && error?.position == 6)
        try files.truncate(file, to: 2)
        try files.truncate(file, to: 4)
        #expect(try files.readFile("\(folder)/a", countMax: 10) == [0x61, 0x62, 0, 0])
        #expect(try files.status(file).length == 4)
        try files.reserve(file, length: 100)
        #expect(try files.status(file).length == 100)
    }

    @Test(
        "names are listed in order, renamed over each other and removed", arguments: Choice.allCases
    )
    func names(choice: Choice) throws {
        let (files, folder, keep) = try make(choice)
        defer { withExtendedLifetime(keep) {} }
        for name in ["b", "a", "é", "Z"] {
            files.close(try files.open("\(folder)/\(name)", .create, permissions: 0o600))
        }
        #expect(try files.createDirectory("\(folder)/d", permissions: 0o700))
        #expect(try !files.createDirectory("\(folder)/d", permissions: 0o700))
        #expect(try files.list(folder) == ["Z", "a", "b", "d", "é"])
        let inode = try files.status(path: "\(folder)/a")?.inode
        try files.rename("\(folder)/a", to: "\(folder)/b")
        try files.syncDirectory(folder)
        #expect(try files.status(path: "\(folder)/b")?.inode == inode)
        #expect(try files.status(path: "\(folder)/a") == nil)
        #expect(try files.unlink("\(folder)/b"))
        #expect(try !files.unlink("\(folder)/b"))
        #expect(try files.removeDirectory("\(folder)/d"))
        #expect(try !files.removeDirectory("\(folder)/d"))
        #expect(try files.list(folder) == ["Z", "é"])
        #expect(try files.availableBytes(folder) > 0)
    }

    @Test("a lock is held by one open file, and goes with it", arguments: Choice.allCases)
    func locks(choice: Choice) throws {
        let (files, folder, keep) = try make(choice)
        defer { withExtendedLifetime(keep) {} }
        let first = try files.open("\(folder)/l", .create, permissions: 0o600)
        let second = try files.open("\(folder)/l", .create, permissions: 0o600)
        #expect(try files.lock(first))
        #expect(try files.lock(first))
        #expect(try !files.lock(second))
        files.close(first)
        #expect(try files.lock(second))
        files.close(second)
    }

    @Test("a lock goes with its file although a program that is being started has it open too")
    func lockAndChild() throws {
        let (files, folder, keep) = try make(.real)
        defer { withExtendedLifetime(keep) {} }
        let first = try files.open("\(folder)/l", .create, permissions: 0o600)
        #expect(try files.lock(first))
        // What a child has between its beginning and the program that it runs.
        let inherited = dup(first.descriptor)
        defer { close(inherited) }
        files.close(first)
        let second = try files.open("\(folder)/l", .create, permissions: 0o600)
        #expect(try files.lock(second))
        files.close(second)
    }

    @Test("errors name the path, the cause and what helps", arguments: Choice.allCases)
    func errors(choice: Choice) throws {
        let (files, folder, keep) = try make(choice)
        defer { withExtendedLifetime(keep) {} }
        let missing = #expect(throws: StoreError.self) {
            try files.open("\(folder)/none", .read, permissions: 0)
        }
        #expect(missing?.kind == .notFound)
        #expect(
            missing?.message
                == "cannot open '\(folder)/none': it does not exist; check the path")
        files.close(try files.open("\(folder)/a", .createNew, permissions: 0o600))
        let there = #expect(throws: StoreError.self) {
            try files.open("\(folder)/a", .createNew, permissions: 0o600)
        }
        #expect(there?.kind == .io(EEXIST))
        #expect(there?.isRetriable == false)
        #expect(throws: StoreError.self) { try files.open(folder, .write, permissions: 0) }
        #expect(throws: StoreError.self) { try files.list("\(folder)/none") }
        #expect(throws: StoreError.self) {
            try files.createDirectory("\(folder)/a", permissions: 0)
        }
    }

    @Test("a named pipe is refused at once, and not waited for")
    func pipes() throws {
        let folder = try TemporaryFolder("files")
        let path = folder.path(of: "pipe")
        #expect(mkfifo(path, 0o600) == 0)
        for access in [FileAccess.read, .write, .create, .replace] {
            let error = #expect(throws: StoreError.self) {
                try SystemFileSystem().open(path, access, permissions: 0o600)
            }
            #expect(error?.kind == .wrongType)
            #expect(
                error?.message
                    == "cannot open '\(path)': it is not a regular file; name a file")
        }
    }

    @Test("a full device is an error of its own kind")
    func fullDevice() throws {
        // /dev/full is no regular file, so that the descriptor is opened past the check.
        let descriptor = Glibc.open("/dev/full", O_RDWR | O_CLOEXEC)
        try #require(descriptor >= 0)
        let file = OpenFile(descriptor: descriptor, path: "/dev/full")
        defer { SystemFileSystem().close(file) }
        let error = #expect(throws: StoreError.self) {
            try SystemFileSystem().write(file, at: 0, [1])
        }
        #expect(error?.kind == .full)
        #expect(error?.isRetriable == true)
        #expect(
            error?.message == "cannot write '/dev/full' at byte 0: no space is left on the device; "
                + "free some space")
    }
}
