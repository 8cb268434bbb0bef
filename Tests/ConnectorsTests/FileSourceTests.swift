import Config
import Foundation
import Operators
import Store
import TestSupport
import Testing

@testable import Connectors

@Suite("File source")
struct FileSourceTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder("file-source") }

    private func source(
        _ name: String = "in.log", follow: Bool = false, metadata: [MetadataColumn] = [],
        recordBytesMax: Int = 1 << 20, format: FormatSpec = .lines
    ) -> FileSource {
        let fields = [stringField("line")]
        return FileSource(
            FileSourceOptions(path: folder.path(of: name), isFollowed: follow),
            settings: FileSplitSettings(
                files: InputFiles(fileSystem: SystemFileSystem()), isFollowed: follow,
                format: format, fields: fields,
                metadata: RowMetadata(fields: fields, columns: metadata),
                recordBytesMax: recordBytesMax))
    }

    private func lines(_ drained: Drained) -> [String] {
        drained.rows.map { ($0.first ?? nil) ?? "" }
    }

    @Test("reads a bounded file to its end, the last line without a line end too")
    func bounded() throws {
        try folder.write("one\ntwo\r\nthree", to: "in.log")
        let source = source()
        let split = try #require(try source.discover().first)
        let drained = try drain(split)
        #expect(lines(drained) == ["one", "two", "three"])
        #expect(drained.positions == [0, 4, 9])
        #expect(drained.hasEnded)
        #expect(try source.discover().isEmpty)
        #expect(split.progress.done == 14)
        #expect(source.isBounded)
    }

    @Test("says that a bounded file is not there, and that it may come")
    func missing() throws {
        let error = #expect(throws: ConnectorError.self) { try self.source().discover() }
        #expect(error?.kind == .transient)
        #expect(error?.message.contains("no such file") == true)
    }

    @Test("refuses a folder and a named pipe without waiting")
    func wrongKinds() throws {
        try folder.write("", to: "dir/x")
        mkfifo(folder.path(of: "pipe"), 0o600)
        for name in ["dir", "pipe"] {
            let error = #expect(throws: ConnectorError.self) { try self.source(name).discover() }
            #expect(error?.kind == .terminal)
        }
    }

    @Test("keeps a partial last line of a followed file until its end comes")
    func partialLine() throws {
        try folder.write("one\ntw", to: "in.log")
        let source = source(follow: true)
        let split = try #require(try source.discover().first)
        #expect(lines(try drain(split)) == ["one"])
        try append("o\nthr")
        #expect(lines(try drain(split)) == ["two"])
        try append("ee\n")
        let last = try drain(split)
        #expect(lines(last) == ["three"])
        #expect(!last.hasEnded)
        #expect(last.positions == [8])
    }

    @Test("bounds memory and cuts nothing when the file is larger than its chunks")
    func large() throws {
        let line = String(repeating: "x", count: 997)
        var text = ""
        for number in 0..<5000 { text += line + String(number % 10) + "\n" }
        try folder.write(text, to: "in.log")
        let split = try #require(try source().discover().first)
        var expected: Int64 = 0
        var ended = false
        while !ended {
            switch try split.read(now: 0) {
            case .rows(let rows):
                #expect(rows.byteCount <= 1 << 20)
                for row in 0..<rows.rowCount {
                    let position = try #require(rows.positions).pointer(to: Int64.self)[row]
                    guard position == expected * 999, rows.columns[0].strings[row].count == 998
                    else {
                        Issue.record("row \(expected) at \(position)")
                        return
                    }
                    expected += 1
                }
            case .wait: Issue.record("waits")
            case .ended: ended = true
            }
        }
        #expect(expected == 5000)
        #expect(split.progress.total == 4_995_000)
    }

    @Test("gives path, line and arrival, and the line goes on after a restart")
    func metadata() throws {
        let path = try folder.write("a\nb\nc\n", to: "in.log")
        let columns = [
            MetadataColumn(name: "p", origin: .filePath),
            MetadataColumn(name: "l", origin: .fileLine),
            MetadataColumn(name: "t", origin: .arrival),
        ]
        let first = source(follow: true, metadata: columns)
        let split = try #require(try first.discover().first)
        #expect(try drain(split, now: 5).rows.last == ["c", path, "3", "5"])
        try append("d\n")
        let again = source(follow: true, metadata: columns)
        let restored = try #require(try again.restore([split.position()]).first)
        #expect(try drain(restored, now: 6).rows == [["d", path, "4", "6"]])
    }

    @Test("skips a byte order mark")
    func byteOrderMark() throws {
        try folder.write("\u{feff}a\n", to: "in.log")
        let drained = try drain(try #require(try source().discover().first))
        #expect(lines(drained) == ["a"])
        #expect(drained.positions == [3])
    }

    @Test("goes on at every position of a file, whatever the records' form", arguments: [0, 7, 31])
    func restart(_ recordBytesMax: Int) throws {
        let text = "id,t\n1,\"a\nb\"\n2,\"\"\"\"\n\n3,long long long long long long\n4,x\n5,y"
        try folder.write(text, to: "in.csv")
        let fields = [stringField("id"), stringField("t")]
        func open() -> FileSource {
            FileSource(
                FileSourceOptions(path: folder.path(of: "in.csv"), isFollowed: false),
                settings: FileSplitSettings(
                    files: InputFiles(fileSystem: SystemFileSystem()), isFollowed: false,
                    format: .csv(CSVOptions()), fields: fields,
                    metadata: RowMetadata(fields: fields, columns: []),
                    recordBytesMax: recordBytesMax == 0 ? 1 << 20 : recordBytesMax))
        }
        let whole = try drain(try #require(try open().discover().first))
        // A position is taken and used again after every read, of which small records make many.
        var rows: [[String?]] = []
        var invalid: [Int64] = []
        var position: SplitPosition?
        for _ in 0..<100 {
            let source = open()
            let restored = try position.map { try source.restore([$0]) } ?? []
            let split = try #require(try restored.first ?? source.discover().first)
            let one = try drain(split, readsMax: 1)
            rows += one.rows
            invalid += one.invalid.map(\.position)
            position = split.position()
            if one.hasEnded { break }
        }
        #expect(rows == whole.rows)
        #expect(invalid == whole.invalid.map(\.position))
    }

    @Test("takes a bounded file up where it was left when it has grown, and ends at once if not")
    func grown() throws {
        try folder.write("a\n", to: "in.log")
        let split = try #require(try source().discover().first)
        _ = try drain(split)
        let same = source()
        #expect(lines(try drain(try #require(try same.restore([split.position()]).first))) == [])
        #expect(try same.discover().isEmpty)
        try append("b\n")
        let more = try #require(try source().restore([split.position()]).first)
        #expect(lines(try drain(more)) == ["b"])
        try FileManager.default.removeItem(atPath: folder.path(of: "in.log"))
        let gone = try #require(try source().restore([split.position()]).first)
        #expect(try drain(gone).hasEnded)
    }

    @Test("stops when a file is shorter than what was read, or changed below", arguments: [0, 1])
    func changed(_ kind: Int) throws {
        let long = String(repeating: "0123456789\n", count: 300)
        try folder.write(long, to: "in.log")
        let split = try #require(try source().discover().first)
        _ = try drain(split)
        let path = folder.path(of: "in.log")
        if kind == 0 {
            truncate(path, 2000)
        } else {
            let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
            try handle.seek(toOffset: 3299)
            try handle.write(contentsOf: Data("#\n".utf8))
            try handle.close()
        }
        let restored = try #require(try source().restore([split.position()]).first)
        let error = #expect(throws: ConnectorError.self) { try drain(restored) }
        #expect(error?.kind == .terminal)
    }

    @Test("reads other content from its start")
    func replaced() throws {
        try folder.write("first line\n", to: "in.log")
        let split = try #require(try source().discover().first)
        _ = try drain(split)
        try folder.write("another line\n", to: "in.log")
        let restored = try #require(try source().restore([split.position()]).first)
        let drained = try drain(restored)
        #expect(lines(drained) == ["another line"])
        #expect(drained.positions == [11])
    }

    @Test("does not take a position of another version")
    func otherVersion() throws {
        let position = SplitPosition(id: "x", bytes: [99, 1, 2])
        #expect(throws: ConnectorError.self) { try self.source().restore([position]) }
    }

    @Test("reads a pattern's files in order, later ones only when it follows")
    func glob() throws {
        try folder.write("1\n", to: "b-1.log")
        try folder.write("2\n", to: "b-2.log")
        try folder.write("no\n", to: "b.txt")
        try folder.write("no\n", to: ".b-3.log")
        try folder.write("", to: "b-9.log/x")
        let bounded = source("b-*.log")
        let followed = source("b-?.log", follow: true)
        #expect(
            try bounded.discover().map(\.id) == ["b-1.log", "b-2.log"].map { folder.path(of: $0) })
        #expect(try followed.discover().count == 2)
        try folder.write("3\n", to: "b-3.log")
        #expect(try bounded.discover().isEmpty)
        let found = try followed.discover()
        #expect(found.map(\.id) == [folder.path(of: "b-3.log")])
        #expect(lines(try drain(try #require(found.first))) == ["3"])
        #expect(followed.watchedPaths == [folder.path])
        #expect(throws: ConnectorError.self) { try self.source("zz*").discover() }
    }

    @Test("keeps its position when a read fails, and goes on")
    func readError() throws {
        let disk = SimulatedFileSystem()
        let text = (0..<400_000).map { "line \($0)\n" }.joined()
        disk.setContents("in.log", Array(text.utf8))
        let fields = [stringField("line")]
        let source = FileSource(
            FileSourceOptions(path: "in.log", isFollowed: false),
            settings: FileSplitSettings(
                files: InputFiles(fileSystem: disk), isFollowed: false, format: .lines,
                fields: fields, metadata: RowMetadata(fields: fields, columns: [])))
        let split = try #require(try source.discover().first)
        for skipping in 0..<3 {
            disk.inject(SimulatedFault(.read, skipping: skipping, code: EIO))
        }
        var rows = 0
        var errors = 0
        var ended = false
        while !ended {
            do {
                switch try split.read(now: 0) {
                case .rows(let read): rows += read.rowCount
                case .wait: break
                case .ended: ended = true
                }
            } catch {
                errors += 1
                #expect(error.kind == .transient)
            }
        }
        #expect(rows == 400_000)
        #expect(errors > 0)
    }

    private func append(_ text: String, to name: String = "in.log") throws {
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: folder.path(of: name)))
        defer { try? handle.close() }
        try handle.seekToEnd()
        try handle.write(contentsOf: Data(text.utf8))
    }
}
