import Foundation
import TestSupport
import Testing

/// The built `pipelined`, run as a person or a service manager would run it.
struct Program {
    /// `PIPELINED_BINARY`, or the executable that was built beside the tests.
    static let path: String = {
        let environment = ProcessInfo.processInfo.environment
        if let given = environment["PIPELINED_BINARY"] { return given }
        let tests = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        var candidates = [tests.deletingLastPathComponent().appendingPathComponent("pipelined")]
        candidates.append(repositoryRoot.appendingPathComponent(".build/debug/pipelined"))
        let found = candidates.first { FileManager.default.isExecutableFile(atPath: $0.path) }
        return found?.path ?? candidates[0].path
    }()

    /// What a run left behind.
    struct Outcome {
        /// The exit code; a signal's number, negated, where one ended it.
        var status: Int32
        var output: String
        var errors: String

        /// The last line of the output as a JSON object.
        func json() throws -> [String: Any] {
            let line = try #require(output.split(separator: "\n").last, "no output; \(errors)")
            return try #require(
                JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        }
    }

    private let process = Process()
    private let folder: TemporaryFolder
    private let outputURL: URL
    private let errorsURL: URL

    /// Starts the program in a folder, without standard input.
    /// `variables` are set besides the test's own.
    init(
        _ arguments: [String], in folder: TemporaryFolder, variables: [String: String] = [:]
    ) throws {
        try #require(
            FileManager.default.isExecutableFile(atPath: Program.path),
            "there is no \(Program.path); 'swift build' makes it, or set PIPELINED_BINARY")
        self.folder = folder
        // Files rather than pipes: nobody has to read while it runs.
        let name = UUID().uuidString
        outputURL = folder.url.appendingPathComponent(".\(name).out")
        errorsURL = folder.url.appendingPathComponent(".\(name).err")
        for url in [outputURL, errorsURL] { try Data().write(to: url) }
        process.executableURL = URL(fileURLWithPath: Program.path)
        process.arguments = arguments
        process.currentDirectoryURL = folder.url
        if !variables.isEmpty {
            process.environment = ProcessInfo.processInfo.environment.merging(variables) { $1 }
        }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = try FileHandle(forWritingTo: outputURL)
        process.standardError = try FileHandle(forWritingTo: errorsURL)
        try process.run()
    }

    /// Runs the program to its end.
    static func run(
        _ arguments: [String], in folder: TemporaryFolder, variables: [String: String] = [:]
    ) throws -> Outcome {
        try Program(arguments, in: folder, variables: variables).ended()
    }

    var isRunning: Bool { process.isRunning }
    var identifier: Int32 { process.processIdentifier }

    func send(_ signal: Int32) { if process.isRunning { kill(process.processIdentifier, signal) } }

    /// Waits for the end and gives what was written; after `seconds` it is killed, which fails the
    /// test.
    func ended(within seconds: Double = 60) throws -> Outcome {
        let isOver = eventually(within: seconds) { !process.isRunning }
        if !isOver {
            send(SIGKILL)
            Issue.record("still running after \(seconds) s; \(errors)")
        }
        process.waitUntilExit()
        let isSignal = process.terminationReason == .uncaughtSignal
        return Outcome(
            status: isSignal ? -process.terminationStatus : process.terminationStatus,
            output: output, errors: errors)
    }

    var output: String {
        String(decoding: (try? Data(contentsOf: outputURL)) ?? Data(), as: UTF8.self)
    }
    var errors: String {
        String(decoding: (try? Data(contentsOf: errorsURL)) ?? Data(), as: UTF8.self)
    }
}

/// Asks again and again until the answer is yes.
///
/// - Returns: Whether it was, before the time was over.
func eventually(within seconds: Double, _ condition: () throws -> Bool) rethrows -> Bool {
    let deadline = Date(timeIntervalSinceNow: seconds)
    while try !condition() {
        if Date() > deadline { return false }
        usleep(5_000)
    }
    return true
}

extension TemporaryFolder {
    /// The rows of an NDJSON file; none where there is no file.
    func rows(_ name: String) throws -> [[String: Any]] {
        guard let data = try? Data(contentsOf: url.appendingPathComponent(name)) else { return [] }
        return try String(decoding: data, as: UTF8.self).split(separator: "\n").map {
            try #require(JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
        }
    }

    /// The rows of a topic, in the order of their event time; none where there is no topic. No other
    /// process may use the state.
    func topicRows(_ topic: String, state: String = "state") throws -> [[String: Any]] {
        let folder = path(of: "\(state)/topics/\(topic)")
        guard FileManager.default.fileExists(atPath: folder) else { return [] }
        let outcome = try Program.run(["consume", topic, "--state", state, "-o", "json"], in: self)
        try #require(outcome.status == 0, "\(outcome.errors)")
        return try outcome.output.split(separator: "\n").map {
            try #require(JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
        }
    }

    /// How many whole lines a file has; 0 where there is none.
    func lineCount(_ name: String) -> Int {
        guard let data = try? Data(contentsOf: url.appendingPathComponent(name)) else { return 0 }
        return data.count { $0 == 0x0a }
    }

    /// Appends to a file, which is created if need be.
    func append(_ bytes: some DataProtocol, to name: String) throws {
        let path = path(of: name)
        if !FileManager.default.fileExists(atPath: path) { try write("", to: name) }
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try file.seekToEnd()
        try file.write(contentsOf: Data(bytes))
        try file.close()
    }
}
