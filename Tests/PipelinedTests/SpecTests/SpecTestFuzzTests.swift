import Config
import Foundation
import TestSupport
import Testing

@testable import Pipelined

@Suite("Running tests that nobody meant")
struct SpecTestFuzzTests {
    /// Rounds of mutation: `FUZZ_ROUNDS`, or few enough for every test run.
    private static let rounds =
        ProcessInfo.processInfo.environment["FUZZ_ROUNDS"].flatMap { Int($0) } ?? 400

    /// A spec and its tests in one text.
    private static func corpus() throws -> [String] {
        let folder = repositoryRoot.appendingPathComponent("pipelines")
        let names = ["", "nexmark/"].flatMap { below in
            let path = folder.appendingPathComponent(below).path
            let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
            return names.filter { $0.hasSuffix(".yaml") && !TestFiles.isTestFile($0) }.sorted()
                .map { below + $0 }
        }
        return try names.map { name in
            let spec = try String(
                contentsOf: folder.appendingPathComponent(name), encoding: .utf8)
            let path = name.replacing(".yaml", with: ".test.yaml")
            let tests = try? String(
                contentsOf: folder.appendingPathComponent(path), encoding: .utf8)
            return spec + "\n" + (tests ?? "")
        }
    }

    @Test("ends, whatever was changed in the spec and its tests, and gives the same twice")
    func mutations() throws {
        let corpus = try Self.corpus()
        var random = SeededRandom(seed: testSeed)
        let loader = SpecLoader(
            environment: SpecEnvironment(
                workingDirectory: repositoryRoot.path, allowedPaths: ["/var/log"]))
        var runs = 0
        for round in 0..<Self.rounds {
            guard let text = corpus.randomElement(using: &random) else { return }
            let mutated = mutate(text, &random)
            for test in loader.load(bytes: Array(mutated.utf8), path: "fuzz.yaml").tests {
                let first = SpecTestRunner.run(test).failure
                #expect(
                    SpecTestRunner.run(test).failure == first, "seed \(testSeed), round \(round)")
                runs += 1
            }
        }
        #expect(runs > Self.rounds / 4, "seed \(testSeed)")
    }

    /// A few words replaced by others of the same text, or by awkward ones.
    private func mutate(_ text: String, _ random: inout SeededRandom) -> String {
        var words = text.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        let awkward = [
            "36500d", "1us", "0", "-1", "9223372036854775807,", "null,", "restart", "\"\",",
            "0001-01-01T00:00:00Z,", "9999-12-31T23:59:59Z,", "1e308,", "count(*)", "sum(amount)",
        ]
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            let place = Int.random(in: 0..<words.count, using: &random)
            guard !words[place].isEmpty, !words[place].contains("\n") else { continue }
            if Bool.random(using: &random) {
                words[place] = awkward.randomElement(using: &random) ?? ""
            } else {
                let other = words.filter { !$0.isEmpty && !$0.contains("\n") }
                    .randomElement(using: &random)
                words[place] = other ?? ""
            }
        }
        return words.joined(separator: " ")
    }
}
