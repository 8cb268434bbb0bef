import Config
import Foundation
import Operators
import Store
import TestSupport
import Testing

@testable import Connectors

/// Two ends of a pipe, closed with it.
private final class Pipe {
    var ends: [Int32] = [0, 0]

    init() { #expect(Glibc.pipe(&ends) == 0) }

    deinit { for end in ends where end >= 0 { close(end) } }

    func write(_ text: String) {
        #expect(Glibc.write(ends[1], text, text.utf8.count) == text.utf8.count)
    }

    func closeEnd(_ index: Int) {
        close(ends[index])
        ends[index] = -1
    }

    func read() -> String {
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = Glibc.read(ends[0], &bytes, bytes.count)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }
}

@Suite("Standard input")
struct StdinSourceTests {
    private func source(_ descriptor: Int32) -> StdinSource {
        let fields = [stringField("line")]
        return StdinSource(
            parser: LinesRowParser(fields: fields),
            metadata: RowMetadata(
                fields: fields, columns: [MetadataColumn(name: "n", origin: .fileLine)]),
            descriptor: descriptor)
    }

    @Test("gives what is there, waits, and ends with its input")
    func piped() throws {
        let pipe = Pipe()
        let split = try #require(try source(pipe.ends[0]).discover().first)
        pipe.write("a\nb\nc")
        let first = try drain(split, now: 0)
        #expect(first.rows == [["a", "1"], ["b", "2"]])
        #expect(first.until != nil && !first.hasEnded)
        pipe.write("d\ne")
        pipe.closeEnd(1)
        let last = try drain(split, now: 0)
        #expect(last.rows == [["cd", "3"], ["e", "4"]])
        #expect(last.hasEnded)
        #expect(last.positions == [4, 7])
    }

    @Test("goes on in a file that was redirected")
    func redirected() throws {
        let folder = try TemporaryFolder("stdin")
        let path = try folder.write("a\nb\nc\n", to: "in")
        let first = open(path, O_RDONLY)
        defer { close(first) }
        let split = try #require(try source(first).discover().first)
        _ = try drain(split)
        try folder.write("a\nb\nc\nd\n", to: "in")
        let second = open(path, O_RDONLY)
        defer { close(second) }
        let source = source(second)
        let restored = try #require(try source.restore([split.position()]).first)
        #expect(try drain(restored).rows.isEmpty)
        #expect(try source.discover().isEmpty)
    }
}

@Suite("Standard output")
struct StdoutSinkTests {
    private func sink(_ descriptor: Int32) -> StdoutSink {
        StdoutSink(encoder: LinesRowEncoder(), mode: .append, inputKey: nil, descriptor: descriptor)
    }

    @Test("shows rows after their commit")
    func commit() throws {
        let pipe = Pipe()
        let sink = sink(pipe.ends[1])
        try sink.recover(token: nil)
        try sink.write(batch([column(["a"])]))
        let first = try sink.cut(epoch: 1)
        try sink.write(batch([column(["b"])]))
        try first.sync()
        try first.commit()
        #expect(pipe.read() == "a\n")
        try first.commit()
        let second = try sink.cut(epoch: 2)
        try second.commit()
        #expect(pipe.read() == "b\n")
        #expect(sink.written.rows == 2)
    }

    @Test("says that nobody reads any more")
    func brokenPipe() throws {
        signal(SIGPIPE, SIG_IGN)
        let pipe = Pipe()
        let sink = sink(pipe.ends[1])
        try sink.write(batch([column(["a"])]))
        let cut = try sink.cut(epoch: 1)
        pipe.closeEnd(0)
        let error = #expect(throws: ConnectorError.self) { try cut.commit() }
        #expect(error?.kind == .terminal)
    }

    @Test("keeps a large epoch in a file, in order")
    func spill() throws {
        let folder = try TemporaryFolder("stdout")
        let path = try folder.write("", to: "out")
        let descriptor = open(path, O_WRONLY)
        defer { close(descriptor) }
        let sink = sink(descriptor)
        let line = String(repeating: "x", count: 1000)
        var expected = ""
        for part in 0..<12 {
            let lines = (0..<1000).map { "\(part) \($0) \(line)" }
            try sink.write(batch([column(lines.map { Optional($0) })]))
            expected += lines.map { $0 + "\n" }.joined()
        }
        let cut = try sink.cut(epoch: 1)
        try cut.sync()
        try cut.commit()
        #expect(try folder.read("out") == expected)
    }
}

@Suite("Glob and rotated names")
struct NameTests {
    @Test(
        "matches names as a shell does",
        arguments: [
            ("a.log", "*.log", true), ("a.txt", "*.log", false), (".a.log", "*.log", false),
            ("abc", "a?c", true), ("aéc", "a?c", true), ("ac", "a?c", false),
            ("x7", "x[0-9]", true), ("xa", "x[!0-9]", true), ("x-", "x[a-]", true),
            ("x]", "x[]]", true), ("x[", "x[", true), ("aXbXc", "a*b*c", true),
            ("abcbd", "a*b*c", false), ("", "*", true), ("aaaa", "*a*a*a*a*a", false),
        ])
    func glob(_ name: String, _ pattern: String, _ matches: Bool) {
        #expect(Glob.matches(name, pattern) == matches)
    }

    @Test("finds files in several folders of a pattern")
    func folders() throws {
        let folder = try TemporaryFolder("glob")
        for name in ["a/x/1.log", "b/x/2.log", "b/y/3.log", "c"] { try folder.write("", to: name) }
        let found = try Glob.files(folder.path + "/?/x/*.log", SystemFileSystem())
        #expect(found == ["a/x/1.log", "b/x/2.log"].map { folder.path(of: $0) })
        #expect(Glob.fixedFolder("/var/log/*.log") == "/var/log")
        #expect(Glob.fixedFolder("*.log") == ".")
        #expect(Glob.fixedFolder("/*.log") == "/")
    }

    @Test(
        "knows what a log is renamed to",
        arguments: [
            ("app.log.1", true), ("app.log-20260131", true), ("app-2026-01-31.log", true),
            ("app.log.2026-01-31T00:00:00Z", true), ("app.log.old", true), ("app.log.1.gz", false),
            ("app.log", false), ("app.logs", false), ("apple.log", false), ("app.log.", false),
        ])
    func rotated(_ name: String, _ isRotation: Bool) {
        #expect(RotatedNames.isRotation(name, of: "app.log") == isRotation)
    }
}
