import TestSupport
import Testing

@testable import Store

@Suite("Journal against a dictionary")
struct JournalReferenceTests {
    @Test("holds what a dictionary holds after the same changes", arguments: 0..<12)
    func agrees(round: Int) throws {
        let seed = testSeed &+ UInt64(round)
        var random = RandomSource(seed: seed)
        let workload = Workload(
            seed: seed, epochs: 40, changes: Int.random(in: 1...60, using: &random))
        let disk = SimulatedFileSystem()
        disk.setContents("/state/x", [])
        var journal = try open(disk)
        for epoch in workload.epochs.indices {
            var record = workload.record(epoch, blockBytes: 200)
            try journal.commit(&record)
            if Int.random(in: 0..<4, using: &random) == 0 {
                if Bool.random(using: &random) { journal.close() }
                journal = try open(disk)
                #expect(
                    journal.recovered?.contents == workload.states[epoch + 1],
                    "seed \(seed), epoch \(epoch)")
                #expect(journal.torn == nil)
            }
        }
        #expect(try disk.list("/state/p").count == 1)
    }

    @Test("keeps its length within a multiple of what is live")
    func staysSmall() throws {
        let disk = SimulatedFileSystem()
        disk.setContents("/state/x", [])
        let journal = try open(disk)
        for epoch in 0..<2000 {
            var record = JournalRecordBuilder()
            record.put(node: [1], key: [UInt8(epoch & 7)], time: 0, value: [1, 2, 3])
            try journal.commit(&record)
            #expect(journal.byteCount < 2400)
        }
    }

    @Test("keeps a record of many blocks whole, and its base too")
    func manyBlocks() throws {
        let workload = Workload(seed: testSeed, epochs: 3, changes: 3000, valueBytesMax: 100)
        let disk = SimulatedFileSystem()
        disk.setContents("/state/x", [])
        var options = JournalOptions()
        options.rewriteBytesMin = 250_000
        let journal = try Journal.open(
            directory: "/state/p", identity: [1], fileSystem: disk, options: options)
        for epoch in 0..<3 {
            var record = workload.record(epoch, blockBytes: 4096)
            #expect(record.blocks.blocks.count > 20)
            try journal.commit(&record)
        }
        #expect(try open(disk).recovered?.contents == workload.states[3])
    }

    private func open(_ disk: SimulatedFileSystem) throws(StoreError) -> Journal {
        try Journal.open(
            directory: "/state/p", identity: [1], fileSystem: disk, options: .small)
    }
}
