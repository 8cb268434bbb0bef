/// What reading a segment from front to back has shown.
struct SegmentScan {
    var header: SegmentHeader
    /// Of the blocks of rows.
    var places: [BlockPlace] = []
    /// Where the last whole block ends.
    var tip: SegmentTip
    /// The same for the place that was asked for; `nil` where no block ends there.
    var wanted: SegmentTip?
    /// When the segment was begun, by its first mark; microseconds.
    var begunAt: Int64 = 0
    /// The last mark: without the writer's checkpoint it is the truth.
    var mark: CommitMark?
    var markPosition: Int64 = 0
    /// Where the segment stands behind that mark.
    var markTip: SegmentTip?
    /// The highest epoch that a mark states.
    var epoch: UInt64 = 0
    var producers: [[UInt8]: ProducerState] = [:]
    var torn: SegmentReader.Torn?
    var isSealed = false
    var length: Int64

    /// - Parameters:
    ///   - wanted: A length at which a block should end.
    ///   - isLast: Whether a torn tail is possible: in a segment that has a successor it is damage.
    static func read(
        _ file: OpenFile, identity: [UInt8], base: UInt64, wanted: Int64?, isLast: Bool,
        fileSystem: any FileSystem
    ) throws(StoreError) -> SegmentScan {
        let length = try fileSystem.status(file).length
        let reader = try SegmentReader(file, length: length, fileSystem: fileSystem)
        try reader.expect(.topic, identity: identity, number: base)
        var scan = SegmentScan(header: reader.header, tip: reader.tip, length: length)
        if reader.tip.length == wanted { scan.wanted = reader.tip }
        while let (header, payload) = try reader.next() {
            switch header.type {
            case .rows: scan.places.append(BlockPlace(header))
            case .mark:
                guard let mark = CommitMark(payload) else {
                    throw .damaged(
                        file.path, at: header.position, "the block's payload is no mark")
                }
                if scan.mark == nil { scan.begunAt = mark.at }
                scan.mark = mark
                scan.markPosition = header.position
                scan.markTip = reader.tip
                scan.epoch = max(scan.epoch, mark.epoch)
                scan.producers.merge(mark.producers) { _, new in new }
            case .index, .footer: break
            case .segmentHeader, .base, .changes:
                throw .damaged(file.path, at: header.position, "a block is out of place")
            }
            if header.end == wanted { scan.wanted = reader.tip }
        }
        scan.tip = reader.tip
        scan.tip.syncedLength = reader.confirmedLength
        scan.torn = reader.torn
        scan.isSealed = reader.isSealed
        if let torn = reader.torn, !isLast {
            throw .damaged(file.path, at: torn.position, torn.cause)
        }
        return scan
    }
}

/// What a partition's folder holds after recovery: its last segment ends with a durable mark of what
/// is committed, and nothing stands behind that.
struct PartitionRecovery {
    /// By first offset, ascending; all but the last are sealed.
    var bases: [UInt64] = []
    /// The bytes of each.
    var lengths: [Int64] = []
    /// The last segment; `nil` where there is none.
    var last: SegmentScan?
    var mark = CommitMark(epoch: 0, end: PartitionEnd(), watermark: .min, at: 0)
    var torn: TornTail?
    /// Bytes of rows that were never committed, and have been cut off.
    var uncommittedBytes: Int64 = 0
    private let files: PartitionFiles

    /// Makes a partition equal to what was committed, forward or back.
    ///
    /// Can be killed at any point and done again.
    ///
    /// - Parameters:
    ///   - token: What the writer's checkpoint says; `nil` where the last mark is the truth, since the
    ///     writer is the ingest path or has gone.
    ///   - clock: Microseconds since the epoch.
    /// - Throws: `.damaged` where committed rows are missing, or where a mark is ahead of the token:
    ///   the writer's journal has lost an epoch. `.foreign`, `.newerVersion`, `.io`, `.full`.
    /// - Complexity: One pass over the last segment.
    static func run(_ files: PartitionFiles, token: PartitionToken?, clock: Int64)
        throws(StoreError) -> PartitionRecovery
    {
        var recovery = PartitionRecovery(files: files)
        let names = try files.fileSystem.list(files.directory)
        for name in names where SegmentName.isTemporary(name) {
            try files.fileSystem.unlink("\(files.directory)/\(name)")
        }
        recovery.bases = names.compactMap(SegmentName.base(of:)).sorted()
        if let token {
            try recovery.settle(to: token, clock: clock)
        } else {
            try recovery.settleToMark()
        }
        for base in recovery.bases.dropLast() {
            let length = try files.fileSystem.status(path: files.path(base))?.length
            recovery.lengths.append(length ?? 0)
        }
        if let last = recovery.last { recovery.lengths.append(last.length) }
        return recovery
    }

    private init(files: PartitionFiles) { self.files = files }

