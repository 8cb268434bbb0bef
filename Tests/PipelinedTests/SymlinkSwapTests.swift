import Foundation
import TestSupport
import Testing

@testable import Pipelined

/// Directories that are changed by swapping a symlink, as they are mounted into containers: followed
/// by a daemon with its thread and real file events.
@Suite("Directories that are swapped by a symlink")
struct SymlinkSwapTests {
    private static let names = ["a", "b", "c", "d"]

    /// Writes one generation of all specs.
    private func write(_ version: Int, to directory: String, _ folder: TemporaryFolder) throws {
        for name in Self.names {
            try folder.write("\(name) \(version)", to: "\(directory)/\(name).yaml")
        }
    }

    /// Swaps a symlink as the tools do: a new one beside it, and a rename.
    private func swap(_ link: String, to target: String) {
        #expect(symlink(target, link + ".next") == 0)
        #expect(rename(link + ".next", link) == 0)
    }

    private func versions(_ daemon: TestDaemon) -> [String: [String]] {
        Dictionary(grouping: daemon.engine.launches, by: \.spec.name).mapValues {
            $0.map { String($0.spec.description?.dropLast() ?? "") }
        }
    }

    /// Waits until all specs run this version.
    private func expect(_ version: Int, _ daemon: TestDaemon) {
        // Far less than the interval of looks without a hint: an event has to bring it.
        let deadline = monotonicMicros() + 4_000_000
        func isThere() -> Bool {
            let versions = versions(daemon)
            return Self.names.allSatisfy { versions[$0]?.last == "\(version)" }
        }
        while monotonicMicros() < deadline, !isThere() { usleep(1000) }
        #expect(isThere(), "version \(version): \(versions(daemon))")
    }

    /// Every generation was started once, in order: none was missed and none came twice.
    private func expectEachOnce(_ count: Int, _ daemon: TestDaemon) {
        // What would come twice comes now.
        usleep(600_000)
        for (name, versions) in versions(daemon) {
            #expect(versions == (1...count).map { "\($0)" }, "\(name)")
        }
        #expect(daemon.engine.state.withLock { $0.overlaps } == 0)
    }

    @Test("a ConfigMap: every swap of ..data is one reload of each spec")
    func configMap() throws {
        let daemon = try TestDaemon { folder in
            try write(1, to: "specs/..v1", folder)
            symlink("..v1", folder.path(of: "specs/..data"))
            for name in Self.names {
                symlink("..data/\(name).yaml", folder.path(of: "specs/\(name).yaml"))
            }
        }
        defer { daemon.close() }
        expect(1, daemon)
        for version in 2...6 {
            try write(version, to: "specs/..v\(version)", daemon.folder)
            swap(daemon.folder.path(of: "specs/..data"), to: "..v\(version)")
            FolderRemoval.remove(daemon.folder.path(of: "specs/..v\(version - 1)"))
            expect(version, daemon)
        }
        expectEachOnce(6, daemon)
    }

    @Test("git-sync: the directory is a symlink to a worktree, and every swap is one reload")
    func gitSync() throws {
        let daemon = try TestDaemon(directory: "current") { folder in
            try write(1, to: ".worktrees/1", folder)
            symlink(".worktrees/1", folder.path(of: "current"))
        }
        defer { daemon.close() }
        expect(1, daemon)
        for version in 2...6 {
            try write(version, to: ".worktrees/\(version)", daemon.folder)
            swap(daemon.folder.path(of: "current"), to: ".worktrees/\(version)")
            FolderRemoval.remove(daemon.folder.path(of: ".worktrees/\(version - 1)"))
            expect(version, daemon)
        }
        expectEachOnce(6, daemon)
    }

    @Test("git-sync: also where the specs are in a folder below the symlink")
    func gitSyncBelow() throws {
        let daemon = try TestDaemon(directory: "git/current/pipelines") { folder in
            try write(1, to: "git/.worktrees/1/pipelines", folder)
            symlink(".worktrees/1", folder.path(of: "git/current"))
        }
        defer { daemon.close() }
        expect(1, daemon)
        for version in 2...6 {
            try write(version, to: "git/.worktrees/\(version)/pipelines", daemon.folder)
            swap(daemon.folder.path(of: "git/current"), to: ".worktrees/\(version)")
            // An old worktree stays for a while.
            if version > 2 {
                FolderRemoval.remove(daemon.folder.path(of: "git/.worktrees/\(version - 2)"))
            }
            expect(version, daemon)
        }
        expectEachOnce(6, daemon)
    }

    @Test("swaps in quick succession end with the last generation, and never mix two")
    func quickSwaps() throws {
        let daemon = try TestDaemon { folder in
            for version in 1...60 { try write(version, to: "specs/..v\(version)", folder) }
            symlink("..v1", folder.path(of: "specs/..data"))
            for name in Self.names {
                symlink("..data/\(name).yaml", folder.path(of: "specs/\(name).yaml"))
            }
        }
        defer { daemon.close() }
        expect(1, daemon)
        for version in 2...60 {
            swap(daemon.folder.path(of: "specs/..data"), to: "..v\(version)")
            usleep(UInt32.random(in: 0..<20_000))
        }
        expect(60, daemon)
        // Whatever generation was seen, all specs were seen in it.
        let seen = versions(daemon)
        for name in Self.names {
            #expect(seen[name] == seen["a"])
            #expect(seen[name].map { Set($0).count == $0.count } == true)
        }
    }

    @Test("a look during which ..data is swapped gives nothing, and the next one gives all of it")
    func mixture() throws {
        let folder = try TemporaryFolder("swaps")
        for version in 1...2 { try write(version, to: "..v\(version)", folder) }
        symlink("..v1", folder.path(of: "..data"))
        for name in Self.names { symlink("..data/\(name).yaml", folder.path(of: "\(name).yaml")) }
        let isOver = WakeSignal()
        defer { isOver.close() }
        let data = folder.path(of: "..data")
        let swapper = DaemonThread.start("swapper") {
            var due = pollfd(fd: isOver.descriptor, events: Int16(POLLIN), revents: 0)
            var version = 1
            while poll(&due, 1, 0) == 0 {
                version = 3 - version
                symlink("..v\(version)", data + ".next")
                rename(data + ".next", data)
            }
        }
        var spec = SpecFolder(path: folder.path)
        var looks = 0
        // The text that each name has, by all looks that counted.
        var texts: [String: String] = [:]
        for _ in 0..<3000 {
            guard case .files(let files) = spec.look(now: .max) else { continue }
            looks += 1
            for file in files {
                if case .changed(let bytes) = file.content {
                    texts[file.name] = String(decoding: bytes, as: UTF8.self)
                }
            }
            let generations = Set(texts.values.map { $0.suffix(1) })
            #expect(generations.count == 1, "\(texts)")
        }
        isOver.wake()
        swapper?.join()
        #expect(looks > 0)
    }
}
