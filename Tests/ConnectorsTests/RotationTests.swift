import Config
import Foundation
import Operators
import Store
import TestSupport
import Testing

@testable import Connectors

@Suite("Rotation of followed files")
struct RotationTests {
    let folder: TemporaryFolder
    /// Lines that differ early, as those of logs do.
    private let first = (0..<5).map { "2026-01-01 a\($0)" }
    private let second = (0..<5).map { "2026-01-02 b\($0)" }
    private let third = (0..<5).map { "2026-01-03 c\($0)" }

    init() throws { folder = try TemporaryFolder("rotation") }

    private func source(_ name: String = "app.log") -> FileSource {
        let fields = [stringField("line")]
        return FileSource(
            FileSourceOptions(path: folder.path(of: name), isFollowed: true),
            settings: FileSplitSettings(
                files: InputFiles(fileSystem: SystemFileSystem()), isFollowed: true,
                format: .lines, fields: fields,
                metadata: RowMetadata(fields: fields, columns: [])))
    }

    private func lines(_ split: any SourceSplit) throws -> [String] {
        try drain(split).rows.map { ($0.first ?? nil) ?? "" }
    }

    private func write(_ lines: some Sequence<String>, to name: String = "app.log") throws {
        let path = folder.path(of: name)
        if !FileManager.default.fileExists(atPath: path) { try folder.write("", to: name) }
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try handle.seekToEnd()
        try handle.write(contentsOf: Data(lines.map { $0 + "\n" }.joined().utf8))
        try handle.close()
    }

    private func rename(_ from: String, _ to: String) {
        #expect(Glibc.rename(folder.path(of: from), folder.path(of: to)) == 0)
    }

    private func copyTruncate(_ to: String) throws {
        try FileManager.default.copyItem(
            atPath: folder.path(of: "app.log"), toPath: folder.path(of: to))
        truncate(folder.path(of: "app.log"), 0)
    }

    @Test("goes on to the file that was created after a rename, and misses nothing of the old one")
    func renameAndCreate() throws {
        try write(first[..<2])
        let source = source()
        let split = try #require(try source.discover().first)
        #expect(try lines(split) == Array(first[..<2]))
        rename("app.log", "app.log.1")
        // The writer has not been told yet.
        try write(first[2...], to: "app.log.1")
        #expect(try lines(split) == Array(first[2...]))
        try write(second)
        #expect(try lines(split) == second)
        #expect(try source.discover().isEmpty)
        #expect(split.progress.gaps == 0)
    }

    @Test("waits until a renamed file has been quiet before it goes on")
    func quiet() throws {
        try write(first)
        let split = try #require(try source().discover().first)
        _ = try lines(split)
        rename("app.log", "app.log.1")
        try write(second)
        let now = Int64(Date().timeIntervalSince1970 * 1e6)
        let early = try drain(split, now: now)
        #expect(early.rows.isEmpty)
        #expect(try #require(early.until) <= now + FileSplit.quietMicros)
        #expect(try lines(split) == second)
    }

    @Test("reads a last line without a line end once the file is left")
    func lastLine() throws {
        try folder.write("a\nb", to: "app.log")
        let split = try #require(try source().discover().first)
        #expect(try lines(split) == ["a"])
        rename("app.log", "app.log.1")
        try write(second)
        #expect(try lines(split) == ["b"] + second)
    }

    @Test("finds the old file and those after it when the rotations happened while it was down")
    func whileDown() throws {
        try write(first)
        let split = try #require(try source().discover().first)
        #expect(try drain(split, readsMax: 1).rows.count == 5)
        try write(["2026-01-01 late"])
        rename("app.log", "app.log.1")
        try write(second)
        rename("app.log.1", "app.log.2")
        rename("app.log", "app.log.1")
        try write(third)
        let again = source()
        let restored = try #require(try again.restore([split.position()]).first)
        #expect(try lines(restored) == ["2026-01-01 late"] + second + third)
        #expect(try again.discover().isEmpty)
        // And once more, to see that what is done with stays so.
        let position = restored.position()
        rename("app.log.2", "app.log.3")
        rename("app.log.1", "app.log.2")
        rename("app.log", "app.log.1")
        try write(["2026-01-04 d"])
        let later = try #require(try source().restore([position]).first)
        #expect(try lines(later) == ["2026-01-04 d"])
    }

    @Test("says that there is a gap when the old file is gone")
    func gap() throws {
        try write(first)
        let split = try #require(try source().discover().first)
        _ = try lines(split)
        let position = split.position()
        try FileManager.default.removeItem(atPath: folder.path(of: "app.log"))
        try write(["other"], to: "unrelated")
        try write(second)
        let restored = try #require(try source().restore([position]).first)
        #expect(try lines(restored) == second)
        #expect(restored.progress.gaps <= 1)
    }

    @Test("goes on to a file that was renamed already, before another one is created")
    func renamedTwice() throws {
        try write(first)
        let split = try #require(try source().discover().first)
        _ = try lines(split)
        rename("app.log", "app.log.1")
        #expect(try lines(split) == [])
        try write(second)
        rename("app.log.1", "app.log.2")
        rename("app.log", "app.log.1")
        #expect(try lines(split) == second)
        try write(third)
        #expect(try lines(split) == third)
    }

