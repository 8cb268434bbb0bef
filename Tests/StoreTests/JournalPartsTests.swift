import Glibc
import TestSupport
import Testing

@testable import Store

/// Records whose changes are put into bytes while they are written.
@Suite("Journal records in parts")
struct JournalPartsTests {
    private struct Part: JournalPart {
        var changes: [Change]
        var isBase = true
        var longestBytes = 1 << 10
        let nodeBytes = 1

        func add(
            to record: inout JournalRecordBuilder,
            next: (inout JournalRecordBuilder) throws(StoreError) -> Void
        ) throws(StoreError) {
            for change in changes {
                record.add(change)
                try next(&record)
            }
        }
    }

    let folder: TemporaryFolder
    let files = SystemFileSystem()

    init() throws { folder = try TemporaryFolder() }

    private func open() throws(StoreError) -> Journal {
        try Journal.open(directory: folder.path + "/p", identity: [1], fileSystem: files)
    }

    /// Puts of a node, longer together than what is written at once.
    private static func puts(_ node: UInt8, _ count: Int, byte: UInt8) -> [Change] {
        (0..<count).map { index in
            let name = EntryName(
                node: [node], time: Int64(index % 7), key: [UInt8(index & 255), UInt8(index >> 8)])
            return .put(name, [UInt8](repeating: byte, count: 800))
        }
    }

    private func check(_ changes: [Change]) throws {
        var expected = Contents()
        for change in changes { expected.apply(change) }
        #expect(try open().takeRecovered()?.contents == expected)
    }

    @Test("a first record is the base as it is, and later ones are appended, whatever their length")
    func streams() throws {
        let journal = try open()
        var all: [Change] = []
        for epoch in UInt8(1)...3 {
            let first: [Change] =
                [.deleteBelow(node: [1], time: Int64(epoch))]
                + Self.puts(1, 4000, byte: epoch)
            let second = Self.puts(2, 100, byte: epoch)
            var record = JournalRecordBuilder()
            record.add(Part(changes: first))
            record.add(Part(changes: second))
            record.setMeta([epoch])
            try journal.commit(&record)
            #expect(record.isEmpty)
            all += first + second + [.meta([epoch])]
        }
        journal.close()
        try check(all)
    }

    @Test("a first record that deletes what it has put becomes a base without it")
    func deletesAfterPuts() throws {
        let journal = try open()
        let changes =
            Self.puts(1, 30, byte: 1) + [.deleteBelow(node: [1], time: 4)]
        var record = JournalRecordBuilder()
        record.add(Part(changes: changes, isBase: false))
        record.setMeta([1])
        try journal.commit(&record)
        journal.close()
        try check(changes + [.meta([1])])
    }

    @Test("an entry that is too long is refused before anything is written")
    func tooLong() throws {
        let journal = try open()
        let value = [UInt8](repeating: 0, count: JournalFormat.entryBytesMax + 1)
        var record = JournalRecordBuilder()
        record.add(
            Part(
                changes: Self.puts(1, 3000, byte: 1)
                    + [.put(EntryName(node: [1], time: 0, key: []), value)],
                longestBytes: value.count))
        record.setMeta([1])
        let error = #expect(throws: StoreError.self) { try journal.commit(&record) }
        #expect(error?.kind == .tooLarge)
        #expect(!journal.isFenced)
        #expect(try files.status(path: folder.path + "/p") == nil)
    }

    @Test("a record is as it was after an error, and can be committed again")
    func again() throws {
        let disk = JournalFaultTests.newDisk()
        let journal = try JournalFaultTests.open(disk)
        var record = JournalRecordBuilder()
        record.add(Part(changes: Self.puts(1, 3000, byte: 1)))
        record.setMeta([1])
        disk.inject(SimulatedFault(.write, skipping: 2, code: EIO))
        #expect(throws: StoreError.self) { try journal.commit(&record) }
        #expect(!journal.isFenced)
        #expect(!record.isEmpty)
        try journal.commit(&record)
        journal.close()
        let state = try JournalFaultTests.open(disk).takeRecovered()
        #expect(state?.entryCount(node: [1]) == 3000)
    }

    @Test("a record that could not be written to its end never happened")
    func cutShort() throws {
        let disk = JournalFaultTests.newDisk()
        let journal = try JournalFaultTests.open(disk)
        var record = JournalRecordBuilder()
        record.add(Part(changes: Self.puts(1, 3000, byte: 1)))
        record.setMeta([1])
        try journal.commit(&record)
        record.add(Part(changes: Self.puts(1, 3000, byte: 2)))
        record.setMeta([2])
        disk.inject(SimulatedFault(.write, skipping: 1, code: EIO))
        #expect(throws: StoreError.self) { try journal.commit(&record) }
        #expect(journal.isFenced)
        let state = try JournalFaultTests.open(disk).takeRecovered()
        #expect(state?.meta == [1])
        #expect(state?.entryCount(node: [1]) == 3000)
    }
}
