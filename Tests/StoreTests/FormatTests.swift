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
        let bytes = try #require(disk.contents("/7.segment"))
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
        disk.setContents("/7.segment", try HexDump.golden("store/segment-v1.hex"))
        let file = try disk.open("/7.segment", .read, permissions: 0)
        let reader = try SegmentReader(
            file, length: disk.status(file).length, fileSystem: disk)
        try reader.expect(.topic, identity: Array("clicks/0".utf8), number: 7)
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

    private static func writeSegment(_ disk: SimulatedFileSystem) throws {
        let writer = try SegmentWriter.create(
            "/7.segment",
            SegmentHeader(
                kind: .topic, identity: Array("clicks/0".utf8), number: 7,
                predecessor: Predecessor(lastOffset: 41, digest: 0x1234_5678)),
            fileSystem: disk)
        var blocks = BlockBuffer()
        blocks.begin(.rows)
        Array("ab".utf8).withUnsafeBytes { blocks.appendPayload($0) }
        blocks.noteRow(time: 2000)
        blocks.noteRow(time: 1000)
        try writer.append(&blocks)
        try writer.sync()
        blocks.removeAll()
        blocks.begin(.rows)
        Array("c".utf8).withUnsafeBytes { blocks.appendPayload($0) }
        blocks.noteRow(time: 1500)
        try writer.append(&blocks)
        try writer.seal(SegmentSeal())
        try writer.sync()
        writer.close()
    }
}
