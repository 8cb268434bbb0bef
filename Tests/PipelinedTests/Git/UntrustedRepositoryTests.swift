import Foundation
import TestSupport
import Testing

@testable import Pipelined

/// A repository may be written by anybody: nothing of it is run, and nothing outside is read.
@Suite("A repository that means no good")
struct UntrustedRepositoryTests {
    @Test("no hook, filter or configuration of the repository is run")
    func runsNothing() throws {
        let repository = try GitRepository()
        let mark = repository.folder.path(of: "ran")
        let script = "#!/bin/sh\ntouch \(mark)\ncat\n"
        try repository.folder.write(
            "*.yaml filter=evil text eol=lf ident\n", to: "work/pipelines/.gitattributes")
        try repository.folder.write("*.yaml filter=evil\n", to: "work/.gitattributes")
        try repository.folder.write(
            "[filter \"evil\"]\n\tsmudge = touch \(mark)\n", to: "work/.gitconfig")
        for name in [
            "hooks/post-checkout", "pipelines/hooks/post-checkout", ".githooks/post-index-change",
        ] {
            let path = try repository.folder.write(script, to: "work/\(name)")
            chmod(path, 0o755)
        }
        try repository.commit(["a.yaml": "a 1"])
        let mirror = GitMirror(repository)
        #expect(mirror.update().problem == nil)
        // Somebody has put hooks and a filter where git looks for them.
        let bare = "state/git/mirror"
        for name in ["post-checkout", "reference-transaction", "post-index-change"] {
            chmod(try repository.folder.write(script, to: "\(bare)/hooks/\(name)"), 0o755)
        }
        try repository.commit(["a.yaml": "a 2"])
        #expect(mirror.update().problem == nil)
        #expect(mirror.text("a.yaml") == "a 2")
        #expect(access(mark, F_OK) != 0)
    }

    @Test(
        "a filter that the user has configured, such as LFS, is not run for files of a repository")
    func userFilter() throws {
        let repository = try GitRepository()
        let mark = repository.folder.path(of: "ran")
        try repository.folder.write(
            "[filter \"lfs\"]\n\tsmudge = touch \(mark); cat\n\trequired = true\n",
            to: "home/.gitconfig")
        try repository.folder.write("*.yaml filter=lfs\n", to: "work/pipelines/.gitattributes")
        try repository.commit(["a.yaml": "a 1"])
        let script = try repository.folder.writeSpec(
            "#!/bin/sh\nHOME=\(repository.folder.path(of: "home")) exec git \"$@\"\n",
            to: "git-at-home")
        chmod(script, 0o755)
        let mirror = GitMirror(repository, program: script)
        let outcome = mirror.update()
        #expect(outcome.problem == nil)
        #expect(mirror.text("a.yaml") == "a 1")
        #expect(access(mark, F_OK) != 0)
    }

    @Test("submodules are left out")
    func submodules() throws {
        let other = try GitRepository(specs: ["b.yaml": "b 1"])
        let repository = try GitRepository(specs: ["a.yaml": "a 1"])
        repository.git("submodule", "--quiet", "add", other.url, "pipelines/other")
        repository.commitAll()
        let mirror = GitMirror(repository)
        #expect(mirror.update().problem == nil)
        #expect(mirror.text("a.yaml") == "a 1")
        #expect(FolderRemoval.names(in: mirror.trees.link + "/other/")?.isEmpty != false)
    }

    @Test("a symlink in the tree that leads outside is refused, one that stays inside is followed")
    func symlinks() throws {
        let repository = try GitRepository(specs: ["a.yaml": "a 1", "sub/b": "b 1"])
        for (name, target) in [
            ("secret.yaml", "/etc/passwd"), ("up.yaml", "../../../../LOCK"),
            ("inside.yaml", "sub/b"),
        ] { symlink(target, repository.path("pipelines/\(name)")) }
        repository.commitAll()
        let mirror = GitMirror(repository)
        #expect(mirror.update().problem == nil)
        var folder = SpecFolder(path: mirror.trees.link, isFollowed: true)
        guard case .files(let files) = folder.look(now: .max) else {
            Issue.record("no look")
            return
        }
        for file in files {
            switch (file.name, file.content) {
            case ("a.yaml", .changed(let bytes)): #expect(bytes == Array("a 1".utf8))
            case ("inside.yaml", .changed(let bytes)): #expect(bytes == Array("b 1".utf8))
            case ("secret.yaml", .refused), ("up.yaml", .refused): break
            default: Issue.record("\(file)")
            }
        }
        #expect(files.count == 4)
        #expect(folder.revision == repository.head)
    }

