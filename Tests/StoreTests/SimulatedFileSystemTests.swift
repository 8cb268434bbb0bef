import Glibc
import TestSupport
import Testing

@testable import Store

@Suite("Simulated file system")
struct SimulatedFileSystemTests {
    private func file(_ disk: SimulatedFileSystem, _ path: String, _ text: String) throws
        -> OpenFile
    {
        let file = try disk.open(path, .create, permissions: 0o600)
        try disk.write(file, at: 0, Array(text.utf8))
        return file
    }

    private func text(_ disk: SimulatedFileSystem, _ path: String) -> String? {
        disk.contents(path).map { String(decoding: $0, as: UTF8.self) }
    }

    @Test("bytes need a sync and names need a sync of their folder")
    func durability() throws {
        let disk = SimulatedFileSystem()
        _ = try file(disk, "/neither", "1")
        let synced = try file(disk, "/bytes", "2")
        try disk.sync(synced)
        #expect(try disk.afterPowerCut(.lost, seed: 1).list("/") == [])
        try disk.syncDirectory("/")
        let after = disk.afterPowerCut(.lost, seed: 1)
        #expect(try after.list("/") == ["bytes", "neither"])
        #expect(text(after, "/bytes") == "2")
        #expect(text(after, "/neither") == "")
        #expect(text(disk.afterKill(), "/neither") == "1")
    }

    @Test("a refused sync loses what it was to write, and a later one does not bring it back")
    func refusedSync() throws {
        var isLost = false
        for seed in 0..<20 as Range<UInt64> {
            let disk = SimulatedFileSystem(seed: seed)
            let open = try file(disk, "/a", "old")
            try disk.sync(open)
            try disk.syncDirectory("/")
            try disk.write(open, at: 0, Array("new".utf8))
            disk.inject(SimulatedFault(.sync, code: EIO))
            #expect(throws: StoreError.self) { try disk.sync(open) }
            try disk.sync(open)
            #expect(text(disk, "/a") == "new")
            isLost = isLost || text(disk.afterPowerCut(.lost, seed: 1), "/a") == "old"
        }
        #expect(isLost)
    }

    @Test("a scattered cut tears writes at sectors and grows files without their bytes")
    func scattered() throws {
        let disk = SimulatedFileSystem()
        let open = try file(disk, "/a", "")
        try disk.syncDirectory("/")
        try disk.write(open, at: 0, [UInt8](repeating: 7, count: 4096))
        var sawHole = false
        var sawShort = false
        for seed in 0..<50 as Range<UInt64> {
            let bytes = try #require(
                disk.afterPowerCut(.scattered(sectorBytes: 512), seed: seed).contents("/a"))
            for start in stride(from: 0, to: bytes.count, by: 512) {
                let sector = bytes[start..<start + 512]
                #expect(sector.allSatisfy { $0 == sector.first })
            }
            sawHole = sawHole || bytes.contains(0)
            sawShort = sawShort || bytes.count < 4096
        }
        #expect(sawHole && sawShort)
    }

    @Test("the same seed gives the same disk")
    func deterministic() throws {
        let disk = SimulatedFileSystem()
        for name in ["a", "b", "c", "d"] {
            _ = try file(disk, "/\(name)", String(repeating: name, count: 2000))
        }
        for seed in 0..<10 as Range<UInt64> {
            let cut = PowerCut.scattered(sectorBytes: 512)
            let one = disk.afterPowerCut(cut, seed: seed)
            let two = disk.afterPowerCut(cut, seed: seed)
            #expect(try one.list("/") == two.list("/"))
            for name in try one.list("/") {
                #expect(one.contents("/\(name)") == two.contents("/\(name)"))
            }
        }
    }

    @Test("stops at the call it is told to, and refuses everything afterwards")
    func crash() throws {
        let disk = SimulatedFileSystem()
        let open = try file(disk, "/a", "x")
        disk.crash(afterMutations: 1)
        try disk.sync(open)
        #expect(throws: StoreError.self) { try disk.rename("/a", to: "/b") }
        #expect(throws: StoreError.self) { try disk.list("/") }
        #expect(disk.hasCrashed)
        #expect(try disk.afterPowerCut(.kept, seed: 1).list("/") == ["b"])
        #expect(try disk.afterPowerCut(.lost, seed: 1).list("/") == [])
    }

    @Test("a full disk takes what fits")
    func capacity() throws {
        let disk = SimulatedFileSystem()
        disk.setCapacity(10)
        let open = try file(disk, "/a", "12345678")
        let error = #expect(throws: StoreError.self) {
            try disk.write(open, at: 8, Array("abcd".utf8))
        }
        #expect(error?.kind == .full)
        #expect(text(disk, "/a") == "12345678ab")
        try disk.write(open, at: 0, Array("x".utf8))
    }
}
