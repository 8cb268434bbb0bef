import TestSupport
import Testing

@testable import Store

@Suite("Segment")
struct SegmentTests {
    private let identity = Array("clicks/0".utf8)

    /// A topic's segment with a block for each of the texts, synced after each.
    private func segment(
        _ texts: [String], isSealed: Bool = false, predecessor: Predecessor? = nil
    ) throws -> (disk: SimulatedFileSystem, tip: SegmentTip) {
        let disk = SimulatedFileSystem()
        let writer = try SegmentWriter.create(
            "/s",
            SegmentHeader(
                kind: .topic, identity: identity, number: 1, predecessor: predecessor),
            fileSystem: disk)
        for (index, text) in texts.enumerated() {
            var blocks = BlockBuffer()
            blocks.begin(.rows)
            Array(text.utf8).withUnsafeBytes { blocks.appendPayload($0) }
            blocks.noteRow(time: Int64(index))
            try writer.append(&blocks)
            try writer.sync()
        }
        if isSealed { try writer.seal(SegmentSeal()) }
        writer.close()
        return (disk, writer.tip)
    }

    private func read(_ disk: SimulatedFileSystem) throws -> (texts: [String], SegmentReader) {
        let file = try disk.open("/s", .read, permissions: 0)
        let reader = try SegmentReader(file, length: disk.status(file).length, fileSystem: disk)
        var texts: [String] = []
        while let (header, payload) = try reader.next() {
            if header.type == .rows { texts.append(String(decoding: payload, as: UTF8.self)) }
        }
        return (texts, reader)
    }

    @Test("gives back what was appended, and where it stands", arguments: [false, true])
    func roundTrip(isSealed: Bool) throws {
        let texts = ["", "a", String(repeating: "long ", count: 100_000), "b"]
        let (disk, tip) = try segment(texts, isSealed: isSealed)
        let (found, reader) = try read(disk)
        #expect(found == texts)
        #expect(reader.isSealed == isSealed)
        #expect(reader.torn == nil)
        var expected = tip
        expected.syncedLength = 0
        #expect(reader.tip == expected)
        #expect(reader.tip.nextOffset == 4)
        #expect(reader.tip.minTime == 0 && reader.tip.maxTime == 3)
    }

    @Test("begins with the offset after its predecessor's last one")
    func predecessor() throws {
        let (first, tip) = try segment(["a", "b"], isSealed: true)
        #expect(try read(first).1.tip.predecessor == tip.predecessor)
        #expect(tip.predecessor.lastOffset == 1)
        let (second, next) = try segment(["c"], predecessor: tip.predecessor)
        #expect(next.nextOffset == 3)
        #expect(try read(second).1.header.predecessor == tip.predecessor)
    }

    @Test("bytes after a footer are damage")
    func afterFooter() throws {
        let (disk, tip) = try segment(["a"], isSealed: true)
        disk.setContents("/s", (disk.contents("/s") ?? []) + [0])
        let error = #expect(throws: StoreError.self) { try read(disk) }
        #expect(error?.kind == .damaged)
        #expect(error?.position == tip.length)
    }

