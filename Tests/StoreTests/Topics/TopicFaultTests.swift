import Glibc
import Testing

@testable import Store

/// Faults that were found by reading, each as it would come about; the test states what should hold.
@Suite("What must not happen to a topic")
struct TopicFaultTests {
    fileprivate static func commit(_ writer: PartitionWriter, _ rows: Range<Int>, epoch: Int) throws
        -> PartitionToken
    {
        var blocks = TopicFixture.blocks([rows])
        try writer.append(&blocks)
        let cut = try writer.cut(epoch: UInt64(epoch), watermark: Int64(rows.upperBound))
        try cut.sync()
        try cut.commit()
        return try #require(cut.token)
    }

    @Test("a partition whose removal was interrupted does not keep its successor from being made")
    func interruptedRemoval() throws {
        let fixture = try TopicFixture()
        let topic = try fixture.topic()
        let partition = try topic.partition("p.out", writer: "p/out")
        let writer = try PartitionWriter.open(partition, token: nil)
        for epoch in 1...3 {
            _ = try Self.commit(writer, epoch * 10..<epoch * 10 + 10, epoch: epoch)
        }
        writer.close()
        // The first unlink of the folder's removal is refused, as a crash there would have it.
        fixture.disk.inject(SimulatedFault(.unlink, skipping: 0, code: EIO, isPermanent: true))
        #expect(throws: StoreError.self) { try topic.removePartition(partition) }
        fixture.disk.removeFaults()
        let again = try TopicFixture(fixture.disk.afterKill())
        let found = try #require(try again.store.topic("t"))
        // `reset --output replace`, a crash, and the pipeline starts again.
        #expect(throws: Never.self) { try found.partition("p.out", writer: "p/out") }
        again.close()
        let later = try TopicFixture(again.disk.afterKill())
        #expect(throws: Never.self) { try later.store.topic("t") }
    }

    @Test("a reader of a segment whose sealing was not committed sees what the next writer commits")
    func readerAcrossFailedRoll() throws {
        let fixture = try TopicFixture()
        let partition = try fixture.topic().partition("p.out", writer: "p/out")
        let writer = try PartitionWriter.open(partition, token: nil)
        let token = try Self.commit(writer, 0..<10, epoch: 1)
        // Epoch 2 fills the segment, which is sealed at its cut; its sync is then refused.
        var blocks = TopicFixture.blocks([10..<40, 40..<70])
        try writer.append(&blocks)
        _ = try writer.cut(epoch: 2, watermark: 70)
        #expect(partition.segmentCount == 2)
        let cursor = PartitionCursor(partition, at: 0)
        #expect(try TopicFixture.rows(cursor) == Array(0..<10))
        writer.close()
        // The pipeline is started again in this process.
        let next = try PartitionWriter.open(partition, token: token)
        _ = try Self.commit(next, 10..<25, epoch: 2)
        _ = try Self.commit(next, 25..<60, epoch: 3)
        #expect(try TopicFixture.rows(cursor) == Array(10..<60))
    }

    @Test("rows that were committed and seen survive the removal of their writer")
    func sealedAfterFailedMark() throws {
        let fixture = try TopicFixture(segmentBytes: 1 << 20)
        let topic = try fixture.topic()
        let partition = try topic.partition("p.out", writer: "p/out")
        let writer = try PartitionWriter.open(partition, token: nil)
        _ = try Self.commit(writer, 0..<10, epoch: 1)
        var blocks = TopicFixture.blocks([10..<20])
        try writer.append(&blocks)
        let cut = try writer.cut(epoch: 2, watermark: 20)
        try cut.sync()
        // Here the journal commits epoch 2. Then the disk is full: the mark has no room.
        fixture.disk.inject(SimulatedFault(.write, skipping: 0, code: ENOSPC, isPermanent: true))
        #expect(throws: StoreError.self) { try cut.commit() }
        #expect(try TopicFixture.rows(partition) == Array(0..<20))
        writer.close()
        fixture.disk.removeFaults()
        // The pipeline's document is removed: `SinkTokens.forget`, and its journal goes.
        try topic.seal(writer: "p/out")
        let again = try TopicFixture(fixture.disk.afterKill())
        let found = try #require(try again.store.topic("t")?.partitions.first)
        #expect(try TopicFixture.rows(found) == Array(0..<20))
    }

