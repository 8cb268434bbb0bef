import TestSupport
import Testing

@testable import Pipelined

@Suite("Plan")
struct PlanTests {
    private func meaning(_ digest: String, source: String = "s", window: String = "w")
        -> PipelineMeaning
    {
        PipelineMeaning(
            digest: digest,
            nodes: [
                .init(name: "events", fingerprint: source),
                .init(name: "counts", fingerprint: source + window),
            ])
    }

    private func plan(
        _ desired: DesiredPipeline?, _ observed: ObservedPipeline?, now: Int64 = 1000
    ) -> [Action.Kind] {
        Pipelined.plan(
            desired: desired.map { ["a": $0] } ?? [:], observed: observed.map { ["a": $0] } ?? [:],
            now: now, retentionMicros: 100
        ).map(\.kind)
    }

    private func running(_ meaning: PipelineMeaning) -> ObservedPipeline {
        ObservedPipeline(activity: .running(digest: meaning.digest), stateMeaning: meaning)
    }

    private func failure(_ digest: String, retryAt: Int64?) -> PipelineFailure {
        PipelineFailure(
            digest: digest, attemptCount: 1, retryAt: retryAt,
            error: EngineError(message: "cannot", node: nil, isTerminal: retryAt == nil))
    }

    @Test("starts what is new, leaves what runs, stops what is gone")
    func basics() {
        let a = meaning("a")
        let wanted = DesiredPipeline(meaning: a, generation: 1)
        #expect(plan(wanted, nil) == [.start(.keep)])
        #expect(plan(wanted, running(a)) == [])
        #expect(plan(nil, running(a)) == [.stop(.removed)])
        #expect(plan(nil, nil) == [])
    }

