import Foundation
import TestSupport
import Testing

@testable import Pipelined

/// A daemon that follows a repository: thread, control socket and git are real.
@Suite("A daemon that follows a git repository")
struct GitDaemonTests {
    private let repository: GitRepository
    private let state: TemporaryFolder
    private static let names = ["a", "b", "c"]

    init() throws {
        repository = try GitRepository()
        state = try TemporaryFolder("git-state")
        try commit(1)
    }

    /// All specs in one version.
    @discardableResult
    private func commit(_ version: Int) throws -> String {
        try repository.commit(
            Dictionary(uniqueKeysWithValues: Self.names.map { ("\($0).yaml", "\($0) \(version)") }))
    }

    private func daemon(intervalMicros: Int64 = 3_600_000_000) throws -> TestDaemon {
        var source = GitSource(url: repository.url, branch: "main")
        source.intervalMicros = intervalMicros
        return try TestDaemon(git: source, state: state.path)
    }

    private func status(_ daemon: TestDaemon) throws -> JSONValue {
        try #require(try daemon.client().request("status"))
    }

    /// The versions that each pipeline was started with.
    private func versions(_ daemon: TestDaemon) -> [String: [String]] {
        Dictionary(grouping: daemon.engine.launches, by: \.spec.name).mapValues {
            $0.map { String($0.spec.description?.dropLast() ?? "") }
        }
    }

    @Test("applies a commit, and at a reload the next one, each spec once")
    func follows() throws {
        let daemon = try daemon()
        defer { daemon.close() }
        let first = repository.head
        let waited = daemon.run("wait", "--for", "revision=\(first)", "--timeout", "60s")
        #expect(waited.status == .done, "\(waited.error)")
        #expect(daemon.engine.names == Self.names)
        let second = try commit(2)
        let reloaded = daemon.run("reload")
        #expect(reloaded.status == .done, "\(reloaded.error)")
        #expect(reloaded.output.split(separator: "\n").count == 3)
        for name in Self.names { #expect(versions(daemon)[name] == ["1", "2"]) }
        let status = try status(daemon)
        #expect(status["revision"]?.text == second)
        #expect(status["git"]?["attempted"]?.text == second)
        #expect(status["git"]?["error"] == .null)
        #expect(status["pipelines"]?.array?.first?["revision"]?.text == second)
        #expect(
            daemon.run("status").output.contains(
                "following 'main' of \(repository.url): revision \(second.prefix(8)), fetched at "))
        #expect(daemon.run("reload").output == "nothing to change\n")
    }

    @Test("finds a commit by itself when the time has come")
    func byItself() throws {
        let daemon = try daemon(intervalMicros: 200_000)
        defer { daemon.close() }
        let second = try commit(2)
        let waited = daemon.run("wait", "--for", "revision=\(second)", "--timeout", "60s")
        #expect(waited.status == .done, "\(waited.error)")
    }

    @Test("a spec with a mistake keeps its last good version; the others of the commit count")
    func badSpec() throws {
        let daemon = try daemon()
        defer { daemon.close() }
        #expect(daemon.run("wait").status == .done)
        let second = try repository.commit(["a.yaml": "broken", "b.yaml": "b 2"])
        let reloaded = daemon.run("reload")
        #expect(reloaded.status == .failed)
        #expect(reloaded.output.contains("error: it is broken"))
        #expect(versions(daemon) == ["a": ["1"], "b": ["1", "2"], "c": ["1"]])
        #expect(daemon.engine.names == Self.names)
        #expect(try status(daemon)["revision"]?.text == second)
    }