    @Test("goes on after copy and truncate, also with what was written before the copy")
    func copyAndTruncate() throws {
        try write(first[..<2])
        let split = try #require(try source().discover().first)
        #expect(try lines(split) == Array(first[..<2]))
        try write(first[2...])
        try copyTruncate("app.log.1")
        #expect(try lines(split) == [])
        try write(second)
        #expect(try lines(split) == Array(first[2...]) + second)
        try write(third)
        #expect(try lines(split) == third)
    }

    @Test("goes on after copy and truncate right behind rows that it had just read")
    func copyAndTruncateBehindRows() throws {
        try write(first[..<2])
        let split = try #require(try source().discover().first)
        #expect(try lines(split) == Array(first[..<2]))
        try write(first[2..<4])
        // One read, and no look at what stands behind these rows.
        guard case .rows(let rows) = try split.read(now: 0) else {
            Issue.record("no rows")
            return
        }
        #expect(rows.rowCount == 2)
        try write(first[4...])
        try copyTruncate("app.log.1")
        // A checkpoint knows the old content too, although the file no longer has it.
        let position = split.position()
        try write(second)
        #expect(try lines(split) == Array(first[4...]) + second)
        let restored = try #require(try source().restore([position]).first)
        #expect(try lines(restored) == Array(first[4...]) + second)
    }

    @Test("goes on after copy and truncate while it was down")
    func copyAndTruncateWhileDown() throws {
        try write(first[..<2])
        let split = try #require(try source().discover().first)
        _ = try lines(split)
        let position = split.position()
        try write(first[2...])
        try copyTruncate("app.log.1")
        try write(second)
        let restored = try #require(try source().restore([position]).first)
        #expect(try lines(restored) == Array(first[2...]) + second)
    }

    @Test("notices new content that has already grown past the old position")
    func truncatedAndGrown() throws {
        try write(first[..<1])
        let split = try #require(try source().discover().first)
        _ = try lines(split)
        truncate(folder.path(of: "app.log"), 0)
        try write(second)
        #expect(try lines(split) == second)
    }

    @Test("stops when the file was cut and still begins the same")
    func sameHeadButShorter() throws {
        let long = (0..<200).map { "2026-01-01 line \($0)" }
        try write(long)
        let split = try #require(try source().discover().first)
        _ = try lines(split)
        truncate(folder.path(of: "app.log"), 2000)
        let error = #expect(throws: ConnectorError.self) { try drain(split) }
        #expect(error?.kind == .terminal)
        #expect(error?.message.contains("same beginning") == true)
    }

    @Test("waits for a file that is not there yet, and for one that went away")
    func appears() throws {
        let source = source()
        #expect(try source.discover().isEmpty)
        try write(first)
        let split = try #require(try source.discover().first)
        #expect(try lines(split) == first)
        try FileManager.default.removeItem(atPath: folder.path(of: "app.log"))
        #expect(try lines(split) == [])
        try write(second)
        #expect(try lines(split) == second)
    }

    @Test("reads a pattern's rotated files as one split, oldest first")
    func patternWithRotations() throws {
        try write(first, to: "app.log.2")
        try write(second, to: "app.log.1")
        try write(third)
        let source = source("app.log*")
        let splits = try source.discover()
        #expect(splits.map(\.id) == [folder.path(of: "app.log")])
        let split = try #require(splits.first)
        #expect(try lines(split) == first + second + third)
        rename("app.log.2", "app.log.3")
        rename("app.log.1", "app.log.2")
        rename("app.log", "app.log.1")
        try write(["2026-01-04 d"])
        #expect(try source.discover().isEmpty)
        #expect(try lines(split) == ["2026-01-04 d"])
        let again = self.source("app.log*")
        let restored = try #require(try again.restore([split.position()]).first)
        #expect(try again.discover().isEmpty)
        #expect(try lines(restored) == [])
    }

    @Test("has positions that grow through rotations")
    func positions() throws {
        try write(["aa"])
        let split = try #require(try source().discover().first)
        #expect(try drain(split).positions == [0])
        rename("app.log", "app.log.1")
        try write(["bb", "cc"])
        #expect(try drain(split).positions == [3, 6])
    }

    @Test("reads every line once through random writes, rotations and restarts", arguments: 0..<12)
    func random(_ round: Int) throws {
        let seed = testSeed &+ UInt64(round)
        var random = SeededRandom(seed: seed)
        let copies = round % 2 == 1
        var written: [String] = []
        var read: [String] = []
        var rotations = 0
        var current = source()
        var split: (any SourceSplit)?
        func readAll() throws {
            if split == nil { split = try current.discover().first }
            if let split { read += try lines(split) }
        }
        for step in 0..<60 {
            switch Int.random(in: 0..<6, using: &random) {
            case 0, 1, 2:
                let line = "\(random.next() % 100_000_000) step \(step)"
                written.append(line)
                try write([line])
                if split == nil { try readAll() }
            case 3:
                // More than one rotation by copy cannot be told from a lost one.
                if copies { try readAll() }
                guard FileManager.default.fileExists(atPath: folder.path(of: "app.log")),
                    try !Data(contentsOf: URL(fileURLWithPath: folder.path(of: "app.log"))).isEmpty
                else { continue }
                for number in stride(from: rotations, to: 0, by: -1) {
                    rename("app.log.\(number)", "app.log.\(number + 1)")
                }
                rotations += 1
                if copies { try copyTruncate("app.log.1") } else { rename("app.log", "app.log.1") }
            case 4:
                try readAll()
            default:
                guard let position = split?.position() else { continue }
                current = source()
                split = try current.restore([position]).first
            }
        }
        try readAll()
        #expect(read == written, "seed \(seed)")
    }
}
