import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Store

@Suite("Backup")
struct BackupTests {
    private let disk = SimulatedFileSystem()

    @Test("taken between any two calls of a writer it recovers as the state itself after a kill")
    func everyMoment() throws {
        try BackupWorkload.run(disk, epochs: 14)
        let count = disk.mutationCount
        var epochs: Set<UInt64> = []
        for moment in 0..<count {
            let machine = SimulatedFileSystem()
            machine.crash(afterMutations: moment)
            // Stopped; what it could not do at its end it keeps to itself.
            try? BackupWorkload.run(machine, epochs: 14)
            let copied = machine.afterKill()
            let result: Backup.Result
            do {
                result = try Backup.take(at: "/s", to: "/b", copied)
            } catch {
                Issue.record("at call \(moment): \(error)")
                continue
            }
            #expect(result.heldMicros == 0)
            try copied.rename("/s", to: "/old")
            _ = try Restore.run("/b", to: "/s", fileSystem: copied)
            let restored = try BackupWorkload.found(copied)
            #expect(try restored == BackupWorkload.found(machine.afterKill()), "at call \(moment)")
            #expect(restored.rows == Array(0..<Int(restored.epoch) * 7))
            // What recovery cuts of the state is not cut of the backup.
            #expect(try BackupWorkload.found(copied, path: "/old") == restored, "at call \(moment)")
            let report = try BackupVerification.run("/b", fileSystem: copied)
            #expect(report.damage.isEmpty, "at call \(moment)")
            epochs.insert(restored.epoch)
        }
        #expect(epochs == Set(0...14))
    }

    @Test(
        "a kill at any call while it is taken leaves the state whole and no backup but a whole one")
    func killed() throws {
        try BackupWorkload.run(disk, epochs: 12)
        let before = try BackupWorkload.found(disk.afterKill())
        var outcomes: Set<Bool> = []
        var moment = 0
        while true {
            let machine = disk.afterKill()
            let gated = GatedFileSystem(machine)
            let state = try StateDirectory.open(
                path: "/s", fileSystem: gated, processID: 1, reserveBytes: 100)
            machine.crash(afterMutations: moment)
            let result = try? Backup.take(of: state, to: "/b", .test)
            let after = machine.afterKill()
            let isThere = try after.status(path: "/b") != nil
            outcomes.insert(isThere)
            if isThere {
                let report = try BackupVerification.run("/b", fileSystem: after)
                #expect(report.damage.isEmpty, "at call \(moment)")
            }
            #expect(try BackupWorkload.found(after) == before, "at call \(moment)")
            #expect(try after.status(path: "/s/.backup") == nil)
            // Another attempt takes no notice of what the first one has left.
            if !isThere {
                _ = try Backup.take(at: "/s", to: "/b", after)
                #expect(try after.list("/").filter { $0.hasPrefix(".b") } == [])
            }
            if result != nil { break }
            moment += 1
        }
        #expect(moment > 30)
        #expect(outcomes == [true, false])
    }