    // MARK: With a checkpoint

    private mutating func settle(to token: PartitionToken, clock: Int64) throws(StoreError) {
        let end = token.end
        guard bases.contains(end.segment) else {
            // Nothing was committed before the first segment got its name.
            if bases.isEmpty, end.length == 0 { return }
            throw .rowsMissing(files.directory, segment: end.segment)
        }
        // What was begun after the commit goes, from the newest on.
        while let base = bases.last, base != end.segment {
            let newer = try files.scan(base, wanted: nil, isLast: true)
            try check(newer, base, isNotAheadOf: token)
            uncommittedBytes += newer.length
            try remove(base)
        }
        var scan = try files.scan(end.segment, wanted: end.length, isLast: true)
        try check(scan, end.segment, isNotAheadOf: token)
        mark = CommitMark(
            epoch: token.epoch, end: end, watermark: token.watermark, at: scan.mark?.at ?? clock)
        let tip = try committedTip(of: scan, end)
        let isMarked =
            scan.mark?.end == end && scan.mark?.epoch == token.epoch && scan.torn == nil
            && !scan.isSealed && (scan.places.last?.end ?? 0) <= end.length
        if !isMarked {
            let file = try files.fileSystem.open(files.path(end.segment), .write, permissions: 0)
            defer { files.fileSystem.close(file) }
            // What is torn is of rows that were never committed: nothing that must be kept.
            uncommittedBytes += scan.length - end.length
            try files.fileSystem.truncate(file, to: end.length)
            // Before the mark, so that it cannot be told from a block behind a hole.
            try files.fileSystem.sync(file)
            scan.places.removeAll { $0.position >= end.length }
            scan.tip = try files.append(mark, to: file, at: tip)
            scan.length = scan.tip.length
            scan.isSealed = false
        }
        last = scan
    }

    private func check(_ scan: SegmentScan, _ base: UInt64, isNotAheadOf token: PartitionToken)
        throws(StoreError)
    {
        guard scan.epoch <= token.epoch else {
            throw .markAhead(files.path(base), mark: scan.epoch, record: token.epoch)
        }
    }

    /// Where the segment stands at the end of what is committed, which must be what was written.
    private func committedTip(of scan: SegmentScan, _ end: PartitionEnd) throws(StoreError)
        -> SegmentTip
    {
        guard var tip = scan.wanted, tip.digest == end.digest, tip.nextOffset == end.nextOffset
        else {
            throw .damaged(
                files.path(end.segment), at: min(end.length, scan.tip.length),
                "rows that were committed up to byte \(end.length) are missing or changed")
        }
        tip.syncedLength = tip.length
        return tip
    }

    // MARK: Without one

    private mutating func settleToMark() throws(StoreError) {
        while let newest = bases.last {
            var scan = try files.scan(newest, wanted: nil, isLast: true)
            guard let found = scan.mark, let tip = scan.markTip else {
                throw .damaged(
                    files.path(newest), at: scan.tip.length,
                    "the segment has no mark of what counts")
            }
            mark = found
            let end = found.end
            if end.segment != newest, end.nextOffset != newest {
                // Its predecessor has rows that were not committed when it was begun. That one states the
                // same end itself, or is in turn a segment that goes.
                guard bases.contains(end.segment), end.segment < newest else {
                    throw .rowsMissing(files.directory, segment: end.segment)
                }
                uncommittedBytes += scan.length
                try remove(newest)
                continue
            }
            let limit = end.segment == newest ? end.length : 0
            let isMixed = scan.places.contains {
                $0.position >= limit && $0.position < scan.markPosition
            }
            if isMixed {
                scan = try replace(newest, scan, mark: found)
            } else {
                try cut(&scan, newest, to: tip)
            }
            last = scan
            return
        }
    }

    /// Cuts off what stands behind the last mark, and makes what is left durable: it may be whole in
    /// memory only, as its writer was killed before it could sync.
    private mutating func cut(_ scan: inout SegmentScan, _ base: UInt64, to tip: SegmentTip)
        throws(StoreError)
    {
        let file = try files.fileSystem.open(files.path(base), .write, permissions: 0)
        defer { files.fileSystem.close(file) }
        try keepTorn(scan, file)
        if scan.length > tip.length {
            uncommittedBytes += scan.tip.length - tip.length
            try files.fileSystem.truncate(file, to: tip.length)
            try files.fileSystem.sync(file)
        }
        try files.rewrite(file, from: scan.tip.syncedLength, to: tip.length)
        scan.places.removeAll { $0.position >= tip.length }
        scan.isSealed = false
        scan.length = tip.length
        scan.tip = tip
        scan.tip.syncedLength = tip.length
    }

