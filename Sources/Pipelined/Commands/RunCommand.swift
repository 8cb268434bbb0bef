import CPrimitives
import Config
import Connectors
import Glibc
import Store
import Synchronization

/// `pipelined run SPEC`: one pipeline in the foreground, without a daemon, to the end of its sources.
enum RunCommand {
    static func run(_ invocation: Invocation, _ terminal: Terminal) -> ExitStatus {
        if invocation.isSet("append") && invocation.isSet("overwrite") {
            terminal.fail("cannot both append to and overwrite output files; give one of them")
            return .usage
        }
        if invocation.isSet("limit") && invocation.isSet("state") {
            terminal.fail(
                "cannot keep state of a run that --limit ends in the middle; leave one of them out")
            return .usage
        }
        guard let overrides = parameters(invocation, terminal) else { return .usage }
        // A state that is there may hold topics that the spec is read with; a spec that is wrong makes
        // no folder.
        var loaded: Loaded?
        let given = invocation.text("state")
        if given.map({ access($0, F_OK) != 0 }) ?? true {
            loaded = load(invocation, overrides, [:], terminal)
            if loaded == nil { return .failed }
        }
        do throws(EngineError) {
            let folder: String
            if let given { folder = given } else { folder = try temporaryFolder() }
            defer { if given == nil { removeFolder(folder) } }
            let state = try openState(folder)
            defer { state.close() }
            let topics = try TopicService.open(state)
            if loaded == nil { loaded = load(invocation, overrides, try topics.known(), terminal) }
            guard let loaded else {
                topics.close()
                return .failed
            }
            return try run(loaded, invocation, state, topics, terminal)
        } catch {
            terminal.fail(error.at(loaded?.spec.name))
            return .failed
        }
    }

    /// The pipeline of a file, and the documents of topics beside it.
    private struct Loaded {
        var spec: PipelineSpec
        var topics: [TopicSpec]
    }

    // MARK: Before

