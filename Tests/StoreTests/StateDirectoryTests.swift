import Glibc
import TestSupport
import Testing

@testable import Store

@Suite("State directory")
struct StateDirectoryTests {
    private let disk = SimulatedFileSystem()

    private func open(_ processID: Int32 = 41) throws(StoreError) -> StateDirectory {
        try StateDirectory.open(
            path: "/var/state", fileSystem: disk, processID: processID, reserveBytes: 500)
    }

    private func commit(_ journal: Journal, _ bytes: Int) throws(StoreError) {
        var record = JournalRecordBuilder()
        record.setMeta([UInt8](repeating: 7, count: bytes))
        try journal.commit(&record)
    }

    @Test("creates the folders on the way and what it needs")
    func creates() throws {
        let folder = try TemporaryFolder("state")
        let path = folder.path(of: "a/b")
        let state = try StateDirectory.open(path: path, fileSystem: SystemFileSystem())
        defer { state.close() }
        #expect(try SystemFileSystem().list(path) == ["LOCK", "RESERVE", "checkpoints"])
        #expect(try folder.read("a/b/LOCK") == "\(getpid())\n")
        var raw = stat()
        #expect(stat(path, &raw) == 0)
        #expect(raw.st_mode & 0o777 == 0o700)
    }

    @Test("a second daemon is told which process has it")
    func locked() throws {
        let first = try open(4711)
        let error = #expect(throws: StoreError.self) { try open(5) }
        #expect(error?.kind == .locked(processID: 4711))
        #expect(
            error?.message == "cannot lock '/var/state': process 4711 uses it; "
                + "stop that process or choose another state directory")
        first.close()
        let second = try open(5)
        #expect(disk.contents("/var/state/LOCK") == Array("5\n".utf8))
        second.close()
    }

    @Test("a lock file that holds something else does not matter")
    func strangeLock() throws {
        disk.setContents("/var/state/LOCK", Array("not a number, and long".utf8))
        let state = try open()
        let error = #expect(throws: StoreError.self) { try open() }
        #expect(error?.kind == .locked(processID: 41))
        state.close()
    }

    @Test(
        "names that are no folder's are refused", arguments: ["", ".", "..", ".x", "a/b", "nul\0"])
    func names(name: String) throws {
        let state = try open()
        let error = #expect(throws: StoreError.self) {
            try state.openJournal(name, identity: [1])
        }
        #expect(error?.kind == .invalidName)
    }

    @Test("journals are listed, removed, and leave what is not theirs")
    func removes() throws {
        let state = try open()
        for name in ["b", "a"] {
            let journal = try state.openJournal(name, identity: [1])
            try commit(journal, 10)
        }
        #expect(try state.journalNames() == ["a", "b"])
        disk.setContents("/var/state/checkpoints/a/1.journal.torn-3", [1])
        disk.setContents("/var/state/checkpoints/a/2.journal.tmp", [1])
        disk.setContents("/var/state/checkpoints/b/notes.txt", [1])
        try state.removeJournal("a")
        try state.removeJournal("b")
        try state.removeJournal("c")
        #expect(try state.journalNames() == ["b"])
        #expect(try disk.list("/var/state/checkpoints/b") == ["notes.txt"])
        #expect(try state.openJournal("b", identity: [2]).recovered == nil)
    }

    @Test("the reserve lets a pipeline commit on a full disk, and is taken again")
    func reserve() throws {
        disk.setCapacity(3000)
        let state = try open()
        #expect(disk.contents("/var/state/RESERVE")?.count == 500)
        var journal = try state.openJournal("a", identity: [1])
        try commit(journal, 10)
        disk.setContents("/filler", [UInt8](repeating: 1, count: 3000 - disk.bytesUsed))
        let error = #expect(throws: StoreError.self) { try commit(journal, 20) }
        #expect(error?.kind == .full)
        #expect(journal.isFenced)
        #expect(try state.restoreReserve())
        #expect(try state.releaseReserve())
        #expect(try !state.releaseReserve())
        journal = try state.openJournal("a", identity: [1])
        #expect(journal.recovered?.meta.count == 10)
        try commit(journal, 20)
        #expect(try !state.restoreReserve())
        disk.setContents("/filler", [])
        #expect(try state.restoreReserve())
        #expect(disk.contents("/var/state/RESERVE")?.count == 500)
    }

    @Test("starts on a full disk, a torn tail included")
    func startsFull() throws {
        disk.setCapacity(3000)
        let state = try open()
        let journal = try state.openJournal("a", identity: [1])
        try commit(journal, 10)
        let path = try #require(journal.path)
        disk.setContents(path, (disk.contents(path) ?? []) + [1, 2, 3])
        disk.setContents("/filler", [UInt8](repeating: 1, count: 3000 - disk.bytesUsed))
        state.close()
        let again = try open()
        let recovered = try again.openJournal("a", identity: [1])
        #expect(recovered.tornBytes == 3)
        #expect(recovered.recovered?.meta.count == 10)
        #expect(disk.contents("/var/state/RESERVE") == nil)
    }
}

extension SimulatedFileSystem {
    /// How much of the disk is in use.
    var bytesUsed: Int {
        let available = (try? availableBytes("/")) ?? 0
        return 3000 - Int(available)
    }
}

@Suite("Catalog")
struct CatalogTests {
    private let disk = SimulatedFileSystem()

    private func open() throws(StoreError) -> Catalog {
        try Catalog.open(directory: "/catalog.journal", fileSystem: disk)
    }

    @Test("finds again what was set, by the bytes of the name")
    func finds() throws {
        var catalog = try open()
        #expect(catalog.all.isEmpty)
        let entry = CatalogEntry(incarnation: 3, isPaused: true, data: [1, 2])
        try catalog.set("e\u{301}", entry)
        try catalog.set("\u{E9}", CatalogEntry(incarnation: 4))
        try catalog.set("a", CatalogEntry(incarnation: 5))
        try catalog.remove("a")
        try catalog.remove("b")
        for _ in 0..<2 {
            #expect(catalog.get("e\u{301}") == entry)
            #expect(catalog.get("\u{E9}") == CatalogEntry(incarnation: 4))
            #expect(catalog.get("a") == nil)
            #expect(
                catalog.all.map { Array($0.name.utf8) } == [[0x65, 0xCC, 0x81], [0xC3, 0xA9]])
            catalog = try open()
        }
    }

    @Test("never gives out an incarnation twice, whatever happens")
    func incarnations() throws {
        var disk = disk
        var seen: Set<UInt64> = []
        var catalog = try open()
        for round in 0..<600 {
            let number = try catalog.issueIncarnation()
            let isNew = seen.insert(number).inserted
            #expect(isNew)
            guard round % 97 == 0 else { continue }
            disk = disk.afterPowerCut(.lost, seed: 1)
            catalog = try Catalog.open(directory: "/catalog.journal", fileSystem: disk)
        }
    }

    @Test("a change that cannot be made durable is not made")
    func refused() throws {
        let catalog = try open()
        try catalog.set("a", CatalogEntry(incarnation: 1))
        disk.inject(SimulatedFault(.sync, code: EIO))
        #expect(throws: StoreError.self) {
            try catalog.set("a", CatalogEntry(incarnation: 1, isPaused: true))
        }
        #expect(catalog.get("a")?.isPaused == false)
        #expect(catalog.isFenced)
        #expect(throws: StoreError.self) { try catalog.remove("a") }
    }
}
