import Config

/// How a test of a spec went.
struct SpecTestResult: Sendable {
    var test: String
    var pipeline: String
    /// Where the test stands.
    var location: FileLocation
    /// What is not as expected, in lines for people; empty when the test passed.
    var failure: [String]
    /// How long it took, by the machine's clock.
    var micros: Int64

    var isPassed: Bool { failure.isEmpty }
}

/// Runs the tests of specs.
enum SpecTestRunner {
    /// Runs a test from its first step to its last expectation.
    static func run(_ test: TestSpec) -> SpecTestResult {
        let began = MonotonicClock.micros()
        var failure: [String] = []
        do throws(EngineError) {
            let pipeline = try TestedPipeline(
                test.pipeline, clockMicros: test.clockMicros, observed: test.targets)
            defer { pipeline.close() }
            failure = try run(test, on: pipeline)
            if !failure.isEmpty { failure += setAside(pipeline) }
        } catch {
            let place = test.location
            failure = [
                "\(place.file):\(place.line):\(place.column): the pipeline does not go on",
                "  " + error.at(test.pipeline.name),
            ]
        }
        return SpecTestResult(
            test: test.name, pipeline: test.pipeline.name, location: test.location,
            failure: failure, micros: MonotonicClock.micros() - began)
    }

    private static func run(
        _ test: TestSpec, on pipeline: TestedPipeline
    ) throws(EngineError) -> [String] {
        var spec = test.pipeline
        var failure: [String] = []
        try pipeline.start(tables: test.tables)
        for step in test.steps {
            switch step {
            case .send(let portions): try pipeline.send(portions)
            case .advance(let micros): try pipeline.advance(by: micros)
            case .advanceTo(let micros): try pipeline.advance(to: micros)
            case .restart: try pipeline.restart()
            case .upgrade(let next):
                try pipeline.upgrade(to: next)
                spec = next
            case .expect(let expectations):
                failure += differences(expectations, spec, pipeline)
                // What follows would be wrong for the same reason.
                if !failure.isEmpty { return failure }
            }
        }
        return failure + differences(test.expectations, spec, pipeline)
    }

    /// What may be the reason: rows that are in the dead letters instead.
    private static func setAside(_ pipeline: TestedPipeline) -> [String] {
        var kinds: [(text: String, count: Int)] = []
        for text in pipeline.deadLetters {
            let row = ObservedRow(text, hasOperation: false)
            func word(_ column: String) -> String {
                row[column]?.value?.text ?? ""
            }
            let text = "'\(word("node"))' set a row aside: \(word("error"))"
            if let index = kinds.firstIndex(where: { $0.text == text }) {
                kinds[index].count += 1
            } else {
                kinds.append((text, 1))
            }
        }
        return kinds.prefix(5).map { $0.text + ($0.count > 1 ? " (\($0.count) rows)" : "") }
    }

    private static func differences(
        _ expectations: [TestExpectation], _ spec: PipelineSpec, _ pipeline: TestedPipeline
    ) -> [String] {
        expectations.flatMap { expectation -> [String] in
            guard let output = spec.output(of: expectation.target) else { return [] }
            let isChanging = output.change != .append
            let rows = pipeline.rows(expectation.target).map {
                ObservedRow($0, hasOperation: isChanging)
            }
            let found = RowComparison.differences(expectation, rows, output)
            return DifferenceText.lines(found, of: expectation.name)
        }
    }
}

extension TestSpec {
    /// All that the test expects something of, each once.
    var targets: [TestExpectation.Target] {
        var all = expectations.map(\.target)
        for case .expect(let expectations) in steps { all += expectations.map(\.target) }
        var seen: Set<TestExpectation.Target> = []
        return all.filter { seen.insert($0).inserted }
    }
}
