import Operators

/// Reads `tests:`: each is checked against the pipeline, and behind an `upgrade` against the next one.
final class TestReader {
    let context: LoadContext
    /// As the file has it; a test may begin with other parameters.
    private let pipeline: PipelineSpec
    /// The file of the pipeline.
    private let source: SourceText
    private var names: [String: FileLocation] = [:]
    /// What the clock says where the test has come to.
    private var clockMicros: Int64 = 0

    init(_ context: LoadContext, pipeline: PipelineSpec, source: SourceText) {
        self.context = context
        self.pipeline = pipeline
        self.source = source
    }

    /// - Returns: The sound ones; what is wrong with the others has been reported.
    func read(_ document: FieldReader) -> [TestSpec] {
        guard let items = items(document, "tests", of: "tests") else { return [] }
        return items.compactMap(readTest)
    }

    private func readTest(_ value: LocatedValue) -> TestSpec? {
        guard let reader = FieldReader(value, SpecFields.test, owner: "a test", context) else {
            return nil
        }
        let errorsBefore = context.diagnostics.count
        let name = reader.text("name")
        if let name { noteName(name) }
        let place = context.location(name.map(\.scalar.range) ?? reader.start)
        guard let begun = readParameters(reader) else { return nil }
        let clock = reader.has("clock") ? time(reader, "clock") : nil
        var test = TestSpec(
            name: name?.value ?? "", location: place, pipeline: begun, clockMicros: clock,
            tables: [], steps: [], expectations: [])
        var current = begun
        var versions = [begun]
        clockMicros = clock ?? 0
        if reader.has("steps") {
            for item in items(reader, "steps", of: "steps") ?? [] {
                guard let step = readStep(item, &current) else { continue }
                if case .upgrade(let next) = step { versions.append(next) }
                test.steps.append(step)
            }
        }
        test.tables = readTables(reader, versions)
        if reader.has("expect") { test.expectations = readExpectations(reader, current) }
        let isSound = !context.diagnostics[min(errorsBefore, context.diagnostics.count)...]
            .contains { $0.severity == .error }
        if isSound, test.expectations.isEmpty, !test.steps.contains(where: \.isExpectation) {
            context.report(.expectsNothing(at: place))
            return nil
        }
        return isSound ? test : nil
    }

    private func noteName(_ name: SpecText) {
        let place = context.location(name.scalar)
        if let first = names[name.value] {
            context.report(.duplicateTest(name.written, at: place, first: first))
        } else {
            names[name.value] = place
        }
    }

    /// The pipeline with the test's parameters; nil when reported.
    private func readParameters(_ reader: FieldReader) -> PipelineSpec? {
        guard reader.has("parameters") else { return pipeline }
        var overrides = context.options.parameterOverrides
        var isSound = true
        let entries = reader.namedEntries("parameters")
        for entry in entries {
            let name = entry.key.text
            guard pipeline.parameters[name] != nil else {
                context.report(
                    .unknownParameter(
                        name, known: pipeline.parameters.keys.sorted(),
                        at: context.location(entry.key)))
                isSound = false
                continue
            }
            guard let scalar = context.scalar(entry.value, nil),
                let text = context.substitute(scalar)
            else {
                isSound = false
                continue
            }
            overrides[name] = text.value
        }
        guard isSound else { return nil }
        let (reread, problem) = load(source.path, source.bytes, overrides)
        if let problem {
            let place = entries.first.map { context.location($0.key) }
            context.report(
                .badParameters(problem.message, at: place ?? context.location(reader.start)))
        }
        return reread
    }

    /// The pipeline of this name in some text of a spec, or what is wrong with it.
    private func load(
        _ path: String, _ bytes: [UInt8], _ overrides: [String: String]
    ) -> (PipelineSpec?, problem: Diagnostic?) {
        let loader = SpecLoader(
            environment: context.environment,
            options: SpecLoadOptions(
                parameterOverrides: overrides,
                isEnvironmentStrict: context.options.isEnvironmentStrict,
                topics: context.topics.known, readsTests: false))
        let loaded = loader.load(bytes: bytes, path: path)
        if let found = loaded.pipelines.first(where: { $0.name == pipeline.name }) {
            return (found, nil)
        }
        let error = loaded.diagnostics.first { $0.severity == .error }
        return (nil, error ?? Diagnostic("it has no pipeline '\(pipeline.name)'", at: nil))
    }

