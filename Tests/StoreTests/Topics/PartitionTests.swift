import Testing

@testable import Store

@Suite("Partition")
struct PartitionTests {
    @Test("shows rows once they are committed, and not before")
    func visibility() throws {
        let fixture = try TopicFixture()
        let partition = try fixture.topic().partition("p.out", writer: "p/out")
        let writer = try PartitionWriter.open(partition, token: nil)
        var blocks = TopicFixture.blocks([0..<10, 10..<15])
        try writer.append(&blocks)
        #expect(try TopicFixture.rows(partition) == [])
        let cut = try writer.cut(epoch: 1, watermark: 14)
        #expect(try TopicFixture.rows(partition) == [])
        try cut.sync()
        var later = TopicFixture.blocks([15..<20])
        try writer.append(&later)
        #expect(try TopicFixture.rows(partition) == [])
        try cut.commit()
        #expect(try TopicFixture.rows(partition) == Array(0..<15))
        #expect(partition.committed.nextOffset == 15)
        #expect(partition.committed.watermark == 14)
    }

    @Test("reads on across many segments, from any offset")
    func segments() throws {
        let fixture = try TopicFixture()
        let partition = try fixture.topic().partition("p.out", writer: "p/out")
        let writer = try PartitionWriter.open(partition, token: nil)
        let follower = PartitionCursor(partition, at: 0)
        var followed: [Int] = []
        var end = 0
        for epoch in 1...30 {
            var blocks = TopicFixture.blocks([end..<end + 7, end + 7..<end + 12])
            end += 12
            try writer.append(&blocks)
            let cut = try writer.cut(epoch: UInt64(epoch), watermark: Int64(end))
            try cut.sync()
            try cut.commit()
            followed += try TopicFixture.rows(follower)
        }
        #expect(followed == Array(0..<end))
        #expect(partition.segmentCount > 5)
        for offset in stride(from: 0, to: end, by: 5) {
            #expect(try TopicFixture.rows(partition, from: UInt64(offset)) == Array(offset..<end))
        }
        #expect(try partition.rowCount() == UInt64(end))
        #expect(try partition.timeRange() == 0...Int64(end - 1))
        writer.close()

        let again = try TopicFixture(fixture.disk.afterKill())
        let found = try #require(try again.store.topic("t")?.partitions.first)
        #expect(try TopicFixture.rows(found) == Array(0..<end))
    }

    @Test("finds the first block at a time or after it")
    func times() throws {
        let fixture = try TopicFixture()
        let partition = try fixture.topic().partition("p.out", writer: "p/out")
        let writer = try PartitionWriter.open(partition, token: nil)
        for epoch in 0..<20 {
            var blocks = TopicFixture.blocks([epoch * 10..<epoch * 10 + 10])
            try writer.append(&blocks)
            let cut = try writer.cut(epoch: UInt64(epoch + 1), watermark: 0)
            try cut.sync()
            try cut.commit()
        }
        for time in 0..<200 {
            #expect(try partition.offset(atOrAfter: Int64(time)) == UInt64(time / 10 * 10))
        }
        #expect(try partition.offset(atOrAfter: 200) == 200)
        #expect(try partition.offset(atOrAfter: -5) == 0)
    }

