import Config
import Foundation
import Operators
import Store
import Synchronization
import TestSupport
import Testing

@testable import Connectors

@Suite("File sink")
struct FileSinkTests {
    let folder: TemporaryFolder
    static let schema = Schema([Field("k", .string), Field("n", .bigint)])

    init() throws { folder = try TemporaryFolder("file-sink") }

    private func sink(
        _ path: String = "out.ndjson", existing: ExistingOutput = .refuse,
        roll: Int? = nil, every: Int64? = nil, partition: [Int] = [],
        schema: Schema = FileSinkTests.schema, format: FormatSpec = .json(JSONOptions()),
        clock: @escaping @Sendable () -> Int64 = { 0 }
    ) throws -> FileSink {
        try FileSink(
            FileSinkOptions(
                path: folder.path(of: path), rollBytes: roll, rollMicros: every,
                partitionColumns: partition),
            schema: schema, format: format, existing: existing, fileSystem: SystemFileSystem(),
            clock: clock)
    }

    private func rows(_ numbers: [Int64], times: [Int64]? = nil) -> Batch {
        batch(
            [column(numbers.map { Optional("k\($0)") }), column(numbers.map { Optional($0) })],
            times: times)
    }

    private func lines(_ numbers: [Int64]) -> String {
        numbers.map { "{\"k\":\"k\($0)\",\"n\":\($0)}\n" }.joined()
    }

    private func commit(_ sink: FileSink, epoch: UInt64 = 1) throws -> [UInt8] {
        let cut = try sink.cut(epoch: epoch)
        try cut.sync()
        try cut.commit()
        return cut.token
    }

