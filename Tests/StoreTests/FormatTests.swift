import Foundation
import TestSupport
import Testing

@testable import Store

/// What the formats are, byte by byte: what is written here can be read for ever.
@Suite("Format on disk")
struct FormatTests {
    @Test("a journal of two epochs has the documented bytes")
    func journal() throws {
        let disk = SimulatedFileSystem()
        disk.setContents("/s/x", [])
        try Self.writeJournal(disk)
        let bytes = try #require(disk.contents("/s/demo/1.journal"))
        expectGolden(HexDump.text(bytes), "store/journal-v1.hex")
        let page = try String(
            contentsOf: repositoryRoot.appendingPathComponent("docs/checkpoint-format.md"),
            encoding: .utf8)
        #expect(HexDump.bytes(inExampleOf: page) == bytes, "the page's example is out of date")
    }

    @Test("a sealed segment of a topic has the documented bytes")
    func segment() throws {
        let disk = SimulatedFileSystem()
        try Self.writeSegment(disk)
        let bytes = try #require(disk.contents("/42.segment"))
        expectGolden(HexDump.text(bytes), "store/segment-v1.hex")
        let page = try String(
            contentsOf: repositoryRoot.appendingPathComponent("docs/segment-format.md"),
            encoding: .utf8)
        #expect(HexDump.bytes(inExampleOf: page) == bytes, "the page's example is out of date")
    }

    @Test("a journal that version 1 wrote is read")
    func readsJournal() throws {
        let disk = SimulatedFileSystem()
        disk.setContents("/s/demo/1.journal", try HexDump.golden("store/journal-v1.hex"))
        let journal = try Journal.open(
            directory: "/s/demo", identity: Array("demo/1".utf8), fileSystem: disk)
        #expect(journal.torn == nil)
        #expect(
            journal.recovered?.contents
                == Contents(
                    meta: Array("m2".utf8),
                    entries: [
                        EntryName(node: Array("w".utf8), time: 20, key: Array("c1".utf8)): [2],
                        EntryName(node: Array("w".utf8), time: 20, key: Array("c2".utf8)): [3],
                    ]))
    }

    @Test("a segment that version 1 wrote is read")
    func readsSegment() throws {
        let disk = SimulatedFileSystem()
        disk.setContents("/42.segment", try HexDump.golden("store/segment-v1.hex"))
        let file = try disk.open("/42.segment", .read, permissions: 0)
        let reader = try SegmentReader(
            file, length: disk.status(file).length, fileSystem: disk)
        try reader.expect(.topic, identity: Array("clicks/ingest#9".utf8), number: 42)
        #expect(reader.header.predecessor == Predecessor(lastOffset: 41, digest: 0x1234_5678))
        var rows: [String] = []
        while let (header, payload) = try reader.next() {
            guard header.type == .rows else { continue }
            rows.append(
                "\(header.firstOffset) \(header.rowCount) \(header.minTime) \(header.maxTime) "
                    + String(decoding: payload, as: UTF8.self))
        }
        #expect(rows == ["42 2 1000 2000 ab", "44 1 1500 1500 c"])
        #expect(reader.isSealed)
        let sealed = try SealedSegment(
            file, identity: Array("clicks/ingest#9".utf8), number: 42, fileSystem: disk)
        #expect(sealed.footer.nextOffset == 45)
        #expect(try sealed.places(file).map(\.firstOffset) == [42, 44])
        let scan = try SegmentScan.read(
            file, identity: Array("clicks/ingest#9".utf8), base: 42, wanted: nil, isLast: false,
            fileSystem: disk)
        #expect(scan.mark?.end.nextOffset == 45)
        #expect(scan.producers[Array("me".utf8)] == ProducerState(sequence: 4, at: 6000))
        #expect(reader.torn == nil)
    }

    // MARK: - The examples of the pages

    private static func writeJournal(_ disk: SimulatedFileSystem) throws {
        let journal = try Journal.open(
            directory: "/s/demo", identity: Array("demo/1".utf8), fileSystem: disk)
        let node = Array("w".utf8)
        var record = JournalRecordBuilder()
        record.put(node: node, key: Array("c1".utf8), time: 10, value: [1])
        record.setMeta(Array("m1".utf8))
        try journal.commit(&record)
        record.put(node: node, key: Array("c1".utf8), time: 20, value: [2])
        record.put(node: node, key: Array("c2".utf8), time: 20, value: [3])
        record.put(node: node, key: Array("c3".utf8), time: 20, value: [4])
        record.delete(node: node, key: Array("c3".utf8), time: 20)
        record.deleteBelow(node: node, time: 20)
        record.setMeta(Array("m2".utf8))
        try journal.commit(&record)
        journal.close()
    }

    /// A sealed segment of a partition: a header, the mark that each begins with, two blocks of rows,
    /// the mark of their commit, an index, a footer.
    private static func writeSegment(_ disk: SimulatedFileSystem) throws {
        let identity = Array("clicks/ingest#9".utf8)
        let writer = try SegmentWriter.create(
            "/42.segment",
            SegmentHeader(
                kind: .topic, identity: identity, number: 42,
                predecessor: Predecessor(lastOffset: 41, digest: 0x1234_5678)),
            fileSystem: disk)
        var blocks = BlockBuffer()
        let before = PartitionEnd(
            segment: 7, tip: SegmentTip(length: 900, nextOffset: 42, digest: 0x0bad_cafe))
        blocks.appendMark(
            CommitMark(
                epoch: 0, end: before, watermark: .min, at: 5000,
                producers: [Array("me".utf8): ProducerState(sequence: 3, at: 4000)]))
        blocks.appendRows(count: 2, minTime: 1000, maxTime: 2000) { $0 += Array("ab".utf8) }
        var places = blocks.places(from: writer.tip)
        try writer.append(&blocks)
        try writer.sync()
        blocks.removeAll()
        blocks.appendRows(count: 1, minTime: 1500, maxTime: 1500) { $0 += Array("c".utf8) }
        places += blocks.places(from: writer.tip)
        try writer.append(&blocks)
        blocks.removeAll()
        let end = PartitionEnd(segment: 42, tip: writer.tip)
        blocks.appendMark(
            CommitMark(
                epoch: 0, end: end, watermark: .min, at: 6000,
                producers: [Array("me".utf8): ProducerState(sequence: 4, at: 6000)]))
        try writer.append(&blocks)
        try writer.seal(
            SegmentSeal(firstAppendedAt: 5000, lastAppendedAt: 6000), index: places)
        try writer.sync()
        writer.close()
    }
}