    @Test("goes back to the checkpoint's token, and forward to it")
    func token() throws {
        let fixture = try TopicFixture()
        let partition = try fixture.topic().partition("p.out", writer: "p/out")
        let writer = try PartitionWriter.open(partition, token: nil)
        var tokens: [[UInt8]] = []
        for epoch in 0..<8 {
            var blocks = TopicFixture.blocks([epoch * 10..<epoch * 10 + 10])
            try writer.append(&blocks)
            let cut = try writer.cut(epoch: UInt64(epoch + 1), watermark: Int64(epoch))
            try cut.sync()
            // The last one is synced and in the journal, and its commit does not come.
            if epoch < 7 { try cut.commit() }
            tokens.append(try #require(cut.token).encoded)
        }
        let disk = fixture.disk.afterKill()
        let forward = try TopicFixture(disk, tokens: ["p/out t": tokens[7]])
        let found = try #require(try forward.store.topic("t")?.partitions.first)
        #expect(try TopicFixture.rows(found) == Array(0..<80))
        forward.close()
        let ahead = try TopicFixture(disk.afterKill(), tokens: ["p/out t": tokens[6]])
        #expect(throws: StoreError.self) { try ahead.store.topic("t") }

        let back = try TopicFixture(
            fixture.disk.afterKill(), tokens: ["p/out t": tokens[6]])
        let cutBack = try #require(try back.store.topic("t")?.partitions.first)
        #expect(try TopicFixture.rows(cutBack) == Array(0..<70))
        #expect(cutBack.uncommittedBytes > 0)
        let next = try PartitionWriter.open(cutBack, token: PartitionToken(tokens[6]))
        var blocks = TopicFixture.blocks([500..<503])
        try next.append(&blocks)
        let cut = try next.cut(epoch: 8, watermark: 9)
        try cut.sync()
        try cut.commit()
        #expect(try TopicFixture.rows(cutBack) == Array(0..<70) + [500, 501, 502])
    }

    @Test("has what was ingested, once it was acknowledged")
    func ingest() throws {
        let fixture = try TopicFixture()
        let partition = try fixture.topic().partition("ingest", writer: "")
        let writer = try PartitionWriter.open(partition, token: nil)
        for batch in 0..<30 {
            var blocks = TopicFixture.blocks([batch * 10..<batch * 10 + 10])
            try writer.append(&blocks)
            try writer.commit(
                producers: [Array("me".utf8): UInt64(batch), Array("you".utf8): 1000])
            #expect(try TopicFixture.rows(partition).count == batch * 10 + 10)
        }
        var blocks = TopicFixture.blocks([900..<910])
        try writer.append(&blocks)
        let again = try TopicFixture(fixture.disk.afterPowerCut(.lost, seed: 1))
        let found = try #require(try again.store.topic("t")?.partitions.first)
        #expect(try TopicFixture.rows(found) == Array(0..<300))
        #expect(found.producers[Array("me".utf8)]?.sequence == 29)
        #expect(found.producers[Array("you".utf8)]?.sequence == 1000)
    }

    @Test("does not tell of a producer's rows whose sync was refused")
    func refusedProducer() throws {
        let fixture = try TopicFixture()
        let partition = try fixture.topic().partition("ingest", writer: "")
        let writer = try PartitionWriter.open(partition, token: nil)
        for sequence in 1...2 {
            if sequence == 2 { fixture.disk.inject(SimulatedFault(.sync, code: 5)) }
            var blocks = TopicFixture.blocks([sequence * 10..<sequence * 10 + 10])
            try writer.append(&blocks)
            do { try writer.commit(producers: [[1]: UInt64(sequence)]) } catch {
                #expect(sequence == 2)
            }
        }
        #expect(partition.producers[[1]]?.sequence == 1)
        #expect(try TopicFixture.rows(partition).count == 10)
        writer.close()
        // Recovery finds rows and mark in one piece, and makes both durable.
        _ = try PartitionWriter.open(partition, token: nil)
        #expect(partition.producers[[1]]?.sequence == 2)
        #expect(try TopicFixture.rows(partition).count == 20)
    }

    @Test("takes no rows once its topic has been deleted")
    func deleted() throws {
        let fixture = try TopicFixture()
        let partition = try fixture.topic().partition("ingest", writer: "")
        let writer = try PartitionWriter.open(partition, token: nil)
        var blocks = TopicFixture.blocks([0..<10])
        try writer.append(&blocks)
        #expect(try fixture.store.delete("t"))
        #expect(throws: StoreError.self) { try writer.commit(producers: [:]) }
        var more = TopicFixture.blocks([10..<20])
        #expect(throws: StoreError.self) { try writer.append(&more) }
        writer.close()
        #expect(throws: StoreError.self) { try PartitionWriter.open(partition, token: nil) }
    }

    @Test("is opened without a checkpoint when two epochs in a row began a segment each")
    func twoRolls() throws {
        for epochs in 1...8 {
            let fixture = try TopicFixture(segmentBytes: 100)
            let partition = try fixture.topic().partition("p.out", writer: "p/out")
            let writer = try PartitionWriter.open(partition, token: nil)
            for epoch in 1...epochs + 1 {
                var blocks = TopicFixture.blocks([epoch * 10..<epoch * 10 + 10])
                try writer.append(&blocks)
                let cut = try writer.cut(epoch: UInt64(epoch), watermark: 0)
                try cut.sync()
                // The record of the last one never comes.
                if epoch <= epochs { try cut.commit() }
            }
            let again = try TopicFixture(fixture.disk.afterKill(), segmentBytes: 100)
            let found = try #require(try again.store.topic("t")?.partitions.first)
            #expect(try TopicFixture.rows(found) == Array(10..<epochs * 10 + 10))
        }
    }

    @Test("is one writer's alone")
    func oneWriter() throws {
        let fixture = try TopicFixture()
        let partition = try fixture.topic().partition("p.out", writer: "p/out")
        let writer = try PartitionWriter.open(partition, token: nil)
        let error = #expect(throws: StoreError.self) {
            try PartitionWriter.open(partition, token: nil)
        }
        #expect(error?.kind == .inUse)
        writer.close()
        try PartitionWriter.open(partition, token: nil).close()
    }
}
