import Synchronization

/// Reads all that is committed of a partition, and says where it is not what was written.
///
/// Each segment is read whole: every checksum, the links between segments, and that index and footer
/// say of the blocks what these say themselves. What a block's payload means is for who calls.
package struct TopicVerification {
    /// What was found.
    package struct Report: Sendable {
        package var segments = 0
        package var blocks = 0
        package var rows: UInt64 = 0
        package var bytes: Int64 = 0
        /// Each names file and byte. The rest of that segment was not read.
        package var damage: [StoreError] = []

        package init() {}
    }

    /// Looks at a payload: its rows' first offset and number, and its bytes. Returns what is wrong.
    package typealias Decode = (UInt64, Int, UnsafeRawBufferPointer) -> String?

    private let partition: Partition
    private let decode: Decode
    /// Told how many more bytes have been read; returns false to end there.
    private let progress: (Int64) -> Bool
    private var report = Report()

    /// Reads a partition as it is committed now; its writer may go on.
    ///
    /// - Throws: ``StoreError`` `.io`, where nothing can be said.
    /// - Complexity: Reads every byte; holds one block and the places of one segment.
    package static func run(
        _ partition: Partition, decode: @escaping Decode, progress: @escaping (Int64) -> Bool
    ) throws(StoreError) -> Report {
        var verification = TopicVerification(
            partition: partition, decode: decode, progress: progress)
        try verification.run()
        return verification.report
    }

    private mutating func run() throws(StoreError) {
        let (bases, end) = partition.state.withLock { ($0.segments.map(\.base), $0.mark.end) }
        var expected: (base: UInt64, predecessor: Predecessor)?
        for (index, base) in bases.enumerated() where base <= end.segment {
            let isLast = index == bases.count - 1
            do throws(StoreError) {
                let next = try verify(base, isLast: isLast, end: end, expected)
                expected = next.map { ($0.nextOffset, $0.predecessor) }
                if let next, base < end.segment, !isLast, bases[index + 1] != next.nextOffset {
                    let path = partition.files.path(bases[index + 1])
                    throw .damaged(
                        path, at: 0,
                        "it begins with row \(bases[index + 1]), and the segment before "
                            + "it ends before row \(next.nextOffset)")
                }
                if next == nil { return }
            } catch {
                expected = nil
                switch error.kind {
                case .damaged, .newerVersion, .foreign, .tooLarge, .wrongType:
                    report.damage.append(error)
                case .notFound:
                    // Retention may have removed it meanwhile.
                    let isKept = partition.state.withLock { state in
                        state.segments.contains { $0.base == base }
                    }
                    if isKept, !partition.isDeleted { report.damage.append(error) }
                default: throw error
                }
            }
        }
    }

    private struct Next {
        var nextOffset: UInt64
        var predecessor: Predecessor
    }

    /// Reads one segment; nil when no more is wanted.
    private mutating func verify(
        _ base: UInt64, isLast: Bool, end: PartitionEnd,
        _ expected: (base: UInt64, predecessor: Predecessor)?
    ) throws(StoreError) -> Next? {
        let files = partition.files
        let file = try files.fileSystem.open(files.path(base), .read, permissions: 0)
        defer { files.fileSystem.close(file) }
        var length = try files.fileSystem.status(file).length
        if isLast {
            guard length >= end.length else {
                throw .damaged(
                    file.path, at: length,
                    "the file ends before byte \(end.length), up to which its "
                        + "rows were committed")
            }
            length = end.length
        }
        let reader = try SegmentReader(file, length: length, fileSystem: files.fileSystem)
        try reader.expect(.topic, identity: files.identity, number: base)
        if let expected, expected.base == base, reader.header.predecessor != expected.predecessor {
            throw .damaged(file.path, at: 0, "it does not follow the segment before it")
        }
        report.segments += 1
        var content = Content(path: file.path)
        var told: Int64 = 0
        while let (header, payload) = try reader.next() {
            try content.take(header, payload)
            if header.type == .rows {
                report.rows += UInt64(header.rowCount)
                if let fault = decode(header.firstOffset, Int(header.rowCount), payload) {
                    throw .damaged(file.path, at: header.position, fault)
                }
            }
            report.blocks += 1
            report.bytes += reader.tip.length - told
            defer { told = reader.tip.length }
            if !progress(reader.tip.length - told) { return nil }
        }
        if let torn = reader.torn { throw .damaged(file.path, at: torn.position, torn.cause) }
        if isLast {
            guard reader.tip.length == end.length, reader.tip.nextOffset == end.nextOffset,
                reader.tip.digest == end.digest
            else {
                throw .damaged(
                    file.path, at: reader.tip.length,
                    "its blocks are not those that were committed up to byte \(end.length)")
            }
        }
        guard let footer = reader.footer else {
            if base < end.segment {
                throw .damaged(file.path, at: reader.tip.length, "the segment has no footer")
            }
            return Next(
                nextOffset: reader.tip.nextOffset, predecessor: reader.tip.predecessor)
        }
        try content.check(footer)
        return Next(
            nextOffset: footer.nextOffset,
            predecessor: Predecessor(
                lastOffset: Int64(bitPattern: footer.nextOffset) &- 1, digest: footer.linkDigest))
    }
}

/// What a segment's blocks say, for comparison with its index and footer.
private struct Content {
    let path: String
    private var places: [BlockPlace] = []
    private var indexPosition: Int64 = 0
    private var times: ClosedRange<Int64>?
    private var rows: UInt64 = 0

    init(path: String) { self.path = path }

    mutating func take(_ header: BlockHeader, _ payload: UnsafeRawBufferPointer)
        throws(StoreError)
    {
        switch header.type {
        case .rows:
            guard header.rowCount > 0 else {
                throw .damaged(path, at: header.position, "a block of rows has none")
            }
            places.append(BlockPlace(header))
            rows += UInt64(header.rowCount)
            let low = min(header.minTime, times?.lowerBound ?? header.minTime)
            times = low...max(header.maxTime, times?.upperBound ?? header.maxTime)
        case .mark:
            guard CommitMark(payload) != nil else {
                throw .damaged(path, at: header.position, "the block's payload is no mark")
            }
        case .index:
            guard let index = SegmentIndex.decode(payload), index == places else {
                throw .damaged(
                    path, at: header.position, "the index does not match the blocks")
            }
            indexPosition = header.position
        case .footer: break
        case .segmentHeader, .base, .changes:
            throw .damaged(path, at: header.position, "a block is out of place")
        }
    }

    /// Counts and digest were compared when the footer was read.
    func check(_ footer: SegmentFooter) throws(StoreError) {
        guard footer.indexPosition == indexPosition, footer.rowCount == rows,
            rows == 0 || footer.minTime...max(footer.minTime, footer.maxTime) == times
        else {
            throw .damaged(path, at: indexPosition, "the footer does not match the blocks")
        }
    }
}
