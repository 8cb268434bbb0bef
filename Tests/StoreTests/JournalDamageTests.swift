import TestSupport
import Testing

@testable import Store

/// A journal of four epochs that is cut and flipped everywhere.
@Suite("Damaged journal")
struct JournalDamageTests {
    /// Where the base and each record end, in bytes of the file.
    private struct Sample {
        var bytes: [UInt8]
        var ends: [Int]
        var states: [Contents]
    }

    private let identity = Array("views/1".utf8)
    private let path = "/state/p/1.journal"

    /// The base is epoch 1; three records follow, the second of them in three blocks.
    private func sample(isClosed: Bool) throws -> Sample {
        let workload = Workload(seed: 7, epochs: 4, changes: 9 * min(testDepth, 10))
        let disk = SimulatedFileSystem()
        disk.setContents("/state/x", [])
        let journal = try Journal.open(
            directory: "/state/p", identity: identity, fileSystem: disk)
        var ends: [Int] = []
        for epoch in workload.epochs.indices {
            var record = workload.record(epoch, blockBytes: epoch == 2 ? 120 : 1 << 20)
            try journal.commit(&record)
            ends.append(Int(journal.byteCount))
        }
        if isClosed { journal.close() }
        let bytes = try #require(disk.contents(path))
        return Sample(bytes: bytes, ends: ends, states: Array(workload.states.dropFirst()))
    }

    private enum Outcome: Equatable {
        case state(Int)
        case damage
    }

    /// Opens a journal of these bytes. Whatever it says must be true: a state of the sample, with the
    /// right number of torn bytes, kept aside; or an error that names the file and a byte of it.
    private func outcome(_ bytes: [UInt8], _ sample: Sample, _ what: String) -> Outcome? {
        let disk = SimulatedFileSystem()
        disk.setContents(path, bytes)
        let journal: Journal
        do throws(StoreError) {
            journal = try Journal.open(
                directory: "/state/p", identity: identity, fileSystem: disk)
        } catch {
            let position = error.position ?? -1
            if error.kind != .damaged || error.path != path || position < 0
                || position > Int64(bytes.count) || !error.message.contains("'\(path)' at byte")
                || disk.contents(path) != bytes
            {
                Issue.record("\(what): \(error.message)")
            }
            return .damage
        }
        guard let found = journal.recovered?.contents,
            let epoch = sample.states.firstIndex(of: found)
        else {
            Issue.record("\(what): a state that was never committed")
            return nil
        }
        let kept = disk.contents(path) ?? []
        let cut = bytes.count - kept.count
        if journal.tornBytes != Int64(cut) || kept != Array(bytes.prefix(kept.count)) {
            Issue.record("\(what): cut \(cut) bytes and reports \(journal.tornBytes)")
        }
        if cut > 0, disk.contents(path + ".torn-1") != Array(bytes.suffix(cut)) {
            Issue.record("\(what): the torn tail was not kept")
        }
        return .state(epoch)
    }

    @Test("cut at every byte: an error inside the base, the last whole epoch after it")
    func truncated() throws {
        let sample = try sample(isClosed: false)
        #expect(sample.bytes.count <= 16 << 10)
        var counts = (errors: 0, recovered: 0)
        for length in 0...sample.bytes.count {
            let expected: Outcome =
                sample.ends.lastIndex { $0 <= length }.map { .state($0) } ?? .damage
            let found = outcome(
                Array(sample.bytes.prefix(length)), sample, "cut at byte \(length)")
            #expect(found == expected, "cut at byte \(length)")
            if found == .damage { counts.errors += 1 } else { counts.recovered += 1 }
        }
        print(
            "journal of \(sample.ends.count) epochs and \(sample.bytes.count) bytes cut at every "
                + "byte: \(counts.recovered) recovered to the last whole epoch, "
                + "\(counts.errors) errors, 0 wrong")
    }

    @Test(
        "every bit flipped: only the last record may be taken for torn", arguments: [false, true])
    func flipped(isClosed: Bool) throws {
        let sample = try sample(isClosed: isClosed)
        // A mark at the end states that the last record had been synced.
        let certain = isClosed ? sample.ends[3] : sample.ends[2]
        let earlier: Outcome = isClosed ? .state(3) : .state(2)
        var counts = (errors: 0, recovered: 0)
        for bit in 0..<sample.bytes.count * 8 {
            var bytes = sample.bytes
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
            let expected: Outcome = bit / 8 < certain ? .damage : earlier
            let found = outcome(bytes, sample, "bit \(bit) flipped")
            #expect(found == expected, "bit \(bit) flipped, at byte \(bit / 8)")
            if found == .damage { counts.errors += 1 } else { counts.recovered += 1 }
        }
        print(
            "journal of \(sample.ends.count) epochs and \(sample.bytes.count) bytes"
                + (isClosed ? ", closed" : "") + ", each of \(sample.bytes.count * 8) bits "
                + "flipped: \(counts.errors) errors that name file and byte, "
                + "\(counts.recovered) recovered to the epoch before the last, 0 wrong")
    }