    @Test("a block of another log is damage, however whole it is")
    func otherLog() throws {
        let (disk, _) = try segment(["a", "b"])
        let other = SimulatedFileSystem()
        let writer = try SegmentWriter.create(
            "/s", SegmentHeader(kind: .topic, identity: Array("clicks/1".utf8), number: 1),
            fileSystem: other)
        var blocks = BlockBuffer()
        blocks.begin(.rows)
        Array("a".utf8).withUnsafeBytes { blocks.appendPayload($0) }
        blocks.noteRow(time: 0)
        try writer.append(&blocks)
        let mine = try #require(disk.contents("/s"))
        let theirs = try #require(other.contents("/s"))
        let header = 64 + 24 + 8
        disk.setContents("/s", Array(mine[..<header] + theirs[header...] + mine[(header + 65)...]))
        let error = #expect(throws: StoreError.self) { try read(disk) }
        #expect(error?.kind == .damaged)
        #expect(error?.position == Int64(header))
        #expect(
            error?.message
                == "cannot read '/s' at byte 96: the checksum of the block's header does "
                + "not match, and the block at byte 161 states that this had been synced; "
                + "restore the file from a backup, or reset what it belongs to")
    }

    @Test("looks for a witness across the whole rest of the file")
    func distantWitness() throws {
        let far = String(repeating: "PLB\u{31}", count: 200_000)
        let (disk, _) = try segment(["a", far, "b"])
        var bytes = try #require(disk.contents("/s"))
        bytes[100] ^= 1
        disk.setContents("/s", bytes)
        let error = #expect(throws: StoreError.self) { try read(disk) }
        #expect(error?.kind == .damaged)
        #expect(error?.position == 96)
    }

    @Test("a length is not believed before its checksum, nor beyond the file")
    func lengths() throws {
        let (disk, _) = try segment(["a", "b"])
        let bytes = try #require(disk.contents("/s"))
        let last = bytes.count - 65
        for length: UInt32 in [.max, 1 << 26, (1 << 26) + 1, 0] {
            for isChecksumRight in [false, true] {
                var changed = bytes
                withUnsafeBytes(of: length.littleEndian) {
                    changed.replaceSubrange(last + 8..<last + 12, with: $0)
                }
                if isChecksumRight {
                    let sum = changed[last..<last + 60].withUnsafeBytes {
                        SegmentFormat.checksum($0, seed: SegmentFormat.seed(identity: identity))
                    }
                    withUnsafeBytes(of: sum.littleEndian) {
                        changed.replaceSubrange(last + 60..<last + 64, with: $0)
                    }
                }
                disk.setContents("/s", changed)
                let (texts, reader) = try read(disk)
                #expect(texts == ["a"])
                #expect(reader.torn?.position == Int64(last))
            }
        }
    }

    @Test("a header whose checksum is right and whose fields contradict the file is refused")
    func contradictions() throws {
        let (disk, tip) = try segment(["a", "b"])
        let bytes = try #require(disk.contents("/s"))
        let last = bytes.count - 65
        let fields: [(at: Int, value: [UInt8], cause: String)] = [
            (4, [0, 0], "the block has format version 0"),
            (6, [99], "the block is of the unknown type 99"),
            (6, [1], "a second header stands in the file"),
            (16, [9], "the block begins with row 9 and not 1"),
            (40, [1], "the block was written for byte"),
            (48, [255, 255], "the block states that 65535 bytes before it were synced"),
            (55, [255], "the block states that -"),
        ]
        for field in fields {
            var changed = bytes
            let start = last + field.at
            changed.replaceSubrange(start..<start + field.value.count, with: field.value)
            let sum = changed[last..<last + 60].withUnsafeBytes {
                SegmentFormat.checksum($0, seed: SegmentFormat.seed(identity: identity))
            }
            withUnsafeBytes(of: sum.littleEndian) {
                changed.replaceSubrange(last + 60..<last + 64, with: $0)
            }
            disk.setContents("/s", changed)
            let (texts, reader) = try read(disk)
            #expect(texts == ["a"])
            #expect(reader.torn?.position == tip.length - 65)
            let cause = try #require(reader.torn?.cause)
            #expect(cause.hasPrefix(field.cause), "\(cause)")
        }
    }

    @Test("random bytes are never a segment", arguments: 0..<4)
    func garbage(round: Int) throws {
        let seed = testSeed &+ UInt64(round)
        var random = SeededRandom(seed: seed)
        let (disk, _) = try segment(["a", "bb", "ccc"], isSealed: true)
        let whole = try #require(disk.contents("/s"))
        for _ in 0..<300 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...40, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                bytes[place] = UInt8.random(in: 0...255, using: &random)
            }
            if bytes == whole { continue }
            disk.setContents("/s", bytes)
            do {
                let (texts, _) = try read(disk)
                let isPrefix = ["a", "bb", "ccc"].starts(with: texts)
                #expect(isPrefix, "seed \(seed)")
            } catch let error as StoreError {
                #expect(error.kind == .damaged, "seed \(seed)")
            }
        }
    }
}
