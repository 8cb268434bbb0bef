import Foundation
import TestSupport
import Testing

@Suite("The JSON Schema and a public validator")
struct SpecSchemaCheckTests {
    @Test("samples and examples are valid, specs of broken structure are not")
    func check() throws {
        let folder = try TemporaryFolder("schema")
        let printed = try Program.run(["spec-schema"], in: folder)
        try #require(printed.status == 0, "\(printed.errors)")
        try folder.write(printed.output, to: "schema.json")
        let (status, output) = try Script.run(
            "check-spec-schema", [folder.path(of: "schema.json")], in: folder)
        if status == Script.skipped {
            print(output)
            return
        }
        #expect(status == 0, "\(output)")
    }
}

@Suite("A repository of pipelines")
struct RepositoryExampleTests {
    @Test("the commands of the page, of the workflow and of the hooks do what they say")
    func example() throws {
        let (status, output) = try Script.run(
            "check-ci-example", [], in: try TemporaryFolder("repository"))
        if status == Script.skipped {
            print(output)
            return
        }
        #expect(status == 0, "\(output)")
    }
}

/// A script of the repository, run to its end.
enum Script {
    /// What a script exits with where a program that it needs is not installed; it says which.
    static let skipped: Int32 = 77

    static func run(
        _ name: String, _ arguments: [String], in folder: TemporaryFolder
    ) throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = repositoryRoot.appendingPathComponent("scripts/\(name)")
        process.arguments = arguments
        process.currentDirectoryURL = folder.url
        process.environment = ProcessInfo.processInfo.environment.merging(
            ["PIPELINED": Program.path]
        ) { $1 }
        let output = folder.url.appendingPathComponent("\(name).out")
        try Data().write(to: output)
        let handle = try FileHandle(forWritingTo: output)
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = handle
        process.standardError = handle
        try process.run()
        process.waitUntilExit()
        return (process.terminationStatus, try String(contentsOf: output, encoding: .utf8))
    }
}
