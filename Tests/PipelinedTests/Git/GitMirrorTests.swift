import Foundation
import TestSupport
import Testing

@testable import Pipelined

@Suite("A mirror of a git repository")
struct GitMirrorTests {
    @Test("applies the newest commit of the branch, and nothing when there is no newer one")
    func follows() throws {
        let repository = try GitRepository(specs: ["a.yaml": "a 1"])
        let mirror = GitMirror(repository)
        let first = mirror.update()
        #expect(first.problem == nil)
        #expect(first.applied == repository.head)
        #expect(mirror.trees.current == repository.head)
        #expect(mirror.text("a.yaml") == "a 1")
        let again = mirror.update()
        #expect(again == .init(attempted: repository.head, hasFetched: true))
        let next = try repository.commit(["a.yaml": "a 2", "b.yaml": "b 1"])
        #expect(mirror.update() == .init(attempted: next, hasFetched: true, applied: next))
        #expect(mirror.text("a.yaml") == "a 2")
        #expect(mirror.text("b.yaml") == "b 1")
    }

    @Test("follows the default branch of the repository when none is named, and the root of it")
    func defaults() throws {
        let repository = try GitRepository(branch: "trunk")
        try "a 1".write(toFile: repository.path("a.yaml"), atomically: true, encoding: .utf8)
        repository.commitAll()
        let mirror = GitMirror(repository, branch: nil, path: "")
        #expect(mirror.update().problem == nil)
        #expect(mirror.text("a.yaml") == "a 1")
    }

    @Test("writes only the folder of specs")
    func folderAlone() throws {
        let repository = try GitRepository(specs: ["a.yaml": "a 1", "data/t.csv": "x"])
        try repository.folder.write("large", to: "work/elsewhere/file")
        repository.commitAll()
        let mirror = GitMirror(repository)
        #expect(mirror.update().problem == nil)
        let names = FolderRemoval.names(in: mirror.trees.path(of: repository.head))
        #expect(names?.sorted() == ["a.yaml", "data"])
        #expect(mirror.text("data/t.csv") == "x")
    }

    @Test("an unreachable repository leaves what was applied, and is reached again later")
    func unreachable() throws {
        let repository = try GitRepository(specs: ["a.yaml": "a 1"])
        let mirror = GitMirror(repository)
        _ = mirror.update()
        let aside = repository.url + ".aside"
        rename(repository.url, aside)
        let outcome = mirror.update()
        #expect(!outcome.hasFetched)
        #expect(outcome.applied == nil)
        let problem = try #require(outcome.problem)
        #expect(problem.hasPrefix("cannot fetch 'main' of \(repository.url): "), "\(problem)")
        #expect(mirror.text("a.yaml") == "a 1")
        rename(aside, repository.url)
        let next = try repository.commit(["a.yaml": "a 2"])
        #expect(mirror.update().applied == next)
    }