    @Test("a producer is told that rows are there only once they are synced")
    func producerBeforeSync() throws {
        let fixture = try TopicFixture(segmentBytes: 1 << 20)
        let partition = try fixture.topic().partition("ingest", writer: "")
        let writer = try PartitionWriter.open(partition, token: nil)
        var blocks = TopicFixture.blocks([0..<10])
        try writer.append(&blocks)
        fixture.disk.inject(SimulatedFault(.sync, skipping: 0, code: EIO, isPermanent: false))
        #expect(throws: StoreError.self) {
            try writer.commit(producers: [Array("me".utf8): 77])
        }
        writer.close()
        // What `IngestLog.lastSequence` answers a producer that comes back.
        let told = partition.producers[Array("me".utf8)]?.sequence ?? 0
        let again = try TopicFixture(fixture.disk.afterPowerCut(.lost, seed: 1))
        let found = try #require(try again.store.topic("t")?.partitions.first)
        #expect(found.producers[Array("me".utf8)]?.sequence ?? 0 == told)
    }

    @Test("a segment that is missing in the middle is damage, and not an endless loop")
    func missingSegment() async throws {
        await #expect(processExitsWith: .success) {
            let fixture = try TopicFixture()
            let partition = try fixture.topic().partition("p.out", writer: "p/out")
            let writer = try PartitionWriter.open(partition, token: nil)
            var last: PartitionToken?
            for epoch in 0..<30 {
                last = try TopicFaultTests.commit(
                    writer, epoch * 10..<epoch * 10 + 10, epoch: epoch + 1)
            }
            writer.close()
            let names = try fixture.disk.list("/s/topics/t/p.out~1").filter {
                $0.hasSuffix(".segment")
            }.sorted()
            let disk = fixture.disk.afterKill()
            _ = try disk.unlink("/s/topics/t/p.out~1/\(names[2])")
            let again = try TopicFixture(disk, tokens: ["p/out t": last?.encoded ?? []])
            alarm(10)
            do {
                guard let found = try again.store.topic("t")?.partitions.first else { exit(1) }
                _ = try TopicFixture.rows(found)
                exit(2)
            } catch { exit(0) }
        }
    }

    @Test("an observer may look at the topic")
    func observerLooksAtTopic() async throws {
        await #expect(processExitsWith: .success) {
            let fixture = try TopicFixture()
            let topic = try fixture.topic()
            let partition = try topic.partition("p.out", writer: "p/out")
            _ = partition.observe { _ = topic.partitions.count }
            alarm(5)
            try topic.seal(writer: "p/out")
            exit(0)
        }
    }

    @Test("an observer may look at the store")
    func observerLooksAtStore() async throws {
        await #expect(processExitsWith: .success) {
            let fixture = try TopicFixture()
            let topic = try fixture.topic()
            let store = fixture.store
            _ = topic.observe { _ = store.opened.count }
            alarm(5)
            _ = try store.delete("t")
            exit(0)
        }
    }

    @Test("a topic takes schemas and partitions again once a full disk has room")
    func recordAfterFullDisk() throws {
        let fixture = try TopicFixture()
        let topic = try fixture.topic()
        fixture.disk.inject(SimulatedFault(.write, skipping: 0, code: ENOSPC, isPermanent: false))
        #expect(throws: StoreError.self) { try topic.addSchema([9]) }
        fixture.disk.removeFaults()
        #expect(throws: Never.self) { try topic.addSchema([9]) }
        #expect(throws: Never.self) { try topic.partition("p.out", writer: "p/out") }
    }

    @Test("epochs without rows do not make a partition grow for ever")
    func idleMarks() throws {
        let fixture = try TopicFixture(segmentBytes: 4096)
        let partition = try fixture.topic().partition("p.out", writer: "p/out")
        let writer = try PartitionWriter.open(partition, token: nil)
        for epoch in 1...10_000 {
            let cut = try writer.cut(epoch: UInt64(epoch), watermark: 5)
            try cut.sync()
            try cut.commit()
        }
        #expect(partition.byteCount < 100_000)
    }

    @Test("a partition's folder is not the topic's own record")
    func partitionNamedAsRecord() throws {
        let fixture = try TopicFixture()
        let topic = try fixture.topic()
        // Pipeline `topic`, sink `journal`.
        if let partition = try? topic.partition("topic.journal", writer: "topic/journal") {
            let writer = try PartitionWriter.open(partition, token: nil)
            _ = try Self.commit(writer, 0..<10, epoch: 1)
            writer.close()
            // `reset topic --output replace`
            try topic.removePartition(partition)
        }
        let again = try TopicFixture(fixture.disk.afterKill())
        #expect(try again.store.topic("t") != nil)
    }

    @Test("retention that was refused once leaves no gap")
    func retentionGap() throws {
        let fixture = try TopicFixture()
        let partition = try fixture.topic().partition("p.out", writer: "p/out")
        let writer = try PartitionWriter.open(partition, token: nil)
        var token: PartitionToken?
        for epoch in 0..<30 {
            token = try Self.commit(writer, epoch * 10..<epoch * 10 + 10, epoch: epoch + 1)
        }
        let old = try partition.oldSegments()
        fixture.disk.inject(SimulatedFault(.unlink, skipping: 0, code: EIO, isPermanent: false))
        #expect(throws: StoreError.self) { try partition.removeSegments(before: old[1].base) }
        fixture.disk.removeFaults()
        try partition.removeSegments(before: old[2].base)
        writer.close()
        let again = try TopicFixture(
            fixture.disk.afterKill(), tokens: ["p/out t": try #require(token).encoded])
        let found = try #require(try again.store.topic("t")?.partitions.first)
        let report = try TopicVerification.run(
            found, decode: { _, _, _ in nil }, progress: { _ in true })
        #expect(report.damage.isEmpty, "\(report.damage.map(\.message))")
    }

    @Test("a topic with a torn tail opens on a full disk")
    func tornOnFullDisk() throws {
        let fixture = try TopicFixture(segmentBytes: 1 << 20)
        let partition = try fixture.topic().partition("p.out", writer: "p/out")
        let writer = try PartitionWriter.open(partition, token: nil)
        let token = try Self.commit(writer, 0..<10, epoch: 1)
        var blocks = TopicFixture.blocks([10..<5000])
        try writer.append(&blocks)
        let disk = fixture.disk.afterKill()
        let path = "/s/topics/t/p.out~1/00000000000000000000.segment"
        // A part of the write of rows that were never committed.
        let bytes = try #require(disk.contents(path))
        disk.setContents(path, Array(bytes.dropLast(1000)))
        let again = try TopicFixture(disk, tokens: ["p/out t": token.encoded])
        var used = 0
        for folder in ["/s", "/s/topics/t/topic.journal", "/s/topics/t/p.out~1"] {
            for name in try disk.list(folder) {
                used += disk.contents("\(folder)/\(name)")?.count ?? 0
            }
        }
        disk.setCapacity(used + 1000)
        #expect(throws: Never.self) { try again.store.topic("t") }
    }
}