    private func names() throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: folder.path)
            .filter { !$0.hasSuffix(".lock") }.sorted()
    }

    @Test("gives a file its name with the first commit and appends to it from then on")
    func appears() throws {
        let sink = try sink()
        try sink.recover(token: nil)
        try sink.write(rows([1, 2]))
        let cut = try sink.cut(epoch: 1)
        try cut.sync()
        #expect(try names() == [".out.ndjson.pending"])
        try sink.write(rows([3]))
        try cut.commit()
        #expect(try folder.read("out.ndjson") == lines([1, 2]))
        _ = try commit(sink, epoch: 2)
        #expect(try folder.read("out.ndjson") == lines([1, 2, 3]))
        #expect(sink.written.rows == 3)
    }

    @Test("goes forward to a commit that a crash left undone")
    func forward() throws {
        let first = try sink()
        try first.recover(token: nil)
        try first.write(rows([1]))
        let cut = try first.cut(epoch: 1)
        try cut.sync()
        first.close()
        let again = try sink()
        try again.recover(token: cut.token)
        #expect(try folder.read("out.ndjson") == lines([1]))
    }

    @Test("goes back to the committed length")
    func back() throws {
        let first = try sink()
        try first.recover(token: nil)
        try first.write(rows([1]))
        let token = try commit(first)
        try first.write(rows([2]))
        _ = try first.cut(epoch: 2)
        first.close()
        #expect(try folder.read("out.ndjson") == lines([1, 2]))
        let again = try sink()
        try again.recover(token: token)
        #expect(try folder.read("out.ndjson") == lines([1]))
        try again.write(rows([3]))
        _ = try commit(again)
        #expect(try folder.read("out.ndjson") == lines([1, 3]))
    }

    @Test("is settled by its token alone once no spec has it any more")
    func settled() throws {
        // A percent sign in the file's own name is no letter of a time.
        let first = try sink("100%%.ndjson")
        try first.recover(token: nil)
        try first.write(rows([1]))
        let token = try commit(first)
        try first.write(rows([2]))
        _ = try first.cut(epoch: 2)
        first.close()
        #expect(try folder.read("100%.ndjson") == lines([1, 2]))
        for _ in 0..<2 {
            try FileSinkOutputs.settle(token: token, fileSystem: SystemFileSystem())
            #expect(try folder.read("100%.ndjson") == lines([1]))
        }
        try FileSinkOutputs.settle(token: [9, 9], fileSystem: SystemFileSystem())
    }

    @Test("removes what was never committed")
    func orphan() throws {
        let first = try sink()
        try first.recover(token: nil)
        try first.write(rows([1]))
        _ = try first.cut(epoch: 1)
        first.close()
        let again = try sink()
        try again.recover(token: nil)
        #expect(try names() == [])
    }

    @Test(
        "never cuts a file that is not the token's",
        arguments: ["shorter", "other bytes", "other file", "gone"])
    func mismatch(_ damage: String) throws {
        let first = try sink()
        try first.recover(token: nil)
        try first.write(rows([1, 2]))
        let token = try commit(first)
        first.close()
        let url = URL(fileURLWithPath: folder.path(of: "out.ndjson"))
        switch damage {
        case "shorter": #expect(truncate(url.path, 5) == 0)
        case "other bytes":
            let handle = try FileHandle(forWritingTo: url)
            try handle.write(contentsOf: Data("#".utf8))
            try handle.close()
        case "other file": try Data(lines([1, 2]).utf8).write(to: url, options: .atomic)
        default: try FileManager.default.removeItem(at: url)
        }
        let before = try? Data(contentsOf: url)
        let again = try sink()
        let error = #expect(throws: ConnectorError.self) { try again.recover(token: token) }
        #expect(error?.kind == .terminal)
        #expect((try? Data(contentsOf: url)) == before)
    }

    @Test("refuses, appends to or replaces what is there")
    func existing() throws {
        try folder.write("old\n", to: "out.ndjson")
        #expect(throws: ConnectorError.self) { try self.sink().recover(token: nil) }
        let appending = try sink(existing: .append)
        try appending.recover(token: nil)
        try appending.write(rows([1]))
        _ = try commit(appending)
        appending.close()
        #expect(try folder.read("out.ndjson") == "old\n" + lines([1]))
        let replacing = try sink(existing: .overwrite)
        try replacing.recover(token: nil)
        try replacing.write(rows([2]))
        let cut = try replacing.cut(epoch: 1)
        try cut.sync()
        #expect(try folder.read("out.ndjson") == "old\n" + lines([1]))
        try cut.commit()
        #expect(try folder.read("out.ndjson") == lines([2]))
    }

    @Test("takes back what was appended before the first commit")
    func appendIntent() throws {
        try folder.write("old", to: "out.ndjson")
        let first = try sink(existing: .append)
        try first.recover(token: nil)
        try first.write(rows([1]))
        _ = try first.cut(epoch: 1)
        first.close()
        let again = try sink(existing: .append)
        try again.recover(token: nil)
        #expect(try folder.read("out.ndjson") == "old")
        try again.write(rows([2]))
        _ = try commit(again)
        #expect(try folder.read("out.ndjson") == "old\n" + lines([2]))
    }

    @Test("keeps a second sink from its path")
    func locked() throws {
        let first = try sink()
        try first.recover(token: nil)
        let error = #expect(throws: ConnectorError.self) { try self.sink().recover(token: nil) }
        #expect(error?.message.contains("another sink") == true)
        first.close()
        try sink().recover(token: nil)
    }

    @Test("begins a new file at a size, numbered")
    func rollBySize() throws {
        let first = try sink(roll: 30)
        try first.recover(token: nil)
        var token: [UInt8] = []
        for number in Int64(1)...4 {
            try first.write(rows([number]))
            token = try commit(first)
        }
        first.close()
        #expect(try names() == ["out-000001.ndjson", "out-000002.ndjson"])
        #expect(try folder.read("out-000001.ndjson") == lines([1, 2]))
        let again = try sink(roll: 30)
        try again.recover(token: token)
        try again.write(rows([5]))
        _ = try commit(again)
        #expect(try names().count == 3)
        #expect(try folder.read("out-000003.ndjson") == lines([5]))
    }

    @Test("begins a new file at an age")
    func rollByAge() throws {
        let now = Clock()
        let sink = try sink(every: 100, clock: { now.micros })
        try sink.recover(token: nil)
        try sink.write(rows([1]))
        now.micros = 99
        try sink.write(rows([2]))
        now.micros = 100
        try sink.write(rows([3]))
        _ = try commit(sink)
        #expect(try folder.read("out-000001.ndjson") == lines([1, 2]))
        #expect(try folder.read("out-000002.ndjson") == lines([3]))
    }

    @Test("writes to a folder per day and a file per time")
    func partitioned() throws {
        let schema = Schema([Field("at", .timestamp), Field("n", .bigint)])
        let day: Int64 = 86_400_000_000
        let sink = try sink(
            "%Y/x-%m-%d.csv", partition: [0], schema: schema, format: .csv(CSVOptions()))
        try sink.recover(token: nil)
        let times: [Int64?] = [0, day, nil, 0]
        try sink.write(
            batch(
                [column(times, .timestamp), column([1, 2, 3, 4])], times: [0, 0, day * 31, 0]))
        _ = try commit(sink)
        let first = try folder.read("1970/at=1970-01-01/x-01-01.csv")
        #expect(
            first
                == "at,n\n1970-01-01T00:00:00Z,1\n1970-01-01T00:00:00Z,4\n")
        #expect(
            try folder.read("1970/at=1970-01-02/x-01-01.csv") == "at,n\n1970-01-02T00:00:00Z,2\n")
        #expect(try folder.read("1970/at=null/x-02-01.csv") == "at,n\n,3\n")
    }

    @Test("writes no second header when it goes on with a file")
    func header() throws {
        let first = try sink("out.csv", format: .csv(CSVOptions()))
        try first.recover(token: nil)
        try first.write(rows([1]))
        let token = try commit(first)
        first.close()
        let again = try sink("out.csv", format: .csv(CSVOptions()))
        try again.recover(token: token)
        try again.write(rows([2]))
        _ = try commit(again)
        #expect(try folder.read("out.csv") == "k,n\nk1,1\nk2,2\n")
    }

    @Test("makes an empty file when there were no rows")
    func empty() throws {
        let sink = try sink()
        try sink.recover(token: nil)
        _ = try commit(sink)
        #expect(try folder.read("out.ndjson") == "")
    }

    @Test("stops when its file is moved away under it")
    func moved() throws {
        let sink = try sink()
        try sink.recover(token: nil)
        try sink.write(rows([1]))
        _ = try commit(sink)
        try FileManager.default.moveItem(
            atPath: folder.path(of: "out.ndjson"), toPath: folder.path(of: "away"))
        try sink.write(rows([2]))
        let cut = try sink.cut(epoch: 2)
        let error = #expect(throws: ConnectorError.self) { try cut.sync() }
        #expect(error?.kind == .terminal)
    }

    @Test("keeps the number of open files bounded, and begins another file for a key it let go")
    func manyKeys() throws {
        let hour: Int64 = 3_600_000_000
        let sink = try sink("%Y-%m-%d-%H.ndjson")
        try sink.recover(token: nil)
        let hours = Array(Int64(0)..<100)
        try sink.write(rows(hours, times: hours.map { $0 * hour }))
        let token = try #require(FileSinkToken(try commit(sink)))
        #expect(token.files.filter { !$0.isSealed }.count == FileSink.openFilesMax)
        let small = try #require(FileSinkToken(try commit(sink, epoch: 2)))
        #expect(small.files.count == FileSink.openFilesMax)
        try sink.write(rows([7], times: [0]))
        _ = try commit(sink, epoch: 3)
        #expect(try folder.read("1970-01-01-00.ndjson") == lines([0]))
        #expect(try folder.read("1970-01-01-00-000001.ndjson") == lines([7]))
        #expect(try names().count == 101)
    }
}

/// A clock that tests set.
final class Clock: Sendable {
    private let value = Mutex(Int64(0))
    var micros: Int64 {
        get { value.withLock { $0 } }
        set { value.withLock { $0 = newValue } }
    }
}
