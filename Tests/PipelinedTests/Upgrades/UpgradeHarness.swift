import Config
import Connectors
import Foundation
import Store
import Synchronization
import TestSupport
import Testing

@testable import Pipelined

/// A pipeline on real files whose spec is changed while it runs, by the engine as the controller uses
/// it.
final class UpgradeHarness {
    let folder: TemporaryFolder
    private let state: StateDirectory
    let engine: EmbeddedEngine
    /// An instance of inotify, of which a user has not many.
    private let events = FileEvents()
    private var running: (any RunningPipeline)?
    private var loaded: LoadedPipeline?
    private var generation = 0
    private let exit = ExitBox()
    /// Rows in the source files.
    private(set) var rowCounts: [String: Int] = [:]

    struct Failed: Error, CustomStringConvertible { let description: String }

    init(_ folder: TemporaryFolder) throws {
        self.folder = folder
        state = try StateDirectory.open(
            path: folder.path + "/state", fileSystem: SystemFileSystem())
        var options = EngineOptions()
        options.workers = 2
        options.blockingThreads = 2
        engine = EmbeddedEngine(
            options: options, state: state, topics: try TopicService.open(state),
            fileEvents: events)
        for name in ["in", "out"] {
            try FileManager.default.createDirectory(
                atPath: folder.path + "/" + name, withIntermediateDirectories: true)
        }
    }

    func close() {
        running?.stop(timeoutMicros: 10_000_000)
        engine.close()
        events.close()
        state.close()
    }

    func load(_ text: String) throws -> LoadedPipeline {
        let text = text.replacingOccurrences(of: "IN/", with: folder.path + "/in/")
            .replacingOccurrences(of: "OUT/", with: folder.path + "/out/")
        let spec = try loadSpec(text, in: folder)
        return LoadedPipeline(spec: spec, meaning: PipelineMeaning(spec), rules: ChangeRules(spec))
    }

    /// Adds lines to a source's file.
    func append(_ lines: [String], to file: String) throws {
        let path = folder.path + "/in/" + file
        if !FileManager.default.fileExists(atPath: path) {
            _ = FileManager.default.createFile(atPath: path, contents: nil)
        }
        let handle = try #require(FileHandle(forWritingAtPath: path))
        try handle.seekToEnd()
        try handle.write(contentsOf: Data(lines.map { $0 + "\n" }.joined().utf8))
        try handle.close()
        rowCounts[file, default: 0] += lines.count
    }

    private func start(_ next: LoadedPipeline, _ transition: StateTransition) throws {
        generation += 1
        let exit = self.exit
        exit.error.withLock { $0 = nil }
        running = try engine.start(
            PipelineLaunch(
                spec: next.spec, generation: generation, state: transition,
                onExit: { outcome in
                    if case .failed(let error) = outcome { exit.error.withLock { $0 = error } }
                }))
        loaded = next
    }

    func start(_ text: String) throws { try start(try load(text), .keep) }

    /// Changes the spec as the controller does.
    ///
    /// - Returns: What became of the state.
    func change(to text: String, forced: Bool = false) throws -> StateChange {
        let next = try load(text)
        let old = try #require(loaded)
        let change = StateChange(
            from: old.meaning, to: next.meaning, rules: next.rules, forced: forced)
        if let refusal = change.refusal { throw Failed(description: refusal) }
        var rebuild: (any RunningRebuild)?
        if change.isRebuild {
            let signal = Pipelined.Semaphore()
            let failure = Mutex<EngineError?>(nil)
            rebuild = try engine.rebuild(
                RebuildLaunch(
                    spec: next.spec, former: old.spec, change: change,
                    replayFrom: next.spec.settings.replayFrom, onCaughtUp: { signal.signal() },
                    onFailure: { error in
                        failure.withLock { $0 = error }
                        signal.signal()
                    }))
            signal.wait(atMostMicros: 20_000_000)
            if let error = failure.withLock({ $0 }) { throw error }
            guard rebuild?.status.isCaughtUp == true else {
                throw Failed(description: "the rebuild does not catch up")
            }
        }
        running?.stop(timeoutMicros: 10_000_000)
        let rebuilt = try rebuild?.finish(timeoutMicros: 20_000_000)
        try start(next, .change(change, rebuilt: rebuilt))
        try awaitCommit()
        return change
    }

