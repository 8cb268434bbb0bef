import Config
import Foundation
import TestSupport
import Testing

private let folder = repositoryRoot.appendingPathComponent("pipelines/invalid")

private let names: [String] = {
    let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return files.filter { $0.hasSuffix(".yaml") && !TestFiles.isTestFile($0) }.map {
        String($0.dropLast(5))
    }.sorted()
}()

@Suite("Invalid specs")
struct InvalidSpecTests {
    @Test("are refused in the words that the golden holds", arguments: names)
    func golden(_ name: String) throws {
        let inputs = try [name, "\(name).test"].compactMap { name -> SpecInput? in
            let url = folder.appendingPathComponent("\(name).yaml")
            guard FileManager.default.fileExists(atPath: url.path) else { return nil }
            return SpecInput(
                path: "pipelines/invalid/\(name).yaml", bytes: [UInt8](try Data(contentsOf: url)))
        }
        // A folder that is there on every machine, so that the help names the same path.
        let results = loader(workingDirectory: "/usr").load(inputs)
        let together = SpecDirectory.check(
            results.flatMap(\.pipelines), topics: results.flatMap(\.topics))
        let diagnostics = results.flatMap(\.diagnostics) + together.diagnostics
        #expect(diagnostics.hasErrors)
        #expect(!(results.flatMap(\.failed) + together.failed).isEmpty)
        expectGolden(diagnostics.rendered, "invalid/\(name).txt")
    }

    @Test("report ten mistakes of ten kinds as ten diagnostics, where they are")
    func ten() throws {
        let url = folder.appendingPathComponent("ten-mistakes.yaml")
        let bytes = [UInt8](try Data(contentsOf: url))
        let diagnostics = loader(workingDirectory: "/usr")
            .load(bytes: bytes, path: "ten-mistakes.yaml").diagnostics
        let lines = String(decoding: bytes, as: UTF8.self).components(separatedBy: "\n")
        let marked = diagnostics.compactMap(\.location).map { place in
            let line = Array(lines[place.line - 1].unicodeScalars)
            return line[(place.column - 1)..<(place.endColumn - 1)]
                .map { String(Character($0)) }.joined()
        }
        #expect(
            marked == [
                "folow", "jsn", "integer", "att", "user_id", "=", "user", "10 s", "knid",
                "/srv/result.ndjson",
            ])
    }
}