    /// Gives a segment the rows up to the end that its last mark states and then that mark, in place
    /// of rows that were not committed and stand between the two.
    private mutating func replace(_ base: UInt64, _ scan: SegmentScan, mark: CommitMark)
        throws(StoreError) -> SegmentScan
    {
        let end = mark.end
        let isOwn = end.segment == base
        let kept = try files.scan(base, wanted: isOwn ? end.length : nil, isLast: true)
        var tip: SegmentTip
        if isOwn {
            tip = try committedTip(of: kept, end)
        } else {
            tip = try files.headerTip(base)
        }
        let temporary = files.temporaryPath(base)
        do throws(StoreError) {
            let file = try files.fileSystem.open(temporary, .replace, permissions: 0o600)
            defer { files.fileSystem.close(file) }
            try files.copy(base, to: file, length: tip.length)
            tip = try files.append(mark, to: file, at: tip)
        } catch {
            _ = try? files.fileSystem.unlink(temporary)
            throw error
        }
        try files.fileSystem.rename(temporary, to: files.path(base))
        try files.fileSystem.syncDirectory(files.directory)
        uncommittedBytes += scan.length - tip.length
        return try files.scan(base, wanted: nil, isLast: true)
    }

    private mutating func keepTorn(_ scan: SegmentScan, _ file: OpenFile) throws(StoreError) {
        guard let found = scan.torn else { return }
        torn = try TornTail.cut(
            file, at: scan.tip.length, length: scan.length,
            cause: "at byte \(found.position): \(found.cause)", fileSystem: files.fileSystem)
    }

    private mutating func remove(_ base: UInt64) throws(StoreError) {
        try files.fileSystem.unlink(files.path(base))
        try files.fileSystem.syncDirectory(files.directory)
        bases.removeLast()
    }
}

/// The files of a partition, by first offset.
struct PartitionFiles {
    let directory: String
    let identity: [UInt8]
    let fileSystem: any FileSystem

    init(_ directory: String, _ identity: [UInt8], _ fileSystem: any FileSystem) {
        self.directory = directory
        self.identity = identity
        self.fileSystem = fileSystem
    }

    func path(_ base: UInt64) -> String { "\(directory)/\(SegmentName.name(base))" }
    func temporaryPath(_ base: UInt64) -> String {
        "\(directory)/\(SegmentName.temporaryName(base))"
    }

    func scan(_ base: UInt64, wanted: Int64?, isLast: Bool) throws(StoreError) -> SegmentScan {
        let file = try fileSystem.open(path(base), .read, permissions: 0)
        defer { fileSystem.close(file) }
        return try .read(
            file, identity: identity, base: base, wanted: wanted, isLast: isLast,
            fileSystem: fileSystem)
    }

    func sealed(_ base: UInt64) throws(StoreError) -> SealedSegment {
        let file = try fileSystem.open(path(base), .read, permissions: 0)
        defer { fileSystem.close(file) }
        return try SealedSegment(file, identity: identity, number: base, fileSystem: fileSystem)
    }

    /// Where a segment stands behind its header.
    func headerTip(_ base: UInt64) throws(StoreError) -> SegmentTip {
        let file = try fileSystem.open(path(base), .read, permissions: 0)
        defer { fileSystem.close(file) }
        return try SegmentReader(
            file, length: fileSystem.status(file).length, fileSystem: fileSystem, windowBytes: 4096
        ).tip
    }

    /// Appends a mark to a file that ends at `tip`, and syncs it.
    func append(_ mark: CommitMark, to file: OpenFile, at tip: SegmentTip) throws(StoreError)
        -> SegmentTip
    {
        let writer = SegmentWriter(file, tip: tip, identity: identity, fileSystem: fileSystem)
        var blocks = BlockBuffer()
        blocks.appendMark(mark)
        try writer.append(&blocks)
        try writer.sync()
        return writer.tip
    }

    func copy(_ base: UInt64, to target: OpenFile, length: Int64) throws(StoreError) {
        let file = try fileSystem.open(path(base), .read, permissions: 0)
        defer { fileSystem.close(file) }
        let window = FileWindow(file, length: length, fileSystem: fileSystem)
        var place: Int64 = 0
        while place < length {
            let count = Int(min(length - place, Int64(FileWindow.readAheadBytes)))
            try fileSystem.write(target, at: place, window.bytes(at: place, count: count))
            place += Int64(count)
        }
    }

    /// Writes bytes once more where they stand, and syncs them: the kernel may hold pages for clean
    /// that a refused sync has left.
    func rewrite(_ file: OpenFile, from start: Int64, to end: Int64) throws(StoreError) {
        guard start < end else { return }
        let window = FileWindow(file, length: end, fileSystem: fileSystem)
        var place = start
        while place < end {
            let count = Int(min(end - place, Int64(FileWindow.readAheadBytes)))
            try fileSystem.write(file, at: place, window.bytes(at: place, count: count))
            place += Int64(count)
        }
        try fileSystem.sync(file)
    }
}
