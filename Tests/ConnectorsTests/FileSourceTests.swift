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

    private func append(_ text: String, to name: String = "in.log") throws {
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: folder.path(of: name)))
        defer { try? handle.close() }
        try handle.seekToEnd()
        try handle.write(contentsOf: Data(text.utf8))
    }
}
