import Config
import Foundation
import TestSupport
import Testing

@testable import Pipelined

/// The spec files that have tests, from the repository's root.
private let tested: [String] = ["pipelines", "pipelines/nexmark"].flatMap { folder in
    let url = repositoryRoot.appendingPathComponent(folder)
    let names = (try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? []
    return names.filter { $0.hasSuffix(".yaml") && !TestFiles.isTestFile($0) }
        .map { "\(folder)/\($0)" }.sorted()
}

/// The tests of each file, those beside it with them; the files of a folder are read together.
private let testsByPath: [String: [TestSpec]] = {
    let loader = SpecLoader(
        environment: SpecEnvironment(
            workingDirectory: repositoryRoot.path, allowedPaths: ["/var/log"]))
    var result: [String: [TestSpec]] = [:]
    for folder in ["pipelines", "pipelines/nexmark"] {
        let url = repositoryRoot.appendingPathComponent(folder)
        let names = (try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? []
        let inputs = names.filter { $0.hasSuffix(".yaml") }.sorted().map { name in
            let data = try? Data(contentsOf: url.appendingPathComponent(name))
            return SpecInput(path: "\(folder)/\(name)", bytes: [UInt8](data ?? Data()))
        }
        for (input, loaded) in zip(inputs, loader.load(inputs)) {
            let path = TestFiles.specPaths(of: input.path).first ?? input.path
            result[path, default: []] += loaded.tests
        }
    }
    return result
}()

private func tests(of path: String) throws -> [TestSpec] { try #require(testsByPath[path]) }

@Suite("Tests of the samples")
struct SampleSpecTests {
    @Test("every sample has tests, which hold", arguments: tested)
    func hold(_ path: String) throws {
        let tests = try tests(of: path)
        #expect(!tests.isEmpty)
        for test in tests {
            #expect(SpecTestRunner.run(test).failure == [], "\(test.name)")
        }
    }

    @Test("hold with a restart behind every step", arguments: tested)
    func restarts(_ path: String) throws {
        for var test in try tests(of: path) {
            test.steps = test.steps.flatMap { [$0, .restart] }
            #expect(SpecTestRunner.run(test).failure == [], "\(test.name)")
        }
    }

    @Test("hold however the rows that are sent are cut into batches", arguments: tested)
    func batches(_ path: String) throws {
        for var test in try tests(of: path) where !test.looksAtChanges {
            test.steps = test.steps.flatMap { step -> [TestStep] in
                guard case .send(let portions) = step else { return [step] }
                return portions.flatMap { node, portion in
                    portion.pieces.map { .send([(node, $0)]) }
                }
            }
            #expect(SpecTestRunner.run(test).failure == [], "\(test.name)")
        }
    }

    @Test("fail when a row is missing that they expect something of", arguments: tested)
    func missing(_ path: String) throws {
        for var test in try tests(of: path) {
            // Nothing is sent, and something was expected.
            test.steps = test.steps.filter {
                if case .send = $0 { return false }
                return true
            }
            let expectsRows = test.expectations.contains { !$0.isOfNothing }
            if expectsRows {
                #expect(!SpecTestRunner.run(test).isPassed, "\(test.name)")
            }
        }
    }
}

extension TestSpec {
    /// Whether something is expected of batches, and not of rows alone.
    fileprivate var looksAtChanges: Bool {
        expectations.contains { expectation in
            if case .changes = expectation.rows { return true }
            return false
        }
    }
}

extension TestExpectation {
    fileprivate var isOfNothing: Bool {
        switch rows {
        case .rows(let rows), .exactly(let rows), .changes(let rows): return rows.isEmpty
        case .count(let count): return count == 0
        }
    }
}

extension TestPortion {
    /// One for each row.
    fileprivate var pieces: [TestPortion] {
        switch self {
        case .rows(let rows): return rows.map { .rows([$0]) }
        case .lines(let lines): return lines.map { .lines([$0]) }
        }
    }
}