    @Test("a revision that cannot be applied is named with the reason, and nothing changes")
    func notApplied() throws {
        let daemon = try daemon()
        defer { daemon.close() }
        #expect(daemon.run("wait").status == .done)
        let good = repository.head
        repository.git("mv", "pipelines", "specs")
        let moved = repository.commitAll()
        let reloaded = daemon.run("reload")
        #expect(reloaded.status == .failed)
        let error =
            "cannot apply revision \(moved.prefix(8)) of 'main' of \(repository.url): it has no "
            + "folder 'pipelines'; revision \(good.prefix(8)) stays applied"
        #expect(reloaded.output == "nothing to change\n\nerror: \(error)\n")
        #expect(daemon.engine.names == Self.names)
        #expect(daemon.engine.launches.count == 3)
        let git = try #require(try status(daemon)["git"])
        #expect(git["revision"]?.text == good)
        #expect(git["attempted"]?.text == moved)
        #expect(git["error"]?.text == error)
        #expect(git["failures"] == 1)
        let metrics = daemon.run("metrics").output
        #expect(metrics.contains("\npipelined_git_failures 1\n"))
        #expect(
            metrics.contains("pipelined_git_revision_info{revision=\"\(good)\",branch=\"main\"} 1"))
        #expect(metrics.contains("\npipelined_git_fetch_timestamp_seconds "))
        #expect(git["attempted_at"]?.text != nil)
        #expect(daemon.run("status").output.contains("warning: \(error) (at 20"))
        // Nobody waits for it in vain.
        let waited = daemon.run("wait", "--for", "revision=\(moved)", "--timeout", "60s")
        #expect(waited.status == .failed)
        #expect(waited.error == "error: \(error)\n")
        repository.git("mv", "specs", "pipelines")
        let back = repository.commitAll()
        #expect(daemon.run("reload").output == "nothing to change\n")
        #expect(try status(daemon)["revision"]?.text == back)
        #expect(daemon.engine.launches.count == 3)
    }

    @Test("a commit that removes more than half of the specs stops none without --allow-empty")
    func emptied() throws {
        let daemon = try daemon()
        defer { daemon.close() }
        #expect(daemon.run("wait").status == .done)
        try repository.commit(["a.yaml": "", "b.yaml": ""])
        _ = daemon.run("reload")
        #expect(daemon.engine.names == Self.names)
        _ = daemon.run("reload", "--allow-empty")
        #expect(daemon.engine.names == ["c"])
    }

    @Test("a daemon begins with the revision that was applied last, the repository being down")
    func startsDown() throws {
        let first = try daemon()
        #expect(first.run("wait").status == .done)
        first.close()
        rename(repository.url, repository.url + ".aside")
        let second = try daemon()
        defer { second.close() }
        #expect(second.run("wait", "--timeout", "60s").status == .done)
        #expect(second.engine.names == Self.names)
        let deadline = monotonicMicros() + 30_000_000
        while monotonicMicros() < deadline, try status(second)["git"]?["error"]?.text == nil {
            usleep(10_000)
        }
        let status = try status(second)
        #expect(status["revision"]?.text == repository.head)
        #expect(
            status["git"]?["error"]?.text?.hasPrefix("cannot fetch 'main' of \(repository.url): ")
                == true)
        #expect(status["git"]?["fetched_at"] == .null)
    }

    @Test("before the first revision nothing has converged, and it is said why")
    func nothingYet() throws {
        rename(repository.url, repository.url + ".aside")
        let daemon = try daemon()
        defer { daemon.close() }
        let reloaded = daemon.run("reload")
        #expect(reloaded.status == .failed)
        #expect(reloaded.output.contains("no revision has been applied yet"))
        let status = try status(daemon)
        #expect(status["converged"] == false)
        #expect(
            status["folder_problem"]?.text
                == "cannot look at the specs: no revision has been fetched yet; what runs is left as "
                + "it is")
        rename(repository.url + ".aside", repository.url)
        #expect(daemon.run("reload").status == .done)
        #expect(daemon.run("wait").status == .done)
        #expect(daemon.engine.names == Self.names)
    }

    @Test("many commits in quick succession: never a mixture of two, and the last one wins")
    func quickCommits() throws {
        let daemon = try daemon(intervalMicros: 20_000)
        defer { daemon.close() }
        var commits = [repository.head]
        for version in 2...15 { commits.append(try commit(version)) }
        let waited = daemon.run(
            "wait", "--for", "revision=\(repository.head)", "--timeout", "60s")
        #expect(waited.status == .done, "\(waited.error)")
        let seen = versions(daemon)
        for name in Self.names {
            #expect(seen[name] == seen["a"])
            #expect(seen[name]?.last == "15")
            #expect(seen[name].map { Set($0).count == $0.count } == true)
        }
        for pipeline in daemon.controller.view.inOrder {
            #expect(pipeline.appliedRevision == commits.last)
        }
        #expect(daemon.engine.state.withLock { $0.overlaps } == 0)
    }
}