    @Test("zeroed, repeated and exchanged stretches are found", arguments: [64, 512])
    func pages(pageBytes: Int) throws {
        let sample = try sample(isClosed: true)
        let pages = sample.bytes.count / pageBytes
        for page in 0..<pages {
            let range = page * pageBytes..<(page + 1) * pageBytes
            var bytes = sample.bytes
            bytes.replaceSubrange(range, with: repeatElement(0, count: pageBytes))
            // The mark alone says that the last record had been synced. What hits both looks like
            // a torn tail, and what hits only the mark costs nothing.
            let expected: Outcome =
                range.upperBound <= sample.ends[3]
                ? .damage : .state(range.lowerBound < sample.ends[3] ? 2 : 3)
            #expect(outcome(bytes, sample, "page \(page) zeroed") == expected)
            for other in 0..<pages where other != page {
                bytes = sample.bytes
                let from = other * pageBytes
                bytes.replaceSubrange(range, with: sample.bytes[from..<from + pageBytes])
                if bytes == sample.bytes { continue }
                let found = outcome(bytes, sample, "page \(page) replaced by page \(other)")
                #expect(found == expected)
            }
        }
    }

    @Test("a tail of zeros is cut and not kept")
    func zeros() throws {
        let sample = try sample(isClosed: false)
        let disk = SimulatedFileSystem()
        disk.setContents(path, sample.bytes + [UInt8](repeating: 0, count: 5000))
        let journal = try Journal.open(
            directory: "/state/p", identity: identity, fileSystem: disk)
        #expect(journal.tornBytes == 5000)
        #expect(journal.torn?.keptAt == nil)
        #expect(journal.recovered?.contents == sample.states[3])
        #expect(try disk.list("/state/p") == ["1.journal"])
    }

    @Test("a whole block that was copied to another place is not believed")
    func copied() throws {
        let sample = try sample(isClosed: true)
        let mark = sample.bytes.suffix(64)
        let found = outcome(sample.bytes + mark, sample, "the mark twice")
        #expect(found == .state(3))
        let disk = SimulatedFileSystem()
        disk.setContents(path, sample.bytes + mark)
        let journal = try Journal.open(
            directory: "/state/p", identity: identity, fileSystem: disk)
        #expect(journal.tornBytes == 64)
    }

    @Test("a file of another number or log is refused")
    func exchanged() throws {
        let sample = try sample(isClosed: true)
        let disk = SimulatedFileSystem()
        disk.setContents("/state/p/2.journal", sample.bytes)
        let error = #expect(throws: StoreError.self) {
            try Journal.open(directory: "/state/p", identity: identity, fileSystem: disk)
        }
        #expect(error?.kind == .foreign)
        #expect(disk.contents("/state/p/2.journal") == sample.bytes)
    }

    @Test("a block of a newer version is refused and left untouched")
    func newer() throws {
        let sample = try sample(isClosed: true)
        for (block, seed) in [
            (0, UInt32(0)), (sample.ends[0], SegmentFormat.seed(identity: identity)),
            (sample.ends[2], SegmentFormat.seed(identity: identity)),
        ] {
            var bytes = sample.bytes
            bytes[block + 4] = 2
            let sum = bytes[block..<block + 60].withUnsafeBytes {
                SegmentFormat.checksum($0, seed: seed)
            }
            withUnsafeBytes(of: sum.littleEndian) {
                bytes.replaceSubrange(block + 60..<block + 64, with: $0)
            }
            let disk = SimulatedFileSystem()
            disk.setContents(path, bytes)
            let error = #expect(throws: StoreError.self) {
                try Journal.open(directory: "/state/p", identity: identity, fileSystem: disk)
            }
            #expect(error?.kind == .newerVersion)
            #expect(error?.position == Int64(block))
            #expect(disk.contents(path) == bytes)

            // It is as much a witness as any other block.
            guard block > 0 else { continue }
            bytes[block - 1] ^= 1
            disk.setContents(path, bytes)
            let later = #expect(throws: StoreError.self) {
                try Journal.open(directory: "/state/p", identity: identity, fileSystem: disk)
            }
            #expect(later?.kind == .newerVersion)
            #expect(disk.contents(path) == bytes)
        }
    }

    @Test("keeps eight torn tails at most, the newest ones")
    func tornTails() throws {
        let sample = try sample(isClosed: false)
        let disk = SimulatedFileSystem()
        for round in 1...11 {
            disk.setContents(path, sample.bytes + [UInt8(round)])
            let journal = try Journal.open(
                directory: "/state/p", identity: identity, fileSystem: disk)
            #expect(journal.torn?.keptAt == "\(path).torn-\(round)")
        }
        #expect(try disk.list("/state/p").filter { $0.contains("torn") }.count == 8)
        #expect(disk.contents("\(path).torn-11") == [11])
    }
}