    // MARK: Steps

    private func readStep(_ value: LocatedValue, _ current: inout PipelineSpec) -> TestStep? {
        if case .scalar(let scalar) = value.content, !value.isNull {
            if scalar.text == "restart" { return .restart }
            context.report(
                .unknownChoice(
                    scalar.text, of: "step", choices: SpecFields.testStep.fields.map(\.name),
                    at: context.location(scalar)))
            return nil
        }
        guard let reader = FieldReader(value, SpecFields.testStep, owner: "a step", context) else {
            return nil
        }
        let written = SpecFields.testStep.fields.map(\.name).filter(reader.has)
        guard let name = written.first, written.count == 1 else {
            if !reader.hasForeignKeys || written.count > 1 {
                context.report(.severalTestSteps(written, at: context.location(reader.start)))
            }
            return nil
        }
        switch name {
        case "send":
            return .send(readSends(reader, current))
        case "advance", "advance_to": return readAdvance(reader, name)
        case "restart":
            if reader.rawValue(name)?.isNull != true {
                context.report(
                    .isNot(name, "takes nothing", at: context.location(reader.keyRange(name))))
            }
            return .restart
        case "upgrade": return readUpgrade(reader, &current)
        default: return .expect(readExpectations(reader, current))
        }
    }

    private func readAdvance(_ reader: FieldReader, _ name: String) -> TestStep? {
        let place = context.location(reader.keyRange(name))
        if name == "advance" {
            guard let micros = reader.duration(name) else { return nil }
            // A duration is a hundred years at most, so that this cannot overflow.
            guard Timestamp.isInRange(clockMicros + micros) else {
                context.report(.outOfRange(name, "goes beyond the last time there is", at: place))
                return nil
            }
            clockMicros += micros
            return .advance(micros: micros)
        }
        guard let micros = time(reader, name) else { return nil }
        guard micros >= clockMicros else {
            context.report(.clockGoesBack(now: Timestamp.text(clockMicros), at: place))
            return nil
        }
        clockMicros = micros
        return .advanceTo(micros: micros)
    }

    private func readUpgrade(_ reader: FieldReader, _ current: inout PipelineSpec) -> TestStep? {
        guard let text = reader.text("upgrade") else { return nil }
        let place = context.location(text.scalar)
        let folder = context.source.path.split(separator: "/").dropLast().joined(separator: "/")
        let root = context.source.path.hasPrefix("/") ? "/" : ""
        let path =
            text.value.hasPrefix("/") || folder.isEmpty
            ? text.value : root + folder + "/" + text.value
        switch context.allowedPaths.readSecret(path, bytesMax: YamlLimits.fileBytesMax) {
        case .failure(.notAllowed):
            context.report(
                .pathNotAllowed(path, folder: context.allowedPaths.folder(of: path), at: place))
        case .failure(.unreadable(let cause)):
            context.report(.unreadableSecret(path, cause: cause, at: place))
        case .success(let content):
            let (spec, problem) = load(path, Array(content.utf8), [:])
            if let problem {
                context.report(.cannotUseSpec("'\(text.written)'", problem, at: place))
            }
            guard let spec else { return nil }
            current = spec
            return .upgrade(spec)
        }
        return nil
    }

    // MARK: Parts

    /// The items of a list; nil when reported.
    func items(_ reader: FieldReader, _ name: String, of what: String) -> [LocatedValue]? {
        guard let value = reader.value(name) else { return nil }
        return items(value, "'\(name)' takes a list of \(what)")
    }

    func items(_ value: LocatedValue, _ message: String) -> [LocatedValue]? {
        if case .sequence(let items) = value.content { return items }
        if !value.isBroken {
            context.report(
                .wrongKind(message, found: value.kindName, help: nil, at: context.location(value)))
        }
        return nil
    }

    private func time(_ reader: FieldReader, _ name: String) -> Int64? {
        guard let text = reader.text(name) else { return nil }
        if let micros = parseTimestamp(text.value) { return micros }
        context.report(
            .badValue(
                text.written, isSubstituted: text.isSubstituted, of: name,
                expecting: "a time such as 2026-01-01T00:00:00Z", at: context.location(text.scalar))
        )
        return nil
    }
}

extension TestStep {
    fileprivate var isExpectation: Bool {
        if case .expect(let expectations) = self { return !expectations.isEmpty }
        return false
    }
}
