import Foundation
import TestSupport
import Testing

@testable import Pipelined

@Suite("Spec folder")
struct SpecFolderTests {
    private let temporary: TemporaryFolder

    init() throws { temporary = try TemporaryFolder("specs") }

    /// Far behind every file's time, so that nothing counts as written a moment ago.
    private let later: Int64 = 9_000_000_000_000_000

    private func look(_ folder: inout SpecFolder, now: Int64? = nil) throws -> [SpecFile] {
        for _ in 0..<3 {
            if case .files(let files) = folder.look(now: now ?? later) { return files }
        }
        throw LookError()
    }
    private struct LookError: Error {}

    private func contents(_ files: [SpecFile]) -> [String: String] {
        var texts: [String: String] = [:]
        for file in files {
            switch file.content {
            case .unchanged: texts[file.name] = "unchanged"
            case .changed(let bytes): texts[file.name] = String(decoding: bytes, as: UTF8.self)
            case .busy: texts[file.name] = "busy"
            case .refused: texts[file.name] = "refused"
            }
        }
        return texts
    }

    @Test("gives what has changed by content, and no editor's temporaries")
    func changes() throws {
        for name in [
            "a.yaml", "b.yml", ".hidden.yaml", "a.yaml~", "#a.yaml#", ".a.yaml.swp", "4913",
            "notes.txt", "pipelined.yaml", "#b.yaml",
        ] { try temporary.writeSpec("1", to: name) }
        mkdir(temporary.path(of: "folder.yaml"), 0o700)
        var folder = SpecFolder(path: temporary.path)
        #expect(contents(try look(&folder)) == ["a.yaml": "1", "b.yml": "1"])
        #expect(contents(try look(&folder)) == ["a.yaml": "unchanged", "b.yml": "unchanged"])
        try temporary.writeSpec("2", to: "a.yaml")
        #expect(contents(try look(&folder)) == ["a.yaml": "2", "b.yml": "unchanged"])
        utimes(temporary.path(of: "a.yaml"), nil)
        #expect(contents(try look(&folder)) == ["a.yaml": "unchanged", "b.yml": "unchanged"])
        folder.forget()
        #expect(contents(try look(&folder)) == ["a.yaml": "2", "b.yml": "1"])
    }

    @Test("sees an atomic rename, and a change that keeps size and second")
    func rename() throws {
        try temporary.writeSpec("old", to: "a.yaml")
        var folder = SpecFolder(path: temporary.path)
        _ = try look(&folder)
        try temporary.writeSpec("new", to: ".a.tmp")
        Foundation.rename(temporary.path(of: ".a.tmp"), temporary.path(of: "a.yaml"))
        #expect(contents(try look(&folder)) == ["a.yaml": "new"])
    }

    @Test("a directory that cannot be listed is not an empty one")
    func unreadable() {
        var folder = SpecFolder(path: temporary.path(of: "nowhere"))
        guard case .unreadable(let problem) = folder.look(now: later) else {
            Issue.record("listed")
            return
        }
        #expect(problem.hasPrefix("cannot list "))
    }

    @Test("follows the symlink swap of a mounted ConfigMap")
    func configMap() throws {
        for version in ["1", "2"] { try temporary.writeSpec(version, to: "..v\(version)/a.yaml") }
        symlink("..v1", temporary.path(of: "..data"))
        symlink("..data/a.yaml", temporary.path(of: "a.yaml"))
        var folder = SpecFolder(path: temporary.path)
        #expect(contents(try look(&folder)) == ["a.yaml": "1"])
        symlink("..v2", temporary.path(of: "..next"))
        Foundation.rename(temporary.path(of: "..next"), temporary.path(of: "..data"))
        #expect(contents(try look(&folder)) == ["a.yaml": "2"])
    }

    @Test("refuses what is no regular file below the directory, or too large, until it is one")
    func refused() throws {
        let outside = try TemporaryFolder("outside")
        try outside.write("secret", to: "secret.yaml")
        symlink(outside.path(of: "secret.yaml"), temporary.path(of: "out.yaml"))
        symlink("../../etc/passwd", temporary.path(of: "up.yaml"))
        symlink("nothing", temporary.path(of: "dangling.yaml"))
        mkfifo(temporary.path(of: "fifo.yaml"), 0o600)
        try temporary.writeSpec(String(repeating: "x", count: (1 << 20) + 1), to: "large.yaml")
        try temporary.writeSpec(String(repeating: "x", count: 1 << 20), to: "fits.yaml")
        var folder = SpecFolder(path: temporary.path)
        let files = try look(&folder)
        for file in files where file.name != "fits.yaml" {
            guard case .refused(let problem) = file.content else {
                Issue.record("\(file.name) was read")
                continue
            }
            #expect(problem.hasPrefix("cannot read "))
        }
        #expect(files.count == 6)
        // It becomes a file again with the text it had.
        try temporary.writeSpec("1", to: "a.yaml")
        _ = try look(&folder)
        Foundation.rename(temporary.path(of: "a.yaml"), temporary.path(of: ".a"))
        symlink("nothing", temporary.path(of: "a.yaml"))
        #expect(contents(try look(&folder))["a.yaml"] == "refused")
        Foundation.rename(temporary.path(of: ".a"), temporary.path(of: "a.yaml"))
        #expect(contents(try look(&folder))["a.yaml"] == "1")
    }

