import Config
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
                NodeMeaning(
                    name: "events", kind: .source, isStateful: true, fingerprint: source,
                    own: source),
                NodeMeaning(
                    name: "counts", kind: .step, isStateful: true, fingerprint: source + window,
                    own: window),
            ])
    }

    private var rules: ChangeRules {
        var rules = ChangeRules()
        rules.ancestors = ["counts": ["events"]]
        return rules
    }

    private func wanted(_ meaning: PipelineMeaning, _ rules: ChangeRules? = nil)
        -> DesiredPipeline
    {
        DesiredPipeline(meaning: meaning, rules: rules ?? self.rules, generation: 1)
    }

    /// What a plan's steps are, and what they do to nodes whose state does not simply go on.
    private func words(_ desired: DesiredPipeline?, _ observed: ObservedPipeline?) -> [String] {
        plan(desired, observed).map { kind in
            func text(_ word: String, _ change: StateChange) -> String {
                ([word] + change.changed.map { "\($0.node) \($0.fate.rawValue)" })
                    .joined(separator: "; ")
            }
            switch kind {
            case .start(let change): return text("start", change)
            case .replace(let change, let why): return text("replace \(why.rawValue)", change)
            case .rebuild(let change): return text("rebuild", change)
            default: return "\(kind)"
            }
        }
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
        #expect(plan(wanted, nil) == [.start(.none)])
        #expect(plan(wanted, running(a)) == [])
        #expect(plan(nil, running(a)) == [.stop(.removed)])
        #expect(plan(nil, nil) == [])
    }

    @Test("keeps state when nothing that feeds a stateful node changed, and rebuilds the rest")
    func state() {
        let old = running(meaning("a"))
        #expect(words(wanted(meaning("b")), old) == ["replace changed"])
        #expect(
            words(wanted(meaning("b", window: "v")), old) == ["rebuild; counts rebuilt"])
        var shorter = meaning("b")
        shorter.nodes.removeLast()
        #expect(words(wanted(shorter), old) == ["replace changed; counts dropped"])
        // Another source: nothing is left that went on.
        #expect(
            words(wanted(meaning("b", source: "t")), old)
                == ["replace changed; events anew; counts anew"])
    }

    @Test("a rebuild is taken over when it has caught up, and given up when it is not wanted")
    func rebuilds() {
        let new = wanted(meaning("b", window: "v"))
        var seen = running(meaning("a"))
        seen.rebuild = .init(target: new.changeTarget)
        #expect(words(new, seen) == [])
        seen.rebuild?.isCaughtUp = true
        #expect(words(new, seen) == ["replace changed; counts rebuilt"])
        #expect(words(wanted(meaning("a")), seen) == ["abandon"])
        #expect(words(wanted(meaning("c", window: "u")), seen) == ["abandon"])
        #expect(words(nil, seen) == ["abandon"])
        var held = new
        held.mode = .hold(.paused)
        #expect(words(held, seen) == ["abandon"])
    }

    @Test("state that does not fit waits for the version before, where that can run")
    func former() {
        let new = wanted(meaning("b", window: "v"))
        var idle = running(meaning("a"))
        idle.activity = .idle
        #expect(words(new, idle) == ["rebuild; counts rebuilt"])
        idle.canRunFormer = true
        #expect(words(new, idle) == ["startFormer"])
        // A change that keeps its state needs nobody before it.
        #expect(words(wanted(meaning("b")), idle) == ["start"])
        idle.rebuild = .init(target: new.changeTarget, isCaughtUp: true)
        #expect(words(new, idle) == ["start; counts rebuilt"])
    }

    @Test("a change that is refused, or not approved, leaves what runs")
    func held() {
        var rules = self.rules
        rules.policy = .refuse
        let old = running(meaning("a"))
        #expect(words(wanted(meaning("b", window: "v"), rules), old) == [])
        #expect(words(wanted(meaning("b"), rules), old) == ["replace changed"])
        var idle = old
        idle.activity = .idle
        idle.canRunFormer = true
        #expect(words(wanted(meaning("b", window: "v"), rules), idle) == ["startFormer"])
        rules.policy = .discard
        #expect(
            words(wanted(meaning("b", window: "v"), rules), old)
                == ["replace changed; counts anew"])
        rules.policy = .replace
        #expect(
            plan(wanted(meaning("b", window: "v"), rules), old)
                == [.reset(.replace, starts: true)])
        rules.policy = nil
        rules.obstacles = ["counts": "it cannot be"]
        #expect(words(wanted(meaning("b", window: "v"), rules), old) == [])
        rules.obstacles = [:]
        rules.needsApproval = true
        var approved = wanted(meaning("b"), rules)
        #expect(words(approved, old) == [])
        approved.approvedPlan = planHash(old.stateMeaning, approved)
        #expect(words(approved, old) == ["replace changed"])
        // Another change is another plan.
        approved.meaning = meaning("c")
        #expect(words(approved, old) == [])
    }

    @Test("what runs on probation, and has not committed, is left until it has")
    func probation() {
        var seen = running(meaning("b"))
        seen.stateMeaning = meaning("a")
        seen.isOnProbation = true
        #expect(words(wanted(meaning("c")), seen) == [])
        seen.isOnProbation = false
        seen.stateMeaning = nil
        #expect(plan(wanted(meaning("c")), seen) == [.stop(.changed)])
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
        let same = StateChange(from: meaning("a"), to: meaning("a"), rules: rules)
        #expect(plan(wanted, seen, now: 2000) == [.start(same)])
        seen.failure = failure("a", retryAt: nil)
        #expect(plan(wanted, seen, now: .max) == [])
        wanted.restartCount = 1
        #expect(plan(wanted, seen) == [.start(same)])
        wanted.restartCount = 0
        wanted.meaning = meaning("b")
        #expect(plan(wanted, seen).count == 1)
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
        #expect(words(wanted, seen) == ["start"])
        seen.activity = .running(digest: "b")
        wanted.restartCount = 1
        #expect(plan(wanted, seen) == [.replace(.none, .restart)])
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

        /// Rebuilds that run beside the graphs.
        var rebuilds: Set<String> = []

        mutating func begin(_ action: Action) {
            switch action.kind {
            case .rebuild:
                #expect(rebuilds.insert(action.name).inserted, "two rebuilds of \(action.name)")
                observed[action.name]?.rebuild = .init(
                    target: desired[action.name]?.changeTarget ?? "")
                return
            case .abandon:
                #expect(rebuilds.remove(action.name) != nil)
                observed[action.name]?.rebuild = nil
                return
            default: break
            }
            #expect(underWay[action.name] == nil, "two actions on \(action.name)")
            underWay[action.name] = action
            var seen = observed[action.name] ?? ObservedPipeline()
            seen.activity = .busy
            seen.restartCount = desired[action.name]?.restartCount ?? 0
            seen.resetCount = desired[action.name]?.resetCount ?? 0
            if case .replace = action.kind {
                seen.rebuildCount = desired[action.name]?.rebuildCount ?? 0
            }
            if case .start = action.kind {
                seen.rebuildCount = desired[action.name]?.rebuildCount ?? 0
            }
            observed[action.name] = seen
        }

        mutating func finish(_ name: String, meaning: PipelineMeaning?, fails: Bool) {
            guard let action = underWay.removeValue(forKey: name), var seen = observed[name] else {
                return
            }
            seen.activity = .idle
            var starts = false
            switch action.kind {
            case .start, .startFormer:
                starts = true
                if case .start = action.kind, rebuilds.remove(name) != nil { seen.rebuild = nil }
            case .rebuild, .abandon: break
            case .replace:
                if rebuilds.remove(name) != nil { seen.rebuild = nil }
                graphs[name, default: 0] -= 1
                starts = true
            case .stop(let reason):
                graphs[name, default: 0] -= 1
                if reason == .removed { seen.removedAt = now }
            case .reset(_, let again):
                graphs[name] = 0
                seen.stateMeaning = nil
                seen.rebuildCount = desired[name]?.rebuildCount ?? 0
                starts = again
            case .forget:
                observed[name] = nil
                return
            }
            var meaning = meaning
            if action.kind == .startFormer { meaning = seen.stateMeaning }
            if starts, let meaning {
                if fails {
                    seen.failure = PipelineFailure(
                        digest: meaning.digest, attemptCount: 1, retryAt: now + 50,
                        error: EngineError(message: "cannot", node: nil, isTerminal: false))
                } else {
                    graphs[name, default: 0] += 1
                    seen.activity = .running(digest: meaning.digest)
                    seen.stateMeaning = meaning
                    if action.kind != .startFormer { seen.failure = nil }
                    seen.removedAt = nil
                    seen.canRunFormer = true
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
                    world.desired[name]
                    ?? DesiredPipeline(meaning: meaning(digest), rules: rules, generation: 1)
                wanted.meaning = meaning(digest, window: digest)
                world.desired[name] = wanted
            case 3: world.desired[name]?.mode = .hold(.paused)
            case 4: world.desired[name]?.mode = .run
            case 5: world.desired[name]?.restartCount += 1
            case 6:
                if Bool.random(using: &random) {
                    world.desired[name]?.resetCount += 1
                } else if world.observed[name]?.stateMeaning != nil {
                    world.desired[name]?.rebuildCount += 1
                }
            case 7: world.observed[name]?.rebuild?.isCaughtUp = true
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
            for name in names {
                world.finish(name, meaning: launched[name], fails: false)
                world.observed[name]?.rebuild?.isCaughtUp = true
            }
        }
        #expect(world.rebuilds.isEmpty, "seed \(seed)")
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
