/// Replaces a sealed segment by one with the same rows in other blocks, or with some of its rows.
///
/// Offsets stay: the new segment begins and ends where the old one did, and its successor follows it
/// as before. The new file is whole and synced before it takes the old one's name; a crash leaves one
/// or the other. Readers that have the old one open read it to its end.
package final class SegmentRewrite {
    private let partition: Partition
    private let base: UInt64
    private let writer: SegmentWriter
    private let old: SegmentFooter
    private var places: [BlockPlace] = []
    private var blocks = BlockBuffer()

    private static let writeBytes = 1 << 20

    /// What a rewriting is about.
    package struct Target: Sendable {
        package let base: UInt64
        /// Where the next segment begins.
        package let end: UInt64
        package let rowCount: UInt64
        package let blockCount: UInt64
        package let byteCount: Int64
        package let minTime: Int64
        package let maxTime: Int64
        package let lastAppendedAt: Int64
    }

    /// The segments that may be rewritten, the oldest first: sealed, and committed to their end.
    package static func targets(_ partition: Partition) throws(StoreError) -> [Target] {
        let end = partition.state.withLock { $0.mark.end.segment }
        var targets: [Target] = []
        for segment in try partition.segments() where segment.base < end {
            guard let footer = segment.footer else { break }
            targets.append(
                Target(
                    base: segment.base, end: footer.nextOffset, rowCount: footer.rowCount,
                    blockCount: footer.blockCount, byteCount: segment.length,
                    minTime: footer.minTime, maxTime: footer.maxTime,
                    lastAppendedAt: footer.lastAppendedAt))
        }
        return targets
    }

    /// Rewrites one segment; `fill` appends its blocks.
    ///
    /// - Throws: What `fill` or the disk threw; the old segment then stands as it was.
    package static func run(
        _ partition: Partition, _ target: Target,
        fill: (SegmentRewrite) throws(StoreError) -> Void
    ) throws(StoreError) {
        try partition.keepingUp { () throws(StoreError) in
            let files = partition.files
            guard
                partition.state.withLock({ state in
                    !state.isDeleted && state.segments.contains { $0.base == target.base }
                        && target.base < state.mark.end.segment
                })
            else { return }
            let temporary = files.temporaryPath(target.base)
            do throws(StoreError) {
                let rewrite = try SegmentRewrite(partition, target, temporary)
                defer { rewrite.writer.close() }
                try fill(rewrite)
                try rewrite.finish()
            } catch {
                _ = try? files.fileSystem.unlink(temporary)
                throw error
            }
        }
    }

    private init(_ partition: Partition, _ target: Target, _ temporary: String) throws(StoreError) {
        self.partition = partition
        base = target.base
        let files = partition.files
        let sealed = try files.sealed(base)
        old = sealed.footer
        writer = try SegmentWriter.create(
            temporary, sealed.header, fileSystem: files.fileSystem, name: files.path(base))
    }

    /// Appends a block of rows.
    ///
    /// - Parameter firstOffset: Of rows between which others are left out: the payload says which
    ///   offsets they have. `nil` where they follow the block before, or the segment's beginning.
    package func append(
        count: Int, minTime: Int64, maxTime: Int64, firstOffset: UInt64?,
        _ fill: (inout [UInt8]) -> Void
    ) throws(StoreError) {
        blocks.appendRows(
            count: count, minTime: minTime, maxTime: maxTime, firstOffset: firstOffset, fill)
        if blocks.byteCount >= Self.writeBytes { try flush() }
    }

    private func flush() throws(StoreError) {
        guard !blocks.isEmpty else { return }
        places += blocks.places(from: writer.tip)
        try writer.append(&blocks)
        blocks.removeAll()
    }

    private func finish() throws(StoreError) {
        try flush()
        let files = partition.files
        let footer = try writer.seal(
            SegmentSeal(
                linkDigest: old.linkDigest, nextOffset: old.nextOffset,
                firstAppendedAt: old.firstAppendedAt, lastAppendedAt: old.lastAppendedAt),
            index: places)
        try writer.sync()
        try files.fileSystem.rename(files.temporaryPath(base), to: files.path(base))
        try files.fileSystem.syncDirectory(files.directory)
        let length = writer.tip.length
        partition.state.withLock { state in
            guard let index = state.segments.firstIndex(where: { $0.base == base }) else { return }
            state.segments[index].length = length
            state.segments[index].footer = footer
            state.generation += 1
        }
    }
}
