import TestSupport
import Testing

@testable import Store

@Suite("Journal")
struct JournalTests {
    let folder: TemporaryFolder
    let files = SystemFileSystem()
    var directory: String { folder.path + "/views" }

    init() throws { folder = try TemporaryFolder() }

    func open(_ options: JournalOptions = JournalOptions()) throws(StoreError) -> Journal {
        try Journal.open(
            directory: directory, identity: Array("views/1".utf8), fileSystem: files,
            options: options)
    }

    @Test("creates nothing before the first commit")
    func createsNothing() throws {
        let journal = try open()
        #expect(journal.recovered == nil)
        #expect(journal.path == nil)
        journal.close()
        #expect(try files.status(path: directory) == nil)
    }

    @Test("recovers entries in the order of time and key, and the last meta")
    func recovers() throws {
        let journal = try open()
        var record = JournalRecordBuilder()
        record.put(node: [1], key: [2], time: 20, value: [7])
        record.put(node: [1], key: [1, 0], time: 20, value: [8])
        record.put(node: [1], key: [], time: 10, value: [])
        record.put(node: [2], key: [1], time: -5, value: [9])
        record.setMeta([1])
        try journal.commit(&record)
        #expect(record.isEmpty)
        record.put(node: [1], key: [2], time: 20, value: [70, 71])
        record.delete(node: [1], key: [1, 0], time: 20)
        try journal.commit(&record)
        record.setMeta([2])
        try journal.commit(&record)
        journal.close()

        let state = try #require(try open().takeRecovered())
        #expect(state.meta == [2])
        #expect(state.nodes == [[1], [2]])
        #expect(
            state.contents
                == Contents(
                    meta: [2],
                    entries: [
                        EntryName(node: [1], time: 10, key: []): [],
                        EntryName(node: [1], time: 20, key: [2]): [70, 71],
                        EntryName(node: [2], time: -5, key: [1]): [9],
                    ]))
        var order: [[UInt8]] = []
        state.forEachEntry(node: [1]) { _, key, _ in order.append([UInt8](key)) }
        #expect(order == [[], [2]])
    }

    @Test("keeps an entry that is put after its time was deleted")
    func putAfterDeleteBelow() throws {
        let journal = try open()
        var record = JournalRecordBuilder()
        record.put(node: [1], key: [1], time: 1, value: [1])
        record.put(node: [1], key: [2], time: 9, value: [2])
        record.deleteBelow(node: [1], time: 5)
        record.put(node: [1], key: [1], time: 2, value: [3])
        record.put(node: [2], key: [1], time: 1, value: [4])
        try journal.commit(&record)
        journal.close()
        #expect(
            try open().recovered?.contents.entries == [
                EntryName(node: [1], time: 9, key: [2]): [2],
                EntryName(node: [1], time: 2, key: [1]): [3],
                EntryName(node: [2], time: 1, key: [1]): [4],
            ])
    }

    @Test("refuses the journal of another log and leaves it untouched")
    func foreign() throws {
        let journal = try open()
        var record = JournalRecordBuilder()
        record.setMeta([1])
        try journal.commit(&record)
        let path = try #require(journal.path)
        journal.close()
        let before = try files.readFile(path, countMax: 1 << 20)
        let error = #expect(throws: StoreError.self) {
            try Journal.open(
                directory: directory, identity: Array("views/2".utf8), fileSystem: files)
        }
        #expect(error?.kind == .foreign)
        #expect(
            error?.message == "cannot open '\(path)': it belongs to the log 'views/1' and not to "
                + "the log 'views/2'; put the right file back, or reset what it belongs to")
        #expect(try files.readFile(path, countMax: 1 << 20) == before)
    }

    @Test("is rewritten again and again on a real disk, and holds one file")
    func rewrites() throws {
        let workload = Workload(seed: testSeed, epochs: 60, changes: 30)
        var journal = try open(.small)
        for epoch in workload.epochs.indices {
            var record = workload.record(epoch, blockBytes: 300)
            try journal.commit(&record)
            if epoch % 20 == 19 {
                journal.close()
                journal = try open(.small)
                #expect(
                    journal.recovered?.contents == workload.states[epoch + 1], "seed \(testSeed)")
            }
        }
        let names = try files.list(directory)
        #expect(names.count == 1)
        #expect(JournalFile.number(of: names.first ?? "") ?? 0 > 3)
    }

    @Test("an older file goes if the newest was made from it, and is left if not")
    func olderFiles() throws {
        let workload = Workload(seed: 3, epochs: 12, changes: 20)
        var journal = try open(.small)
        // What the newest file was made from, and what that was one record before.
        var old: (path: String, bytes: [UInt8], earlier: [UInt8])?
        var earlier: [UInt8] = []
        for epoch in workload.epochs.indices {
            let path = journal.path ?? directory
            let bytes = (try? files.readFile(path, countMax: 1 << 20)) ?? []
            var record = workload.record(epoch)
            try journal.commit(&record)
            if path != journal.path, path != directory { old = (path, bytes, earlier) }
            earlier = bytes
        }
        journal.close()
        let kept = try #require(old)
        let others = ["notes.txt", "7.journal.bak", "007.journal", "x.journal"]
        for name in others { try put([1, 2, 3], "\(directory)/\(name)") }

        try put(kept.bytes, kept.path)
        journal = try open(.small)
        #expect(journal.recovered?.contents == workload.states.last)
        #expect(try files.status(path: kept.path) == nil)

        for bytes in [kept.earlier, Array(kept.bytes.dropLast())] {
            try put(bytes, kept.path)
            journal = try open(.small)
            #expect(journal.leftAside == [kept.path])
            #expect(try files.readFile(kept.path, countMax: 1 << 20) == bytes)
            #expect(journal.recovered?.contents == workload.states.last)
        }
        for name in others {
            #expect(try files.readFile("\(directory)/\(name)", countMax: 10) == [1, 2, 3])
        }
    }

    @Test("a newest file that is damaged is an error, and the older one no way out")
    func damagedNewest() throws {
        let journal = try open()
        var record = JournalRecordBuilder()
        record.setMeta([1])
        try journal.commit(&record)
        let bytes = try #require(try files.readFile(directory + "/1.journal", countMax: 1 << 20))
        try put(Array(bytes.dropLast()), directory + "/2.journal")
        let error = #expect(throws: StoreError.self) { try open() }
        #expect(error?.path == directory + "/2.journal")
        #expect(try files.list(directory) == ["1.journal", "2.journal"])
    }

    private func put(_ bytes: [UInt8], _ path: String) throws {
        let file = try files.open(path, .replace, permissions: 0o600)
        defer { files.close(file) }
        try files.write(file, at: 0, bytes)
    }
}
