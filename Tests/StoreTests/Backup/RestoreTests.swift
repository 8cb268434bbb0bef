import Testing

@testable import Store

@Suite("Restoring a backup")
struct RestoreTests {
    private let disk = SimulatedFileSystem()

    init() throws {
        try BackupWorkload.run(disk, epochs: 9)
        _ = try Backup.take(at: "/s", to: "/b", disk)
    }

    @Test(
        "a kill at any call leaves a directory that is refused, or is whole; the next one ends well"
    )
    func killed() throws {
        let wanted = try BackupWorkload.found(disk.afterKill())
        var refusals = 0
        var moment = 0
        while true {
            let machine = disk.afterKill()
            machine.crash(afterMutations: moment)
            let isDone = (try? Restore.run("/b", to: "/r", fileSystem: machine)) != nil
            let after = machine.afterKill()
            do throws(StoreError) {
                let found = try BackupWorkload.found(after.afterKill(), path: "/r")
                // Before it was marked it is an empty one.
                #expect(found == wanted || found == BackupWorkload.Found(), "at call \(moment)")
                if isDone { #expect(found == wanted) }
            } catch {
                refusals += 1
                #expect(error.message.contains("a restore into it was interrupted"))
            }
            if isDone { break }
            _ = try? Restore.run("/b", to: "/r", fileSystem: after)
            #expect(try BackupWorkload.found(after, path: "/r") == wanted, "at call \(moment)")
            moment += 1
        }
        #expect(refusals > 10)
    }

    @Test("a directory that holds anything is left as it is")
    func refused() throws {
        for name in ["RESERVE", "topics/x", "note"] {
            let machine = disk.afterKill()
            machine.setContents("/r/\(name)", [1])
            let count = machine.mutationCount
            let error = #expect(throws: StoreError.self) {
                try Restore.run("/b", to: "/r", fileSystem: machine)
            }
            #expect(error?.message.hasPrefix("cannot restore to '/r': it is not empty") == true)
            #expect(machine.mutationCount == count)
        }
    }

    @Test("the same backup can be restored again and shares nothing with what was restored")
    func again() throws {
        _ = try Restore.run("/b", to: "/r", fileSystem: disk)
        try BackupWorkload.run(disk.afterKill(), epochs: 1, path: "/other")
        _ = try Restore.run("/b", to: "/q", fileSystem: disk)
        #expect(
            try BackupWorkload.found(disk, path: "/r") == BackupWorkload.found(disk, path: "/q"))
        for file in try BackupManifest.read("/b", fileSystem: disk).files {
            let new = try disk.status(path: "/q/\(file.path)")?.inode
            #expect(new != (try disk.status(path: "/b/state/\(file.path)")?.inode))
        }
        #expect(try BackupVerification.run("/b", fileSystem: disk).damage.isEmpty)
    }
}