    @Test(
        "URLs and branches that would be options, or programs, are refused",
        arguments: ["--upload-pack=touch x", "-x", "ext::sh -c id", "fd::17", "", "a\nb"])
    func badURLs(_ url: String) throws {
        #expect(GitSource.problem(url: url) != nil)
        let folder = try TemporaryFolder("bad-url")
        // Also where nobody has looked at it before.
        let mirror = GitMirror(GitSource(url: url), state: folder.path)
        #expect(mirror.update().problem?.hasPrefix("cannot fetch the default branch of ") == true)
        #expect(FolderRemoval.names(in: ".")?.contains("x") == false)
    }

    @Test(arguments: [
        "-b", "--upload-pack=x", "a..b", "a b", "a:b", "+a", "a~1", "a^", "a/", "/a", "a.lock",
        "@", "a@{1}", ".a", "a/.b", "a?", "a*", "a[", "a\\b", "a\u{7f}", "",
    ])
    func badBranches(_ branch: String) {
        // A plus is git's sign for "by force"; behind `refs/heads/` it is a letter like others.
        #expect((GitSource.problem(branch: branch) == nil) == (branch == "+a"))
    }

    @Test(arguments: ["main", "release/1.2", "feature-x", "größe", "a+b"])
    func goodBranches(_ branch: String) {
        #expect(GitSource.problem(branch: branch) == nil)
    }

    @Test("a path stays below the root of the repository")
    func paths() {
        for (text, path) in [
            ("pipelines", "pipelines"), ("./a//b/", "a/b"), (".", ""), ("", ""), ("-x", "-x"),
        ] { #expect(GitSource.normalised(path: text) == path) }
        for text in ["/etc", "..", "a/../..", "a/..", "a\nb"] {
            #expect(GitSource.normalised(path: text) == nil)
        }
    }

    @Test("a folder whose name is an option or a pattern is a folder")
    func oddPaths() throws {
        let repository = try GitRepository()
        for name in ["-x", "*", ":(top)", "a b"] {
            try repository.folder.write("a 1", to: "work/\(name)/a.yaml")
        }
        repository.commitAll()
        for name in ["-x", "*", "a b"] {
            let mirror = GitMirror(repository, path: name)
            #expect(mirror.update().problem == nil, "\(name)")
            #expect(mirror.text("a.yaml") == "a 1", "\(name)")
        }
    }

    @Test("a password in the URL is never shown, and git's messages lose control characters")
    func secrets() throws {
        let source = GitSource(url: "https://user:p4ss@localhost:1/specs.git", branch: "main")
        #expect(source.shownURL == "https://localhost:1/specs.git")
        #expect(GitSource(url: "ssh://git@h/x").shownURL == "ssh://git@h/x")
        #expect(GitSource(url: "git@h:x").shownURL == "git@h:x")
        let folder = try TemporaryFolder("secret")
        let problem = GitMirror(source, state: folder.path).update().problem ?? ""
        #expect(problem.hasPrefix("cannot fetch 'main' of https://localhost:1/specs.git: "))
        #expect(!problem.contains("p4ss"))
        var other = source
        other.url = "https://user:other@localhost:1/specs.git"
        #expect(other.identity == source.identity)
        let script = try folder.writeSpec(
            "#!/bin/sh\nprintf 'fatal: \\033[31m%s\\007\\n' \"$GIT_CONFIG_VALUE_0\" >&2\nexit 1\n",
            to: "git-says")
        chmod(script, 0o755)
        let program = GitProgram(
            repository: folder.path, secret: source.secretURL.map { ($0, source.shownURL) },
            program: script)
        #expect(
            throws: GitError(message: "[31mhttps://localhost:1/specs.git")
        ) {
            try program.run(["x"], .user(url: source.url), timeMicros: 10_000_000)
        }
    }
}