    @Test("a branch that is gone leaves what was applied")
    func branchGone() throws {
        let repository = try GitRepository(specs: ["a.yaml": "a 1"])
        let mirror = GitMirror(repository)
        _ = mirror.update()
        repository.git("push", "--quiet", "origin", "HEAD:refs/heads/other", ":refs/heads/main")
        let outcome = mirror.update()
        #expect(
            outcome.problem == "cannot fetch 'main' of \(repository.url): there is no such branch")
        #expect(mirror.text("a.yaml") == "a 1")
        repository.push()
        #expect(mirror.update().problem == nil)
    }

    @Test("a branch that was rewritten is followed, and it is said")
    func forcePush() throws {
        let repository = try GitRepository(specs: ["a.yaml": "a 1"])
        let mirror = GitMirror(repository)
        try repository.commit(["a.yaml": "a 2"])
        #expect(!mirror.update().wasRewritten)
        repository.git("reset", "--quiet", "--hard", "HEAD~1")
        repository.push()
        // Back to a commit that the new one came from.
        let back = mirror.update()
        #expect(back.wasRewritten)
        #expect(back.applied == repository.head)
        #expect(mirror.text("a.yaml") == "a 1")
        try repository.commit(["a.yaml": "a 3"])
        let forth = mirror.update()
        #expect(!forth.wasRewritten)
        #expect(mirror.text("a.yaml") == "a 3")
    }

    @Test("a folder that is gone from the tree, or became a file or a symlink, changes nothing")
    func pathGone() throws {
        let repository = try GitRepository(specs: ["a.yaml": "a 1"])
        let mirror = GitMirror(repository)
        let good = mirror.update().applied
        repository.git("mv", "pipelines", "specs")
        let moved = repository.commitAll()
        let outcome = mirror.update()
        #expect(outcome.attempted == moved)
        #expect(
            outcome.problem == "cannot apply revision \(moved.prefix(8)) of 'main' of "
                + "\(repository.url): it has no folder 'pipelines'")
        #expect(mirror.trees.current == good)
        symlink("specs", repository.path("pipelines"))
        repository.commitAll()
        #expect(mirror.update().problem?.hasSuffix("it has no folder 'pipelines'") == true)
        unlink(repository.path("pipelines"))
        try repository.folder.write("a file", to: "work/pipelines")
        repository.commitAll()
        #expect(mirror.update().problem?.hasSuffix("it has no folder 'pipelines'") == true)
        #expect(mirror.text("a.yaml") == "a 1")
        unlink(repository.path("pipelines"))
        let back = try repository.commit(["a.yaml": "a 2"])
        #expect(mirror.update().applied == back)
    }

    @Test("keeps the last few revisions and no more")
    func prunes() throws {
        let repository = try GitRepository(specs: ["a.yaml": "a 0"])
        let mirror = GitMirror(repository)
        var commits: [String] = []
        for version in 1...7 {
            commits.append(try repository.commit(["a.yaml": "a \(version)"]))
            #expect(mirror.update().problem == nil)
        }
        let kept = FolderRemoval.names(in: mirror.trees.folder)?.filter(GitRevision.isCommit)
        #expect(Set(kept ?? []) == Set(commits.suffix(1 + GitTrees.keptMax)))
        #expect(FolderRemoval.names(in: mirror.trees.folder)?.count == 2 + GitTrees.keptMax)
    }

    @Test("another source begins without what the old one had, and its files go")
    func otherSource() throws {
        let repository = try GitRepository(specs: ["a.yaml": "a 1"])
        let first = GitMirror(repository)
        _ = first.update()
        let second = GitMirror(repository, path: "")
        #expect(second.trees.current == nil)
        #expect(second.update().problem == nil)
        #expect(first.trees.current == nil)
        #expect(second.text("pipelines/a.yaml") == "a 1")
    }

    @Test("a git that was killed, and a mirror that is damaged, are made good by themselves")
    func leftovers() throws {
        let repository = try GitRepository(specs: ["a.yaml": "a 1"])
        let mirror = GitMirror(repository)
        _ = mirror.update()
        let bare = repository.folder.path(of: "state/git/mirror")
        for name in [
            "shallow.lock", "packed-refs.lock", "refs/pipelined/\(mirror.source.identity).lock",
            "objects/pack/tmp_pack_x",
        ] { try repository.folder.write("", to: "state/git/mirror/\(name)") }
        try repository.folder.write("half", to: "state/git/\(mirror.source.identity)/.draft/a.yaml")
        let second = try repository.commit(["a.yaml": "a 2"])
        #expect(mirror.update().applied == second)
        #expect(mirror.text("a.yaml") == "a 2")
        FolderRemoval.remove(bare + "/objects")
        let third = try repository.commit(["a.yaml": "a 3"])
        #expect(mirror.update().applied == third)
        FolderRemoval.remove(bare)
        try repository.folder.write("no repository", to: "state/git/mirror")
        let fourth = try repository.commit(["a.yaml": "a 4"])
        #expect(mirror.update().applied == fourth)
    }

    @Test("a git that hangs is killed with all it has started, when its time is over")
    func hangs() throws {
        let repository = try GitRepository(specs: ["a.yaml": "a 1"])
        let pids = repository.folder.path(of: "pids")
        let script = try repository.folder.writeSpec(
            """
            #!/bin/sh
            case "$*" in
            *" fetch "*) sleep 600 & echo $$ $! >> \(pids); wait ;;
            *) exec git "$@" ;;
            esac
            """, to: "hanging-git")
        chmod(script, 0o755)
        let mirror = GitMirror(
            repository, limits: .init(fetchMicros: 1_000_000), program: script)
        let begin = monotonicMicros()
        let outcome = mirror.update()
        #expect(monotonicMicros() - begin < 30_000_000)
        let problem = outcome.problem ?? ""
        #expect(problem.hasSuffix("git did not finish within 1s"), "\(problem)")
        let started = try String(contentsOfFile: pids, encoding: .utf8)
            .split { $0 == " " || $0 == "\n" }.compactMap { pid_t($0) }
        #expect(started.count == 2)
        let deadline = monotonicMicros() + 10_000_000
        while started.contains(where: isAlive), monotonicMicros() < deadline { usleep(5000) }
        #expect(!started.contains(where: isAlive))
    }

    /// A zombie that nobody has waited for yet does not count.
    private func isAlive(_ process: pid_t) -> Bool {
        guard let bytes = SmallFile.read("/proc/\(process)/stat", bytesMax: 4096) else {
            return false
        }
        return !String(decoding: bytes, as: UTF8.self).contains(") Z ")
    }

    @Test("without git it says so")
    func noGit() throws {
        let repository = try GitRepository(specs: ["a.yaml": "a 1"])
        let outcome = GitMirror(repository, program: "git-is-not-here").update()
        #expect(outcome.problem?.contains("git cannot be run: No such file") == true)
    }

    @Test("a folder with more than is taken is refused before it is written")
    func tooLarge() throws {
        let repository = try GitRepository(specs: ["a.yaml": "a 1", "b.yaml": "b 1"])
        let tooMany = GitMirror(repository, limits: .init(fileCountMax: 1)).update()
        #expect(tooMany.problem?.contains("'pipelines' has 2 files with 6 B") == true)
        let tooLarge = GitMirror(repository, limits: .init(bytesMax: 5)).update()
        #expect(tooLarge.problem?.contains("'pipelines' has 2 files with 6 B") == true)
        #expect(GitMirror(repository, limits: .init(bytesMax: 6)).update().problem == nil)
    }
}
