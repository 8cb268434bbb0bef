import Foundation
import TestSupport
import Testing

@testable import Config

@Suite("Spec fuzzing")
struct FuzzTests {
    /// Every sample and every wrong one: sound YAML to start from, and all kinds of mistakes.
    private static func corpus() throws -> [[UInt8]] {
        let folders = ["pipelines", "pipelines/invalid"]
        return try folders.flatMap { folder in
            let url = repositoryRoot.appendingPathComponent(folder)
            return try FileManager.default.contentsOfDirectory(atPath: url.path).sorted()
                .filter { $0.hasSuffix(".yaml") }
                .map { [UInt8](try Data(contentsOf: url.appendingPathComponent($0))) }
        }
    }

    /// Rounds of mutation: `FUZZ_ROUNDS`, or few enough for every test run.
    private static let rounds =
        ProcessInfo.processInfo.environment["FUZZ_ROUNDS"].flatMap { Int($0) } ?? 1500

    @Test("never traps, and says something of whatever it refuses")
    func mutations() throws {
        let corpus = try Self.corpus()
        var random = SeededRandom(seed: testSeed)
        let loader = loader(isStrict: false)
        for round in 0..<Self.rounds {
            let bytes = mutate(corpus, &random)
            let result = loader.load(bytes: bytes, path: "fuzz.yaml")
            #expect(
                result.failed.isEmpty || result.diagnostics.hasErrors,
                "seed \(testSeed), round \(round)")
            #expect(
                result.diagnostics.count <= 1000 && !result.diagnostics.rendered.contains("\u{1b}"),
                "seed \(testSeed), round \(round)")
            _ = SpecDirectory.check(result.pipelines, topics: result.topics).diagnostics.rendered
            for spec in result.pipelines {
                #expect(spec.meaning.utf8.count == 64, "seed \(testSeed), round \(round)")
                _ = PipelineExplanation(spec).json
            }
        }
    }

    private func mutate(_ corpus: [[UInt8]], _ random: inout SeededRandom) -> [UInt8] {
        var bytes = corpus.randomElement(using: &random) ?? []
        let tokens = [
            "{", "}", "[", "]", ": ", ",", "&a ", "*a", "<<: *a", "- ", "\n", "\n  ", "#", "'",
            "\"", "\\", "|", ">", "\t", "---\n", "...\n", "!!str ", "${", "}", "(", ")", "*",
            "null",
            "~", "é", "\u{1F600}", "\u{1b}", "\0", "9999999999999999999", "-1", "0s", "99999999w",
            "from: ", "select: ", "aggregate: ", "join: ", "sinks: ", "topic: ",
            "start: ", "schema: ", ".late", "rowtime", "\u{85}",
        ]
        for _ in 0..<Int.random(in: 1...6, using: &random) {
            let place = Int.random(in: 0...bytes.count, using: &random)
            switch Int.random(in: 0..<6, using: &random) {
            case 0:
                let token = tokens.randomElement(using: &random) ?? ""
                bytes.insert(contentsOf: Array(token.utf8), at: place)
            case 1:
                let end = min(bytes.count, place + Int.random(in: 1...12, using: &random))
                bytes.removeSubrange(place..<end)
            case 2 where place < bytes.count:
                bytes[place] = UInt8.random(in: 0...255, using: &random)
            case 3:
                let other = corpus.randomElement(using: &random) ?? []
                let start = Int.random(in: 0...other.count, using: &random)
                let end = min(other.count, start + Int.random(in: 0...200, using: &random))
                bytes.insert(contentsOf: other[start..<end], at: place)
            case 4:
                bytes.removeSubrange(place...)
            default:
                // A line moved elsewhere: names, keys and values in places that are not theirs.
                var lines = bytes.split(
                    separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
                let line = lines.remove(at: Int.random(in: 0..<lines.count, using: &random))
                lines.insert(line, at: Int.random(in: 0...lines.count, using: &random))
                bytes = Array(lines.joined(separator: [UInt8(ascii: "\n")]))
            }
        }
        return bytes
    }

    @Test("ends soon on files made to be slow")
    func slow() {
        let start = ContinuousClock.now
        let wide = (0..<4000).map { "c\($0): bigint" }.joined(separator: ", ")
        let steps = (1..<20_000).map { "  s\($0): {from: s\($0 - 1)}" }.joined(separator: "\n")
        let head =
            "pipeline: slow\nsources:\n  s0: {stdin: {}, format: json, schema: {n: bigint}}\n"
        let sink = "\nsinks:\n  out: {from: s19999, stdout: {}, format: json}\n"
        let texts = [
            head + "steps:\n" + steps + sink,
            "pipeline: slow\nsources: {s: {stdin: {}, format: json, schema: {\(wide)}}}\n",
            "{" + (0..<30_000).map { "k\($0): v" }.joined(separator: ", ") + "}",
            "pipeline: slow\nsinks:\n"
                + (0..<30_000).map { "  é\($0): {from: é\($0 + 1)}" }.joined(separator: "\n"),
            "pipeline: slow\nsources:\n  s: {stdin: {}, format: json, schema: {n: bigint}}\n"
                + "x: &long '\(String(repeating: "n + ", count: 50_000))n'\nsteps:\n  a: {from: s, add: {"
                + (0..<2000).map { "c\($0): *long" }.joined(separator: ", ") + "}}\n",
            "pipeline: slow\nsteps: {a: {from: a, select: ["
                + String(repeating: "'*', ", count: 20_000) + "]}}\n",
            String(repeating: "- ", count: 200_000), String(repeating: "[", count: 500_000),
            String(repeating: "? ", count: 200_000), String(repeating: "&a ", count: 200_000),
        ]
        for text in texts { _ = load(text).diagnostics.rendered }
        #expect(ContinuousClock.now - start < .seconds(60))
    }
}