    @Test("leaves a file alone while somebody has it open for writing")
    func openForWriting() throws {
        let path = try temporary.writeSpec("half", to: "a.yaml")
        let writer = open(path, O_WRONLY | O_APPEND)
        var folder = SpecFolder(path: temporary.path)
        #expect(contents(try look(&folder)) == ["a.yaml": "busy"])
        write(writer, " and whole", 10)
        close(writer)
        #expect(contents(try look(&folder)) == ["a.yaml": "half and whole"])
    }

    @Test(
        "never applies a prefix of a spec that is written slowly in place",
        arguments: [true, false])
    func prefixes(_ usesLeases: Bool) throws {
        let whole = "a 1; b 2; c 3"
        let path = temporary.path(of: "a.yaml")
        var folder = SpecFolder(path: temporary.path, usesLeases: usesLeases)
        let writer = open(path, O_WRONLY | O_CREAT, 0o600)
        let clock = Int64(Date().timeIntervalSince1970 * 1_000_000)
        for byte in whole.utf8 {
            var byte = byte
            write(writer, &byte, 1)
            #expect(contents(try look(&folder, now: clock)) == ["a.yaml": "busy"])
        }
        close(writer)
        #expect(contents(try look(&folder)) == ["a.yaml": whole])
    }

    @Test("where leases do not work, waits until the file has been quiet for two seconds")
    func quiet() throws {
        try temporary.writeSpec("1", to: "a.yaml")
        var folder = SpecFolder(path: temporary.path, usesLeases: false)
        let clock = Int64(Date().timeIntervalSince1970 * 1_000_000)
        #expect(contents(try look(&folder, now: clock + 1_000_000)) == ["a.yaml": "busy"])
        #expect(contents(try look(&folder, now: clock + 3_000_000)) == ["a.yaml": "1"])
    }

    @Test("waits while git writes the working tree, but not for a lock that was left behind")
    func checkout() throws {
        try temporary.writeSpec("1", to: "a.yaml")
        try temporary.writeSpec("", to: ".git/index.lock")
        var folder = SpecFolder(path: temporary.path)
        let clock = Int64(Date().timeIntervalSince1970 * 1_000_000)
        #expect(folder.look(now: clock) == .unsettled)
        #expect(contents(try look(&folder, now: clock + 20_000_000)) == ["a.yaml": "1"])
    }

    @Test("reads the revision from HEAD, a branch, packed refs and a linked worktree")
    func revision() throws {
        let one = String(repeating: "1a", count: 20)
        let two = String(repeating: "2b", count: 20)
        #expect(GitRevision.current(of: "/proc") == nil)
        try temporary.writeSpec(one + "\n", to: ".git/HEAD")
        try temporary.writeSpec("", to: "specs/a.yaml")
        #expect(GitRevision.current(of: temporary.path(of: "specs")) == one)
        try temporary.writeSpec("ref: refs/heads/main\n", to: ".git/HEAD")
        try temporary.writeSpec("# pack-refs\n\(two) refs/heads/main\n", to: ".git/packed-refs")
        #expect(GitRevision.current(of: temporary.path) == two)
        try temporary.writeSpec(one + "\n", to: ".git/refs/heads/main")
        #expect(GitRevision.current(of: temporary.path) == one)
        try temporary.writeSpec("ref: refs/heads/side\n", to: ".git/worktrees/tree/HEAD")
        try temporary.writeSpec("../..\n", to: ".git/worktrees/tree/commondir")
        try temporary.writeSpec(two + "\n", to: ".git/refs/heads/side")
        try temporary.writeSpec(
            "gitdir: \(temporary.path)/.git/worktrees/tree\n", to: "tree/.git")
        #expect(GitRevision.current(of: temporary.path(of: "tree")) == two)
        try temporary.writeSpec("ref: ../../../etc/passwd\n", to: ".git/HEAD")
        #expect(GitRevision.current(of: temporary.path) == nil)
    }
}