    @Test("keeps state when nothing that feeds a stateful node changed, and says what is lost")
    func state() {
        let old = running(meaning("a"))
        #expect(
            plan(DesiredPipeline(meaning: meaning("b"), generation: 2), old)
                == [.replace(.keep, .changed)])
        #expect(
            plan(DesiredPipeline(meaning: meaning("b", window: "v"), generation: 2), old) == [
                .replace(
                    .anew([
                        LostState(node: "counts", reason: "it, or what feeds it, has changed")
                    ]), .changed)
            ])
        var shorter = meaning("b")
        shorter.nodes.removeLast()
        #expect(
            plan(DesiredPipeline(meaning: shorter, generation: 2), old) == [
                .replace(
                    .anew([LostState(node: "counts", reason: "it is no longer in the spec")]),
                    .changed)
            ])
        // Nothing runs, but there is state of another meaning.
        var idle = old
        idle.activity = .idle
        guard
            case .start(.anew) = plan(
                DesiredPipeline(meaning: meaning("b", source: "t"), generation: 2), idle
            ).first
        else {
            Issue.record("state that does not fit is kept")
            return
        }
    }

    @Test("waits while an action is under way, and while a removal is not sure")
    func waits() {
        var wanted = DesiredPipeline(meaning: meaning("b"), generation: 1)
        #expect(plan(wanted, ObservedPipeline(activity: .busy)) == [])
        wanted.mode = .asIs
        #expect(plan(wanted, running(meaning("a"))) == [])
        #expect(plan(wanted, nil) == [])
    }

    @Test("a failure waits for its time, a terminal one for a new spec or a restart")
    func failures() {
        var wanted = DesiredPipeline(meaning: meaning("a"), generation: 1)
        var seen = ObservedPipeline(
            stateMeaning: meaning("a"), failure: failure("a", retryAt: 2000))
        #expect(plan(wanted, seen, now: 1999) == [])
        #expect(plan(wanted, seen, now: 2000) == [.start(.keep)])
        seen.failure = failure("a", retryAt: nil)
        #expect(plan(wanted, seen, now: .max) == [])
        wanted.restartCount = 1
        #expect(plan(wanted, seen) == [.start(.keep)])
        wanted.restartCount = 0
        wanted.meaning = meaning("b")
        #expect(plan(wanted, seen) == [.start(.keep)])
        // A new version was refused and the old one runs again.
        seen = running(meaning("a"))
        seen.failure = failure("b", retryAt: nil)
        #expect(plan(wanted, seen) == [])
    }

    @Test("a pause stops and holds; resume starts; a finished graph is left")
    func holds() {
        var wanted = DesiredPipeline(meaning: meaning("a"), generation: 1, mode: .hold(.paused))
        #expect(plan(wanted, running(meaning("a"))) == [.stop(.paused)])
        #expect(plan(wanted, ObservedPipeline()) == [])
        wanted.resetCount = 1
        #expect(plan(wanted, ObservedPipeline()) == [.reset(.keep, starts: false)])
        wanted.mode = .run
        #expect(plan(wanted, running(meaning("a"))) == [.reset(.keep, starts: true)])
        var seen = ObservedPipeline(
            activity: .finished(digest: "a"), stateMeaning: meaning("a"), resetCount: 1)
        #expect(plan(wanted, seen) == [])
        wanted.meaning = meaning("b")
        #expect(plan(wanted, seen) == [.start(.keep)])
        seen.activity = .running(digest: "b")
        wanted.restartCount = 1
        #expect(plan(wanted, seen) == [.replace(.keep, .restart)])
    }

    @Test("state of a removed pipeline is dropped after its time")
    func retention() {
        let seen = ObservedPipeline(stateMeaning: meaning("a"), removedAt: 1000)
        #expect(plan(nil, seen, now: 1099) == [])
        #expect(plan(nil, seen, now: 1100) == [.forget])
        #expect(
            nextDeadline(desired: [:], observed: ["a": seen], retentionMicros: 100) == 1100)
        #expect(nextDeadline(desired: [:], observed: ["a": seen], retentionMicros: .max) == .max)
    }

    /// The world as far as the plan sees it: actions take a while, and may fail.
    private struct World {
        var desired: [String: DesiredPipeline] = [:]
        var observed: [String: ObservedPipeline] = [:]
        var underWay: [String: Action] = [:]
        /// Graphs that run, by name; never two of one.
        var graphs: [String: Int] = [:]
        var now: Int64 = 0

        mutating func begin(_ action: Action) {
            #expect(underWay[action.name] == nil, "two actions on \(action.name)")
            underWay[action.name] = action
            var seen = observed[action.name] ?? ObservedPipeline()
            seen.activity = .busy
            seen.restartCount = desired[action.name]?.restartCount ?? 0
            seen.resetCount = desired[action.name]?.resetCount ?? 0
            observed[action.name] = seen
        }

        mutating func finish(_ name: String, meaning: PipelineMeaning?, fails: Bool) {
            guard let action = underWay.removeValue(forKey: name), var seen = observed[name] else {
                return
            }
            seen.activity = .idle
            var starts = false
            switch action.kind {
            case .start: starts = true
            case .replace:
                graphs[name, default: 0] -= 1
                starts = true
            case .stop(let reason):
                graphs[name, default: 0] -= 1
                if reason == .removed { seen.removedAt = now }
            case .reset(_, let again):
                graphs[name] = 0
                seen.stateMeaning = nil
                starts = again
            case .forget:
                observed[name] = nil
                return
            }
            if starts, let meaning {
                if fails {
                    seen.failure = PipelineFailure(
                        digest: meaning.digest, attemptCount: 1, retryAt: now + 50,
                        error: EngineError(message: "cannot", node: nil, isTerminal: false))
                } else {
                    graphs[name, default: 0] += 1
                    seen.activity = .running(digest: meaning.digest)
                    seen.stateMeaning = meaning
                    seen.failure = nil
                    seen.removedAt = nil
                }
            }
            #expect((0...1).contains(graphs[name] ?? 0), "\(graphs[name] ?? 0) graphs of \(name)")
            observed[name] = seen
        }
    }

    @Test("random histories: never two graphs of one name, and it converges", arguments: 0..<50)
    func randomHistories(_ round: UInt64) {
        let seed = testSeed &+ round
        var random = SeededRandom(seed: seed)
        var world = World()
        var launched: [String: PipelineMeaning] = [:]
        let names = ["a", "b", "c", "d"]
        func begin() {
            let actions = Pipelined.plan(
                desired: world.desired, observed: world.observed, now: world.now,
                retentionMicros: 300)
            #expect(Set(actions.map(\.name)).count == actions.count, "seed \(seed)")
            for action in actions {
                launched[action.name] = world.desired[action.name]?.meaning
                world.begin(action)
            }
        }
        for _ in 0..<300 {
            world.now += Int64.random(in: 0..<40, using: &random)
            let name = names.randomElement(using: &random) ?? "a"
            switch Int.random(in: 0..<10, using: &random) {
            case 0: world.desired[name] = nil
            case 1, 2:
                let digest = ["x", "y", "z"].randomElement(using: &random) ?? "x"
                var wanted =
                    world.desired[name] ?? DesiredPipeline(meaning: meaning(digest), generation: 1)
                wanted.meaning = meaning(digest, window: digest)
                world.desired[name] = wanted
            case 3: world.desired[name]?.mode = .hold(.paused)
            case 4: world.desired[name]?.mode = .run
            case 5: world.desired[name]?.restartCount += 1
            case 6: world.desired[name]?.resetCount += 1
            default:
                let fails = Int.random(in: 0..<4, using: &random) == 0
                world.finish(name, meaning: launched[name], fails: fails)
            }
            begin()
        }
        // The world calms down: everything that is under way ends well.
        for _ in 0..<20 {
            world.now += 100
            begin()
            for name in names { world.finish(name, meaning: launched[name], fails: false) }
        }
        world.now += 10_000
        begin()
        for name in names { world.finish(name, meaning: launched[name], fails: false) }
        let rest = Pipelined.plan(
            desired: world.desired, observed: world.observed, now: world.now, retentionMicros: 300)
        #expect(rest.isEmpty, "seed \(seed): \(rest)")
        for name in names {
            let shouldRun = world.desired[name]?.mode == .run
            #expect((world.graphs[name] ?? 0) == (shouldRun ? 1 : 0), "seed \(seed): \(name)")
            if shouldRun {
                #expect(
                    world.observed[name]?.activity
                        == .running(digest: world.desired[name]?.meaning.digest ?? ""))
            }
        }
    }

    @Test("pauses double up to five minutes, give or take a fifth")
    func backoff() {
        let backoff = Backoff()
        let pauses = [1, 2, 3, 4, 20, 1_000_000].map {
            backoff.pauseMicros(attemptCount: $0, random: 0.5)
        }
        #expect(pauses == [1_000_000, 2_000_000, 4_000_000, 8_000_000, 300_000_000, 300_000_000])
        #expect(backoff.pauseMicros(attemptCount: 1, random: 0) == 800_000)
        #expect(backoff.pauseMicros(attemptCount: 1, random: 0.999_999) <= 1_200_000)
    }
}