    /// Stops what runs, and tries to start a spec on its state.
    ///
    /// - Returns: What the engine says against it; nil where it started, and was stopped again.
    func refusal(
        of text: String, _ transition: StateTransition, stateGeneration: Int?
    ) throws -> String? {
        let next = try load(text)
        running?.stop(timeoutMicros: 10_000_000)
        var launch = PipelineLaunch(
            spec: next.spec, generation: generation + 1, state: transition, onExit: { _ in })
        launch.stateGeneration = stateGeneration
        do throws(EngineError) {
            try engine.start(launch).stop(timeoutMicros: 10_000_000)
            return nil
        } catch { return error.message }
    }

    /// Waits until the state is that of what runs.
    private func awaitCommit() throws {
        try wait("has not committed") {
            self.engine.services.positions.last(of: self.name)?.meta.generation
                == Int64(self.generation)
        }
    }

    private var name: String { loaded?.spec.name ?? "" }

    /// Waits until all rows of the files that its sources read are committed.
    func drain() throws {
        let wanted = (loaded?.spec.sources ?? []).reduce(into: [String: Int64]()) {
            counts, source in
            guard case .file(let options) = source.connector,
                let file = options.path.split(separator: "/").last
            else { return }
            counts[source.name] = Int64(rowCounts[String(file)] ?? 0)
        }
        try wait("has not read and committed \(wanted)") {
            let last = self.engine.services.positions.last(of: self.name)?.meta
            // What is committed is visible a moment later.
            let isVisible = last.map { self.running?.status.checkpointEpoch ?? 0 >= $0.epoch }
            return last?.generation == Int64(self.generation) && isVisible == true
                && wanted.allSatisfy { name, rows in
                    let source = last?.sources.first { $0.name == name }
                    return source.map { $0.rows + $0.invalid >= rows } ?? (rows == 0)
                }
        }
    }

    private func wait(_ what: String, _ isDone: () -> Bool) throws {
        let pause = Pipelined.Semaphore()
        for _ in 0..<20_000 {
            if let error = exit.error.withLock({ $0 }) { throw error }
            if isDone() { return }
            pause.wait(atMostMicros: 1000)
        }
        let last = engine.services.positions.last(of: name)?.meta
        throw Failed(description: "\(what): \(String(describing: last?.sources.map(\.rows)))")
    }

    /// The lines of an output file.
    func output(_ file: String) -> [String] {
        let path = folder.path + "/out/" + file
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").map(String.init)
    }
}

private final class ExitBox: Sendable {
    let error = Mutex<EngineError?>(nil)
}

/// What stands after lines of an upsert or a changelog output, by an oracle of its own.
enum Standing {
    /// - Parameter key: The columns that identify a row in upsert output; nil for changelogs.
    static func rows(_ lines: [String], key: [String]?) throws -> [String] {
        var byKey: [String: String] = [:]
        var counts: [String: Int] = [:]
        for line in lines {
            let parsed = try JSONSerialization.jsonObject(with: Data(line.utf8))
            var row = try #require(parsed as? [String: Any])
            let operation = row.removeValue(forKey: "_op") as? String
            let text = try canonical(row)
            guard let key else {
                let isGone = operation == "delete" || operation == "update_before"
                counts[text, default: 0] += isGone ? -1 : 1
                continue
            }
            let name = try canonical(row.filter { key.contains($0.key) })
            byKey[name] = operation == "delete" ? nil : text
        }
        for (text, count) in counts where count < 0 {
            throw UpgradeHarness.Failed(description: text)
        }
        let counted = counts.flatMap { Array(repeating: $0.key, count: $0.value) }
        return (key == nil ? counted : Array(byKey.values)).sorted()
    }

    private static func canonical(_ row: [String: Any]) throws -> String {
        let row = row.filter { !($0.value is NSNull) }
        let data = try JSONSerialization.data(withJSONObject: row, options: [.sortedKeys])
        return String(decoding: data, as: UTF8.self)
    }
}
