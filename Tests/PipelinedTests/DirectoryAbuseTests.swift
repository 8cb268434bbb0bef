import Foundation
import TestSupport
import Testing

@testable import Pipelined

/// What editors, deployments and accidents do to a directory of specs. In every case nothing stops
/// that should run, and what was meant is applied once.
@Suite("A directory of specs that is treated badly")
struct DirectoryAbuseTests {
    private let test: ControllerHarness
    private var folder: TemporaryFolder { test.folder }

    init() throws {
        test = try ControllerHarness()
        for name in ["a", "b", "c"] { try test.folder.writeSpec("\(name) 1", to: "\(name).yaml") }
        test.settle()
    }

    private func path(_ name: String) -> String { folder.path(of: name) }

    /// Looks, and expects what was there at first to run, as it was started.
    private func expectUntouched(_ place: SourceLocation = #_sourceLocation) {
        test.look()
        #expect(test.engine.names == ["a", "b", "c"], sourceLocation: place)
        #expect(test.engine.launches.count == 3, sourceLocation: place)
    }

    /// Looks, and expects one more start, of `a` with this version.
    private func expectApplied(_ version: String, _ place: SourceLocation = #_sourceLocation) {
        test.look()
        test.look()
        #expect(test.engine.names == ["a", "b", "c"], sourceLocation: place)
        #expect(test.engine.launches.count == 4, sourceLocation: place)
        #expect(
            test.engine.launches.last?.spec.description == version + "w", sourceLocation: place)
        #expect(test.engine.state.withLock { $0.overlaps } == 0, sourceLocation: place)
    }

    // MARK: half-written files

    @Test("a spec that is written byte by byte in place is applied once, when it is whole")
    func writtenSlowly() throws {
        let writer = open(path("a.yaml"), O_WRONLY | O_TRUNC)
        for byte in "a 22".utf8 {
            var byte = byte
            #expect(write(writer, &byte, 1) == 1)
            expectUntouched()
        }
        close(writer)
        expectApplied("22")
    }

    @Test("a spec that is emptied before it is written anew stops nothing")
    func emptied() throws {
        try folder.writeSpec("", to: "a.yaml")
        expectUntouched()
        #expect(test.view.pipelines["a"]?.conditions[.stalled].reason == "SpecInvalid")
        try folder.writeSpec("a 2", to: "a.yaml")
        expectApplied("2")
    }

    @Test("a copy that comes piece by piece under a temporary name is applied by its rename")
    func copied() throws {
        for name in [".a.yaml.Xy12Zq", "a.yaml.part", ".goutputstream-AB12CD", "a.yaml.tmp"] {
            try folder.writeSpec("a", to: name)
            expectUntouched()
        }
        try folder.writeSpec("a 2", to: ".a.yaml.Xy12Zq")
        rename(path(".a.yaml.Xy12Zq"), path("a.yaml"))
        expectApplied("2")
    }

    // MARK: editors

    @Test("vim: a probe, a swap file, the file renamed to its backup and written anew")
    func vim() throws {
        try folder.writeSpec("b0VIM 9.0", to: ".a.yaml.swp")
        expectUntouched()
        try folder.writeSpec("", to: "4913")
        expectUntouched()
        unlink(path("4913"))
        rename(path("a.yaml"), path("a.yaml~"))
        // A look in the moment in which there is no such file.
        test.loop.take(.hint)
        test.advance(millis: 50)
        #expect(test.engine.names == ["a", "b", "c"])
        try folder.writeSpec("a 2", to: "a.yaml")
        expectApplied("2")
        unlink(path("a.yaml~"))
        unlink(path(".a.yaml.swp"))
        expectApplied("2")
    }

    @Test("vim with backupcopy: a copy as backup, the file written in place")
    func vimInPlace() throws {
        try folder.writeSpec("b0VIM 9.0", to: ".a.yaml.swp")
        try folder.writeSpec("a 1", to: "a.yaml~")
        let writer = open(path("a.yaml"), O_WRONLY | O_TRUNC)
        expectUntouched()
        #expect(write(writer, "a 2", 3) == 3)
        expectUntouched()
        close(writer)
        unlink(path("a.yaml~"))
        expectApplied("2")
    }

    @Test("emacs: a lock that leads nowhere, an autosave, numbered backups")
    func emacs() throws {
        symlink("user@host.example.4711:1700000000", path(".#a.yaml"))
        expectUntouched()
        try folder.writeSpec("a 2 half", to: "#a.yaml#")
        expectUntouched()
        rename(path("a.yaml"), path("a.yaml~"))
        try folder.writeSpec("a 2", to: "a.yaml")
        try folder.writeSpec("a 0", to: "a.yaml.~1~")
        expectApplied("2")
        for name in [".#a.yaml", "#a.yaml#"] { unlink(path(name)) }
        expectApplied("2")
        #expect(test.view.orphanProblems.isEmpty)
    }

    @Test(
        "temporary files of other editors and tools are no specs",
        arguments: [
            "a.yaml___jb_tmp___", "a.yaml___jb_old___", ".a.yaml.kate-swp", "sedXk3v9q",
            "a.yaml.bak", "a.yaml.orig", "a.yaml.rej", ".nfs00000000000a1b2c", "a.yaml.swx",
            ".~lock.a.yaml#", ".a.yaml.un~", ".syncthing.a.yaml.tmp", "a.yaml.sb-1234-abcdef",
        ])
    func otherEditors(_ name: String) throws {
        try folder.writeSpec("a 2", to: name)
        expectUntouched()
        #expect(test.view.orphanProblems.isEmpty)
    }

    @Test("a copy under another name is a problem of its own and takes nothing over")
    func conflictedCopy() throws {
        try folder.writeSpec("a 2", to: "a (copy).yaml")
        expectUntouched()
        #expect(test.view.orphanProblems["a (copy).yaml"]?.count == 1)
        unlink(path("a (copy).yaml"))
        expectUntouched()
    }

    // MARK: symlinks

    @Test("a spec that is a symlink to itself, to nothing, or to the outside stops nothing")
    func badSymlinks() throws {
        for target in ["a.yaml", "nothing", "/etc/passwd", "../../etc/passwd", "."] {
            unlink(path("a.yaml"))
            symlink(target, path("a.yaml"))
            if target == "." {
                // A folder with a spec's name is none: the spec is gone, and one look is not enough.
                test.loop.take(.hint)
                test.advance(millis: 50)
            } else {
                test.look()
                test.look()
            }
            #expect(test.engine.names == ["a", "b", "c"], "\(target)")
        }
        unlink(path("a.yaml"))
        try folder.writeSpec("a 2", to: "a.yaml")
        expectApplied("2")
    }

    @Test("a spec that becomes a FIFO, a socket's place or a device is left as it was")
    func notRegular() throws {
        unlink(path("a.yaml"))
        mkfifo(path("a.yaml"), 0o600)
        expectUntouched()
        unlink(path("a.yaml"))
        symlink("/dev/zero", path("a.yaml"))
        expectUntouched()
        #expect(test.view.pipelines["a"]?.conditions[.stalled].isTrue == true)
    }

    // MARK: the directory itself

    @Test("a directory that is removed and brought back stops nothing and starts nothing")
    func broughtBack() throws {
        for name in ["a", "b", "c"] { unlink(path("\(name).yaml")) }
        expectUntouched()
        rmdir(folder.path)
        expectUntouched()
        #expect(test.view.folderProblem != nil)
        mkdir(folder.path, 0o700)
        expectUntouched()
        for name in ["a", "b", "c"] {
            try folder.writeSpec("\(name) 1", to: "\(name).yaml")
            expectUntouched()
        }
        #expect(test.view.folderProblem == nil)
        try folder.writeSpec("a 2", to: "a.yaml")
        expectApplied("2")
    }

    @Test("a directory that is renamed away, is a file meanwhile, and comes back")
    func renamedAway() throws {
        let aside = folder.path + ".aside"
        rename(folder.path, aside)
        expectUntouched()
        close(open(folder.path, O_WRONLY | O_CREAT, 0o600))
        expectUntouched()
        unlink(folder.path)
        symlink("nowhere", folder.path)
        expectUntouched()
        unlink(folder.path)
        rename(aside, folder.path)
        expectUntouched()
        #expect(test.view.folderProblem == nil)
    }

    @Test("another directory in its place, with other specs, does not stop more than half of them")
    func replacedByAnother() throws {
        let aside = folder.path + ".aside"
        rename(folder.path, aside)
        defer { FolderRemoval.remove(aside) }
        mkdir(folder.path, 0o700)
        try folder.writeSpec("x 1", to: "x.yaml")
        test.look()
        test.look()
        #expect(test.engine.names == ["a", "b", "c", "x"])
        #expect(test.view.pipelines["a"]?.conditions[.stalled].reason == "SpecGone")
    }

    @Test("a directory in which files come and go all the time is looked at all the same")
    func restless() throws {
        try folder.writeSpec("a 2", to: "a.yaml")
        let isOver = WakeSignal()
        defer { isOver.close() }
        let restless = DaemonThread.start("restless") { [folder] in
            var due = pollfd(fd: isOver.descriptor, events: Int16(POLLIN), revents: 0)
            while poll(&due, 1, 0) == 0 {
                let name = folder.path(of: ".temporary")
                close(open(name, O_WRONLY | O_CREAT, 0o600))
                unlink(name)
            }
        }
        test.loop.take(.hint)
        for _ in 0..<3 * SpecFolder.unsettledMax where test.engine.launches.count == 3 {
            test.advance(millis: 50)
        }
        isOver.wake()
        restless?.join()
        expectApplied("2")
    }

    // MARK: what cannot be read

    /// Runs `body` as somebody who may read only what everybody may.
    private func asNobody(_ body: () throws -> Void) throws {
        typealias SetUser = @convention(c) (UInt32) -> Int32
        // SAFETY: the C library's function has this type; it changes what the calling thread may open.
        let symbol = try #require(dlsym(nil, "setfsuid"))
        let setUser = unsafeBitCast(symbol, to: SetUser.self)
        let before = UInt32(bitPattern: setUser(65534))
        defer { _ = setUser(before) }
        try body()
    }

    @Test("a file that may not be read keeps its last good version, and counts again later")
    func unreadableFile() throws {
        for name in ["b", "c"] { chmod(path("\(name).yaml"), 0o644) }
        chmod(path("a.yaml"), 0)
        chmod(folder.path, 0o755)
        try asNobody {
            _ = test.command(.reload(allowEmpty: false))
            expectUntouched()
            #expect(
                test.view.pipelines["a"]?.message.contains("a.yaml: Permission denied") == true,
                "\(test.view.pipelines["a"]?.message ?? "")")
        }
        chmod(path("a.yaml"), 0o644)
        expectUntouched()
        #expect(test.view.pipelines["a"]?.conditions[.stalled].isTrue == false)
        try folder.writeSpec("a 2", to: "a.yaml")
        expectApplied("2")
    }

    @Test("a directory that may not be listed stops nothing")
    func unreadableDirectory() throws {
        chmod(folder.path, 0)
        try asNobody {
            expectUntouched()
            #expect(test.view.folderProblem?.contains("Permission denied") == true)
        }
        chmod(folder.path, 0o755)
        expectUntouched()
        #expect(test.view.folderProblem == nil)
    }

    // MARK: many files

    /// Without a sync, of which ten thousand take a minute.
    private func writeQuickly(_ text: String, to path: String) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        #expect(Glibc.write(descriptor, text, text.utf8.count) == text.utf8.count)
        close(descriptor)
    }

    @Test("ten thousand specs run; an edit starts one of them again, and a removal stops one")
    func tenThousandSpecs() throws {
        let test = try ControllerHarness()
        for index in 0..<10_000 {
            writeQuickly("p\(index) 1", to: test.folder.path(of: "p\(index).yaml"))
        }
        test.settle()
        #expect(test.engine.names.count == 10_000)
        #expect(test.view.hasConverged)
        try test.folder.writeSpec("p77 2", to: "p77.yaml")
        unlink(test.folder.path(of: "p78.yaml"))
        try test.folder.writeSpec("broken", to: "p79.yaml")
        test.look()
        #expect(test.engine.launches.count == 10_001)
        #expect(test.engine.launches.last?.spec.name == "p77")
        #expect(test.engine.names.count == 9_999)
        #expect(test.engine.state.withLock { $0.running["p79"] != nil })
        #expect(test.view.pipelines["p79"]?.conditions[.stalled].reason == "SpecInvalid")
    }

    @Test("ten thousand files that are no specs cost nothing but the listing")
    func tenThousandOthers() throws {
        for index in 0..<2500 {
            for name in [
                ".p\(index).yaml.swp", "p\(index).yaml~", "#p\(index).yaml#", "p\(index).md",
            ] {
                writeQuickly("a 2", to: path(name))
            }
        }
        expectUntouched()
        #expect(test.view.orphanProblems.isEmpty)
        try folder.writeSpec("a 2", to: "a.yaml")
        expectApplied("2")
    }
}
