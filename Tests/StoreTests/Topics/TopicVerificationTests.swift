import TestSupport
import Testing

@testable import Store

@Suite("Topic verification")
struct TopicVerificationTests {
    /// A partition of several segments, ingested.
    private func fixture() throws -> (TopicFixture, Partition) {
        let fixture = try TopicFixture()
        let partition = try fixture.topic().partition("ingest", writer: "")
        let writer = try PartitionWriter.open(partition, token: nil)
        for batch in 0..<12 {
            var blocks = TopicFixture.blocks([
                batch * 10..<batch * 10 + 4, batch * 10 + 4..<batch * 10 + 10,
            ])
            try writer.append(&blocks)
            try writer.commit(producers: [:])
        }
        return (fixture, partition)
    }

    private func verify(_ partition: Partition) throws -> TopicVerification.Report {
        try TopicVerification.run(partition, decode: { _, _, _ in nil }, progress: { _ in true })
    }

    @Test("finds nothing in a partition that is being written, and counts what is committed")
    func sound() throws {
        let (_, partition) = try fixture()
        #expect(partition.segmentCount > 2)
        var told: Int64 = 0
        let report = try TopicVerification.run(partition, decode: { _, _, _ in nil }) {
            told += $0
            return true
        }
        #expect(report.damage == [])
        #expect(report.rows == 120)
        #expect(report.segments == partition.committedBases.count)
        #expect(told == report.bytes)
        #expect(report.bytes <= partition.byteCount)
    }

    @Test("finds every byte that changed, and names the file")
    func everyByte() throws {
        let (fixture, partition) = try fixture()
        for base in partition.committedBases {
            let path = partition.files.path(base)
            let bytes = try #require(fixture.disk.contents(path))
            let end = partition.state.withLock {
                $0.segments.last?.base == base ? $0.mark.end : nil
            }
            for index in 0..<(end.map { Int($0.length) } ?? bytes.count) {
                var changed = bytes
                changed[index] ^= 0x20
                fixture.disk.setContents(path, changed)
                let report = try verify(partition)
                #expect(report.damage.contains { $0.path == path }, "byte \(index) of \(path)")
                #expect(report.damage.allSatisfy { $0.position != nil })
            }
            fixture.disk.setContents(path, bytes)
        }
        #expect(try verify(partition).damage == [])
    }

    @Test("finds a segment that is cut, missing, or another's")
    func files() throws {
        let (fixture, partition) = try fixture()
        let bases = partition.state.withLock { $0.segments.map(\.base) }
        let paths = bases.map { partition.files.path($0) }
        let second = try #require(fixture.disk.contents(paths[1]))
        fixture.disk.setContents(paths[1], Array(second.dropLast(1)))
        #expect(try verify(partition).damage.map(\.path) == [paths[1]])
        fixture.disk.setContents(paths[1], try #require(fixture.disk.contents(paths[0])))
        #expect(try verify(partition).damage.map(\.kind) == [.foreign])
        _ = try fixture.disk.unlink(paths[1])
        #expect(try verify(partition).damage.map(\.kind) == [.notFound])
    }

    @Test("names the block whose payload cannot be read")
    func payloads() throws {
        let (_, partition) = try fixture()
        let report = try TopicVerification.run(
            partition,
            decode: { first, count, payload in
                first <= 54 && 54 < first + UInt64(count) ? "row 54 is wrong" : nil
            }, progress: { _ in true })
        #expect(report.damage.count == 1)
        #expect(report.damage.first?.message.contains("row 54 is wrong") == true)
    }
}

extension Partition {
    /// The segments that have rows that count.
    fileprivate var committedBases: [UInt64] {
        state.withLock { state in
            state.segments.map(\.base).filter { $0 <= state.mark.end.segment }
        }
    }
}
