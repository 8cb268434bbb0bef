import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Pipelined

/// A follower of a test's repository, and what it has said so far.
private final class Following: Sendable {
    private let said = Mutex<[GitFollowing]>([])
    private let lines = Mutex<[String]>([])
    private let made = Mutex<GitFollower?>(nil)

    var follower: GitFollower { made.withLock { $0! } }
    var last: GitFollowing? { said.withLock { $0.last } }
    var all: [GitFollowing] { said.withLock { $0 } }
    var log: String { lines.withLock { $0.joined() } }

    init(
        _ repository: GitRepository, intervalMicros: Int64 = 3_600_000_000,
        limits: GitMirror.Limits = .init(), program: String = "git"
    ) {
        var source = GitSource(url: repository.url, branch: "main")
        source.intervalMicros = intervalMicros
        let state = repository.folder.path(of: "state")
        mkdir(state, 0o700)
        let log = Log(format: .logfmt, now: { 0 }) { line in self.lines.withLock { $0.append(line) }
        }
        let follower = GitFollower(source, state: state, log: log, limits: limits, program: program)
        {
            following in self.said.withLock { $0.append(following) }
        }
        made.withLock { $0 = follower }
    }

    /// Fetches and waits for the end of that.
    func fetch() {
        let done = DispatchSemaphore(value: 0)
        follower.fetch { done.signal() }
        #expect(done.wait(timeout: .now() + 60) == .success)
    }

    func waitUntil(_ body: (GitFollowing) -> Bool) -> Bool {
        let deadline = Date().addingTimeInterval(60)
        while Date() < deadline {
            if let last, body(last) { return true }
            usleep(2000)
        }
        return false
    }
}

@Suite("Following a git repository")
struct GitFollowerTests {
    @Test("says what was applied, and fetches when it is asked and when the time has come")
    func follows() throws {
        let repository = try GitRepository(specs: ["a.yaml": "a 1"])
        let asked = Following(repository)
        asked.follower.start()
        defer { asked.follower.close() }
        let first = repository.head
        #expect(asked.waitUntil { $0.applied == first })
        #expect(asked.all.first?.applied == nil)
        let second = try repository.commit(["a.yaml": "a 2"])
        asked.fetch()
        #expect(asked.last?.applied == second)
        #expect(asked.last?.attempted == second)
        #expect(asked.last?.problem == nil)
        #expect(asked.log.contains("revision=\(second)"))
        asked.follower.close()
        // One after the other: a state directory has one follower.
        let timed = Following(repository, intervalMicros: 100_000)
        timed.follower.start()
        defer { timed.follower.close() }
        let third = try repository.commit(["a.yaml": "a 3"])
        #expect(timed.waitUntil { $0.applied == third })
    }

    @Test("begins with what was applied last when the repository is down, and says why")
    func startsDown() throws {
        let repository = try GitRepository(specs: ["a.yaml": "a 1"])
        let before = Following(repository)
        before.follower.start()
        before.fetch()
        before.follower.close()
        rename(repository.url, repository.url + ".aside")
        let after = Following(repository)
        after.follower.start()
        defer { after.follower.close() }
        #expect(after.all.first?.applied == repository.head)
        after.fetch()
        let last = try #require(after.last)
        #expect(last.applied == repository.head)
        #expect(last.failureCount >= 1)
        let problem = last.shownProblem ?? ""
        #expect(problem.hasPrefix("cannot fetch 'main' of \(repository.url): "), "\(problem)")
        #expect(problem.hasSuffix("; revision \(repository.head.prefix(8)) stays applied"))
        rename(repository.url + ".aside", repository.url)
        after.fetch()
        #expect(after.last?.problem == nil)
        #expect(after.last?.failureCount == 0)
        #expect(after.log.contains("can be followed again"))
    }

    @Test("asks less and less often what cannot be reached")
    func backsOff() throws {
        let repository = try GitRepository()
        rename(repository.url, repository.url + ".aside")
        let following = Following(repository, intervalMicros: 1_000_000)
        following.follower.start()
        defer { following.follower.close() }
        for _ in 0..<4 { following.fetch() }
        let last = try #require(following.last)
        let failed = following.all.filter { $0.failureCount > 0 }
        let pauses = failed.map { Double(($0.nextAt ?? 0) - ($0.attemptedAt ?? 0)) / 1e6 }
        for (count, pause) in zip(failed.map(\.failureCount), pauses) {
            let usual = Double(1 << (count - 1))
            #expect((usual * 0.79...usual * 1.21).contains(pause), "\(count): \(pause)")
        }
        #expect(last.failureCount >= 4)
    }

    @Test("a rewritten branch is said in the log")
    func rewritten() throws {
        let repository = try GitRepository(specs: ["a.yaml": "a 1"])
        try repository.commit(["a.yaml": "a 2"])
        let following = Following(repository)
        following.follower.start()
        defer { following.follower.close() }
        following.fetch()
        repository.git("reset", "--quiet", "--hard", "HEAD~1")
        try repository.commit(["a.yaml": "a 3"])
        following.fetch()
        #expect(following.last?.applied == repository.head)
        #expect(following.log.contains("was rewritten: it no longer has the revision before"))
    }

    @Test("a git that hangs is ended at once when the daemon stops, and nobody waits for it")
    func closesAtOnce() throws {
        let repository = try GitRepository(specs: ["a.yaml": "a 1"])
        let script = try repository.folder.writeSpec(
            """
            #!/bin/sh
            case "$*" in
            *" fetch "*) sleep 600 ;;
            *) exec git "$@" ;;
            esac
            """, to: "hanging-git")
        chmod(script, 0o755)
        let following = Following(repository, program: script)
        following.follower.start()
        let done = DispatchSemaphore(value: 0)
        following.follower.fetch { done.signal() }
        usleep(300_000)
        let begin = monotonicMicros()
        following.follower.close()
        #expect(monotonicMicros() - begin < 20_000_000)
        #expect(done.wait(timeout: .now()) == .success)
        #expect(following.last?.problem == nil)
        following.follower.fetch { done.signal() }
        #expect(done.wait(timeout: .now()) == .success)
    }
}