    @Test("shares sealed segments alone, and never the newest two of a partition or a journal")
    func sharing() throws {
        let folder = try TemporaryFolder("backup")
        let files = SystemFileSystem()
        let state = folder.path(of: "state")
        try BackupWorkload.run(files, epochs: 40, path: state)
        let result = try Backup.take(at: state, to: folder.path(of: "b"), files)
        #expect(result.linkedBytes > 0)
        var shared: [String] = []
        var own: [String] = []
        for file in try BackupManifest.read(folder.path(of: "b")).files {
            let old = try #require(try files.status(path: "\(state)/\(file.path)"))
            let new = try #require(try files.status(path: folder.path(of: "b/state/\(file.path)")))
            if old.inode == new.inode { shared.append(file.path) } else { own.append(file.path) }
        }
        #expect(shared.count > 4)
        #expect(shared.allSatisfy { $0.hasSuffix(".segment") })
        #expect(own.count { $0.hasSuffix(".segment") } == 4)
        #expect(own.contains("checkpoints/p/1.journal"))
        var options = Backup.Options.test
        options.sharesNothing = true
        #expect(
            try Backup.take(at: state, to: folder.path(of: "c"), files, options).linkedBytes == 0)
        // Going on changes nothing in it.
        try BackupWorkload.run(files, epochs: 40, path: folder.path(of: "other"))
        let report = try BackupVerification.run(folder.path(of: "b"))
        #expect(report.damage.isEmpty)
    }

    @Test(
        "taken while segments are written, sealed and removed they recover to whole epochs, and stay"
    )
    func inUse() throws {
        let folder = try TemporaryFolder("backup")
        let files = SystemFileSystem()
        let state = try StateDirectory.open(
            path: folder.path(of: "state"), fileSystem: GatedFileSystem(files), reserveBytes: 100)
        let ended = DispatchGroup()
        let isDone = Atomic(false)
        DispatchQueue.global().async(group: ended) {
            try? BackupWorkload.run(state, epochs: 800, retains: true)
            isDone.store(true, ordering: .sequentiallyConsistent)
        }
        var count = 0
        var linked: Int64 = 0
        func take() throws {
            count += 1
            linked += try Backup.take(of: state, to: folder.path(of: "b\(count)"), .test)
                .linkedBytes
        }
        repeat {
            try take()
            usleep(5_000)
        } while count < 4 || (!isDone.load(ordering: .sequentiallyConsistent) && count < 40)
        ended.wait()
        // By now there are segments that nothing changes any more, on the slowest machine too.
        try take()
        state.close()
        #expect(count > 3 && linked > 0, "\(count) backups, \(linked) bytes shared")
        for number in 1...count {
            let backup = folder.path(of: "b\(number)")
            #expect(try BackupVerification.run(backup).damage.isEmpty)
            _ = try Restore.run(backup, to: folder.path(of: "r\(number)"))
            let found = try BackupWorkload.found(files, path: folder.path(of: "r\(number)"))
            let end = Int(found.epoch) * 7
            #expect(found.rows == Array((found.rows.first ?? end)..<end), "backup \(number)")
            let produced = found.produced.count
            #expect(found.produced == Array(1..<produced + 1))
            #expect(produced == Int(found.epoch) || produced + 1 == Int(found.epoch))
        }
    }

    @Test("commits that would be held for too long are let go, and nothing is left")
    func holdTooShort() throws {
        try BackupWorkload.run(disk, epochs: 3)
        let state = try StateDirectory.open(
            path: "/s", fileSystem: GatedFileSystem(disk), processID: 1, reserveBytes: 100)
        var options = Backup.Options.test
        options.heldMicrosMax = 0
        let error = #expect(throws: StoreError.self) {
            try Backup.take(of: state, to: "/b", options)
        }
        #expect(error?.kind == .inUse)
        #expect(try disk.list("/") == ["s"])
        #expect(try !disk.list("/s").contains(".backup"))
        options.heldMicrosMax = 1_000_000
        #expect(try Backup.take(of: state, to: "/b", options).files > 4)
        state.close()
    }

    @Test("a folder that is not empty is refused, and so is one in the state directory")
    func refused() throws {
        try BackupWorkload.run(disk, epochs: 1)
        _ = try Backup.take(at: "/s", to: "/b", disk)
        let twice = #expect(throws: StoreError.self) { try Backup.take(at: "/s", to: "/b", disk) }
        #expect(
            twice?.message == "cannot write a backup to '/b': something is there; name a folder "
                + "that is not there yet")
        let inside = #expect(throws: StoreError.self) {
            try Backup.take(at: "/s", to: "/s/topics/b", disk)
        }
        #expect(inside?.kind == .invalidName)
    }

    @Test("a disk that fills up leaves nothing of it")
    func full() throws {
        try BackupWorkload.run(disk, epochs: 10)
        let names = try disk.list("/")
        let room = SimulatedFileSystem()
        try BackupWorkload.run(room, epochs: 10)
        for bytes in stride(from: 100, to: 4000, by: 300) {
            let machine = room.afterKill()
            let used = try machine.availableBytes("/")
            machine.setCapacity(Int.max - Int(used) + bytes)
            let error = #expect(throws: StoreError.self) {
                try Backup.take(at: "/s", to: "/b", machine)
            }
            #expect(error?.kind == .full)
            #expect(try machine.list("/") == names)
        }
    }

    @Test("every flipped byte and every missing file is found and named")
    func damage() throws {
        try BackupWorkload.run(disk, epochs: 6)
        _ = try Backup.take(at: "/s", to: "/b", disk)
        let manifest = try BackupManifest.read("/b", fileSystem: disk)
        for file in manifest.files {
            let path = "/b/state/\(file.path)"
            let bytes = try #require(disk.contents(path))
            for place in stride(from: 0, to: bytes.count, by: 97) {
                var changed = bytes
                changed[place] ^= 0x10
                disk.setContents(path, changed)
                let report = try BackupVerification.run("/b", fileSystem: disk)
                #expect(report.damage.map(\.path) == [path])
            }
            disk.setContents(path, bytes.dropLast())
            let error = #expect(throws: StoreError.self) {
                try Restore.run("/b", to: "/r", fileSystem: disk)
            }
            #expect(error?.path == path)
            #expect(try disk.status(path: "/r") == nil)
            disk.setContents(path, bytes)
        }
        disk.setContents("/b/state/topics/t/more", [1])
        let report = try BackupVerification.run("/b", fileSystem: disk)
        #expect(report.damage.map(\.path) == ["/b/state/topics/t/more"])
    }

    @Test("one that was not finished, a newer one and one that leads out are refused")
    func manifests() throws {
        var manifest = BackupManifest(takenAt: 1_764_115_200_000_000, program: "0.1.0")
        manifest.folders = ["topics", "topics/a%b\nc"]
        manifest.files = [
            BackupManifest.File(path: "topics/a%b\nc/1.journal", length: 4096, checksum: 0x1A2B3C)
        ]
        let bytes = manifest.encoded
        expectGolden(String(decoding: bytes, as: UTF8.self), "store/backup-manifest-v1.txt")
        #expect(try BackupManifest(decoding: bytes, path: "m") == manifest)
        for place in bytes.indices {
            var changed = bytes
            changed[place] ^= 4
            #expect(throws: StoreError.self) { try BackupManifest(decoding: changed, path: "m") }
            #expect(throws: StoreError.self) {
                try BackupManifest(decoding: Array(bytes[..<place]), path: "m")
            }
        }
        for path in ["../x", "/etc/passwd", "topics/../../x", "LOCK", "topics//x", "topics/", ""] {
            manifest.files = [BackupManifest.File(path: path, length: 1, checksum: 1)]
            let error = #expect(throws: StoreError.self) {
                try BackupManifest(decoding: manifest.encoded, path: "m")
            }
            #expect(error?.kind == .damaged, "\(path)")
        }
        let newer = Array("pipelined-backup 2\nx\nend\n".utf8)
        let error = #expect(throws: StoreError.self) {
            try BackupManifest(decoding: newer, path: "m")
        }
        #expect(error?.kind == .newerVersion)
    }
}