    /// `--param name=value` as a table; nil after a usage error.
    static func parameters(
        _ invocation: Invocation, _ terminal: Terminal
    ) -> [String: String]? {
        var result: [String: String] = [:]
        for text in invocation.all("param") {
            guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
                terminal.fail("cannot read --param \(text): there is no '='; write NAME=VALUE")
                return nil
            }
            result[String(text[..<equals])] = String(text[text.index(after: equals)...])
        }
        return result
    }

    /// - Parameter topics: Those of the state that the run will have.
    private static func load(
        _ invocation: Invocation, _ overrides: [String: String], _ topics: [String: KnownTopic],
        _ terminal: Terminal
    ) -> Loaded? {
        let path = invocation.operands[0]
        guard !TestFiles.isTestFile(path) else {
            terminal.fail(
                "cannot run '\(path)': it holds the tests of a spec; 'pipelined test' runs them")
            return nil
        }
        let files = SpecFiles([path])
        guard files.files.count == 1 else {
            terminal.fail(
                files.problems.first ?? "cannot run '\(path)': 'run' takes one file, not a folder")
            return nil
        }
        var loaded = LoadedSpecs(
            files, invocation, isEnvironmentStrict: true, parameters: overrides,
            knownTopics: topics)
        loaded.checkTogether()
        if !loaded.diagnostics.isEmpty { terminal.note(loaded.diagnostics.rendered) }
        if loaded.diagnostics.hasErrors { return nil }
        guard loaded.pipelines.count == 1 else {
            terminal.fail(
                "cannot run '\(path)': it has \(loaded.pipelines.count) pipelines and 'run' takes "
                    + "one; put each in a file of its own, or use 'serve'")
            return nil
        }
        return Loaded(spec: loaded.pipelines[0], topics: loaded.documents)
    }

    private static func temporaryFolder() throws(EngineError) -> String {
        let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(parent)/pipelined-run.XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw EngineError(
                message: "cannot create a folder for state below '\(parent)': "
                    + "\(String(cString: strerror(errno))); set TMPDIR or give --state",
                node: nil, isTerminal: true)
        }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static func openState(_ folder: String) throws(EngineError) -> StateDirectory {
        do throws(StoreError) {
            return try StateDirectory.open(path: folder, fileSystem: SystemFileSystem())
        } catch {
            throw EngineError(error)
        }
    }

    // MARK: The run

    private static func run(
        _ loaded: Loaded, _ invocation: Invocation, _ state: StateDirectory,
        _ topics: TopicService, _ terminal: Terminal
    ) throws(EngineError) -> ExitStatus {
        let spec = loaded.spec
        var options = EngineOptions()
        options.workers = 1
        options.blockingThreads = 1
        options.rowLimit = invocation.count("limit")
        if invocation.isSet("append") { options.existingOutput = .append }
        if invocation.isSet("overwrite") { options.existingOutput = .overwrite }
        options.taps = invocation.all("tap").map { text in
            let node = NodeReference(text: text)
            return EngineOptions.Tap(node: node) { text in
                terminal.print(text)
                return !terminal.isOutputClosed
            }
        }
        let events = FileEvents()
        let engine = EmbeddedEngine(
            options: options, state: state, topics: topics, fileEvents: events)
        defer {
            engine.close()
            events.close()
        }
        engine.expect([spec.name])
        try topics.apply(loaded.topics)
        let ended = Semaphore()
        let exit = Mutex<PipelineExit?>(nil)
        let signals = ExitSignals(onSignal: { ended.signal() })
        defer { signals.close() }
        let started = MonotonicClock.micros()
        let pipeline = try engine.start(
            PipelineLaunch(
                spec: spec, generation: 1, state: .keep,
                onExit: { outcome in
                    exit.withLock { $0 = outcome }
                    ended.signal()
                }))
        var progress = ProgressLine(terminal)
        while exit.withLock({ $0 == nil }) && signals.received == nil {
            ended.wait(atMostMicros: 200_000)
            if !invocation.isSet("quiet") {
                progress.show(figures(pipeline.status, since: started))
            }
        }
        progress.clear()
        if let signal = signals.received {
            pipeline.stop(timeoutMicros: 30_000_000)
            if let failure = pipeline.status.failure { throw failure }
            report(pipeline.status, spec, since: started, invocation, terminal)
            terminal.fail(
                "stopped by \(signal == SIGINT ? "an interrupt" : "a signal") before the end of "
                    + "the sources")
            return .failed
        }
        if case .failed(let error) = exit.withLock({ $0 }) { throw error }
        report(pipeline.status, spec, since: started, invocation, terminal)
        return .done
    }

    private static func figures(
        _ status: PipelineStatus, since started: Int64
    ) -> ProgressLine.Figures {
        var figures = ProgressLine.Figures()
        figures.rows = status.rowsRead
        figures.rowsPerSecond = status.rowsPerSecond
        figures.done = status.sources.reduce(0) { $0 + $1.done }
        figures.total = status.sources.reduce(Int64(0)) { sum, source in
            guard let sum, let total = source.total else { return nil }
            return sum + total
        }
        figures.elapsedMicros = MonotonicClock.micros() - started
        return figures
    }

    // MARK: After

    private static func report(
        _ status: PipelineStatus, _ spec: PipelineSpec, since started: Int64,
        _ invocation: Invocation, _ terminal: Terminal
    ) {
        let micros = MonotonicClock.micros() - started
        if invocation.isJSON {
            terminal.print(json(status, spec, micros: micros).rendered)
            return
        }
        guard !invocation.isSet("quiet") else { return }
        let rate = Double(status.rowsRead) * 1e6 / Double(max(1, micros))
        terminal.note(
            "\(spec.name): \(HumanText.count(status.rowsRead)) rows "
                + "(\(HumanText.bytes(status.bytesRead))) in "
                + "\(HumanText.duration(micros: micros)), \(HumanText.count(rate))/s")
        for sink in status.sinks where sink.name != "dead-letters" {
            terminal.note("  \(sink.name): \(HumanText.count(sink.rows)) rows written")
        }
        for node in status.nodes {
            if node.late > 0 { terminal.note("  \(node.name): \(node.late) rows late") }
            if node.unmatched > 0 {
                terminal.note("  \(node.name): \(node.unmatched) rows without a partner")
            }
            if node.forgotten > 0 {
                terminal.note(
                    "  \(node.name): \(node.forgotten) of them asked for versions that are no "
                        + "longer kept")
            }
        }
        if status.deadLetters > 0 {
            terminal.note(
                "  \(HumanText.rows(status.deadLetters)) failed; --state DIR keeps them, and "
                    + "'dead-letters show \(spec.name) --state DIR' shows them")
        }
    }

    private static func json(
        _ status: PipelineStatus, _ spec: PipelineSpec, micros: Int64
    ) -> JSONValue {
        [
            "pipeline": .string(spec.name),
            "phase": .string(status.phase.rawValue),
            "rows": .integer(status.rowsRead),
            "bytes": .integer(status.bytesRead),
            "seconds": .number(Double(micros) / 1e6),
            "late": .integer(status.late),
            "dead_letters": .integer(status.deadLetters),
            "checkpoints": .integer(Int64(status.checkpointEpoch)),
            "nodes": .array(
                status.nodes.map { node in
                    [
                        "name": .string(node.name), "rows_in": .integer(node.rowsIn),
                        "rows_out": .integer(node.rowsOut), "late": .integer(node.late),
                        "unmatched": .integer(node.unmatched), "invalid": .integer(node.invalid),
                    ]
                }),
            "sinks": .array(
                status.sinks.map { sink in
                    [
                        "name": .string(sink.name), "rows": .integer(sink.rows),
                        "bytes": .integer(sink.bytes), "guarantee": .string(sink.guarantee),
                    ]
                }),
        ]
    }
}

extension NodeReference {
    /// `node` or `node.port`.
    init(text: String) {
        if let dot = text.lastIndex(of: "."),
            let port = NodeReference.Port(rawValue: String(text[text.index(after: dot)...])),
            port != .main
        {
            self.init(node: String(text[..<dot]), port: port)
        } else {
            self.init(node: text, port: .main)
        }
    }
}

extension EngineError {
    /// The message, with the pipeline and the node where it happened.
    func at(_ pipeline: String?) -> String {
        guard let pipeline else { return message }
        return "\(pipeline)\(node.map { "/\($0)" } ?? ""): \(message)"
    }
}

/// Deletes a folder that this process made, with what is in it.
func removeFolder(_ path: String) {
    guard let directory = opendir(path) else { return }
    while let entry = readdir(directory) {
        let name = String(cString: cp_entry_name(entry))
        if name == "." || name == ".." { continue }
        let child = "\(path)/\(name)"
        if entry.pointee.d_type == UInt8(DT_DIR) {
            removeFolder(child)
        } else {
            unlink(child)
        }
    }
    closedir(directory)
    rmdir(path)
}
