import Store
import Synchronization
import TestSupport

@testable import Pipelined

/// A catalog in memory.
final class FakeStore: ControllerStore {
    var entries: [String: StoredPipeline] = [:]
    var writeCount = 0
    var failure: StoreError?

    func load() throws(StoreError) -> [String: StoredPipeline] { entries }

    func write(_ changes: [String: StoredPipeline?]) throws(StoreError) {
        if let failure { throw failure }
        writeCount += 1
        for (name, change) in changes { entries[name] = change }
    }
}

/// A controller whose clock, threads and engine are the test's: nothing happens between two calls.
final class ControllerHarness {
    final class Shared: Sendable {
        let clock = Mutex<Int64>(1_800_000_000_000_000)
        let jobs = Mutex<[@Sendable () -> Void]>([])
        let messages = Mutex<[ControllerMessage]>([])
        let lines = Mutex<[String]>([])
        let view = Mutex(ControllerView())
    }
    let shared = Shared()
    let engine = FakeEngine()
    let folder: TemporaryFolder
    var store = FakeStore()
    private(set) var loop: ControllerLoop

    init(allowEmpty: Bool = false) throws {
        folder = try TemporaryFolder("controller")
        loop = Self.makeLoop(shared, engine, folder.path, store, allowEmpty)
        try loop.restore(after: nil)
    }

    private static func makeLoop(
        _ shared: Shared, _ engine: FakeEngine, _ folder: String, _ store: FakeStore,
        _ allowEmpty: Bool
    ) -> ControllerLoop {
        let now = { @Sendable in shared.clock.withLock { $0 } }
        let around = ControllerSurroundings(
            engine: engine, store: store,
            submit: { job in shared.jobs.withLock { $0.append(job) } },
            post: { message in shared.messages.withLock { $0.append(message) } }, now: now,
            random: { 0.5 },
            log: Log(format: .logfmt, now: now) { line in
                shared.lines.withLock { $0.append(line) }
            }, reading: SpecLibrary.Reading(load: loadTiny, conflicts: SpecReading.conflicts),
            publish: { view in shared.view.withLock { $0 = view } })
        var options = ControllerOptions(folder: folder)
        options.allowEmpty = allowEmpty
        return ControllerLoop(around, options)
    }

    /// The daemon dies and another one begins, with the catalog and nothing else.
    func restart(after crash: CrashNote? = nil) throws {
        engine.state.withLock { $0.running = [:] }
        shared.jobs.withLock { $0 = [] }
        shared.messages.withLock { $0 = [] }
        loop = Self.makeLoop(shared, engine, folder.path, store, false)
        try loop.restore(after: crash)
    }

    /// Steps, and does the work that the steps submit, until there is nothing to do at this time.
    func settle() {
        for _ in 0..<50 {
            let messages = shared.messages.withLock { messages in
                defer { messages = [] }
                return messages
            }
            let next = loop.step(messages)
            let jobs = shared.jobs.withLock { jobs in
                defer { jobs = [] }
                return jobs
            }
            for job in jobs { job() }
            let isQuiet = shared.messages.withLock { $0.isEmpty } && jobs.isEmpty
            if isQuiet, next > shared.clock.withLock({ $0 }) { return }
        }
    }

    /// Lets time pass, a tick of 50 ms at a time, settling in between.
    func advance(millis: Int64) {
        for _ in 0..<max(1, millis / 50) {
            shared.clock.withLock { $0 += 50_000 }
            settle()
        }
    }

    /// Looks at the directory as after an event, and lets removals become sure.
    func look() {
        loop.take(.hint)
        advance(millis: 600)
    }

    @discardableResult
    func command(_ command: ControllerCommand) -> ControllerAnswer? {
        let box = AnswerBox()
        shared.messages.withLock { $0.append(.command(command) { box.set($0) }) }
        settle()
        advance(millis: 600)
        return box.get()
    }

    var view: ControllerView { shared.view.withLock { $0 } }
    func phase(_ name: String) -> PipelinePhase? { view.pipelines[name]?.phase }
}

final class AnswerBox: Sendable {
    private let value = Mutex<ControllerAnswer?>(nil)
    func set(_ answer: ControllerAnswer) { value.withLock { $0 = answer } }
    func get() -> ControllerAnswer? { value.withLock { $0 } }
}
