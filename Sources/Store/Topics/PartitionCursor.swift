/// Reads the committed rows of a partition block by block, from an offset on.
///
/// Used by one thread at a time; any number may read one partition. What it holds does not grow with
/// history: an open file and the places of one segment's blocks.
package final class PartitionCursor {
    /// A block of rows, where a reader finds them.
    package struct Block: Sendable {
        package var firstOffset: UInt64
        package var rowCount: Int
        package var minTime: Int64
        package var maxTime: Int64
        /// Whether the payload says which offsets the rows have, as compaction has left some out.
        package var isSparse: Bool
        /// The payload, in the memory that the caller gave.
        package var payload: Range<Int>
        /// The bytes that were read for it.
        package var byteCount: Int
    }

    package enum Step: Sendable {
        case block(Block)
        /// Nothing more is committed now. Where the partition is sealed, nothing ever will be.
        case end
        /// The rows from the offset on are no longer kept; the next that are begin at `first`.
        case gone(first: UInt64)
    }

    package let partition: Partition
    /// The offset of the next row that is wanted.
    package private(set) var nextOffset: UInt64
    /// The segment that is open.
    private var file: OpenFile?
    /// The partition's generation when it was opened.
    private var generation = 0
    private var base: UInt64 = 0
    private var seed: UInt32 = 0
    /// Of a sealed segment: all its places, where the next one begins, and whether offsets are missing.
    private var sealedPlaces: [BlockPlace]?
    private var sealedNext: UInt64 = 0
    private var isCompacted = false
    /// Of the last segment: those that were handed over by the partition and not read yet.
    private var livePlaces: ArraySlice<BlockPlace> = []
    private var liveIndex = 0
    private var placeIndex = 0
    /// What the segment at this offset must say of its predecessor.
    private var link: (base: UInt64, predecessor: Predecessor)?

    /// How many places are taken from the partition at once.
    private static let livePlacesMax = 64

    package init(_ partition: Partition, at offset: UInt64) {
        self.partition = partition
        nextOffset = offset
    }

    deinit { close() }

    /// Goes to another offset.
    package func seek(to offset: UInt64) {
        close()
        nextOffset = offset
        link = nil
    }

    private func close() {
        if let file { partition.files.fileSystem.close(file) }
        file = nil
        sealedPlaces = nil
        livePlaces = []
    }

    /// Reads the next block that has a row at ``nextOffset`` or behind it.
    ///
    /// The caller leaves out the block's rows before the offset it had asked for.
    ///
    /// - Parameter room: Gives memory for so many bytes, which stays valid for as long as the caller
    ///   wants the payload.
    /// - Throws: `.damaged` with file and byte, `.io`, `.notFound` when the topic was deleted; the
    ///   cursor has not moved then.
    /// - Complexity: One read a block.
    package func next(room: (Int) -> UnsafeMutableRawBufferPointer) throws(StoreError) -> Step {
        while true {
            if file != nil, partition.state.withLock({ $0.generation }) != generation {
                // Files were cut or replaced: what is known of places does not hold any more.
                close()
                link = nil
            }
            if file == nil {
                switch try openSegment() {
                case .opened: break
                case .end: return .end
                case .gone(let first): return .gone(first: first)
                }
            }
            if let place = nextPlace() {
                // In a compacted segment the wanted rows may all have gone.
                let block = try read(place, room: room)
                advancePlace()
                nextOffset = max(nextOffset, place.firstOffset &+ UInt64(place.rowCount))
                return .block(block)
            }
            guard sealedPlaces != nil else {
                if isLive { return .end }
                // It was sealed meanwhile: its places are in the file now.
                close()
                continue
            }
            // Only what is committed ends a segment.
            guard partition.state.withLock({ $0.mark.end.segment > base }) else { return .end }
            nextOffset = max(nextOffset, sealedNext)
            close()
        }
    }

    /// Says which offset is wanted next, where it is a later one than the blocks tell: of a compacted
    /// block that ends with rows that are gone.
    package func skip(to offset: UInt64) { nextOffset = max(nextOffset, offset) }

    // MARK: Segments

    private enum Opening { case opened, end, gone(UInt64) }

    private func openSegment() throws(StoreError) -> Opening {
        let (bases, end, generation) = partition.state.withLock {
            ($0.segments.map(\.base), $0.mark.end, $0.generation)
        }
        guard let first = bases.first else { return .end }
        if nextOffset < first { return .gone(first) }
        guard let index = bases.lastIndex(where: { $0 <= nextOffset }) else { return .end }
        let base = bases[index]
        if base > end.segment { return .end }
        let files = partition.files
        let opened: OpenFile
        do throws(StoreError) {
            opened = try files.fileSystem.open(files.path(base), .read, permissions: 0)
        } catch {
            // Retention may have taken it meanwhile.
            let isThere = partition.state.withLock { state in
                state.segments.contains { $0.base == base }
            }
            if error.kind == .notFound, !isThere { return try openSegment() }
            throw error
        }
        do throws(StoreError) {
            if index == bases.count - 1 {
                seed = SegmentFormat.seed(identity: files.identity)
                sealedPlaces = nil
                liveIndex = 0
                livePlaces = []
            } else {
                let sealed = try SealedSegment(
                    opened, identity: files.identity, number: base,
                    fileSystem: files.fileSystem)
                if let link, link.base == base, sealed.header.predecessor != link.predecessor {
                    throw .damaged(
                        files.path(base), at: 0, "it does not follow the segment before it")
                }
                guard sealed.footer.nextOffset > nextOffset || base > end.segment else {
                    throw .damaged(
                        files.path(base), at: 0,
                        "the segment behind it, which begins with row \(sealed.footer.nextOffset), "
                            + "is not there")
                }
                seed = sealed.seed
                let places = try sealed.places(opened)
                sealedPlaces = places
                sealedNext = sealed.footer.nextOffset
                isCompacted = sealed.footer.rowCount != sealedNext - base
                placeIndex = SegmentIndex.firstIndex(places, holding: nextOffset)
                link = (
                    sealedNext,
                    Predecessor(
                        lastOffset: Int64(bitPattern: sealedNext) &- 1,
                        digest: sealed.footer.linkDigest)
                )
            }
        } catch {
            files.fileSystem.close(opened)
            throw error
        }
        file = opened
        self.generation = generation
        self.base = base
        return .opened
    }

    /// Whether the open segment is still the last one.
    private var isLive: Bool { partition.state.withLock { $0.segments.last?.base == base } }

    // MARK: Places

    private func nextPlace() -> BlockPlace? {
        if let sealedPlaces {
            while placeIndex < sealedPlaces.count {
                let place = sealedPlaces[placeIndex]
                // A compacted block may end with any offset before the next one's first.
                if isCompacted || place.firstOffset &+ UInt64(place.rowCount) > nextOffset {
                    return isCommitted(place) ? place : nil
                }
                placeIndex += 1
            }
            return nil
        }
        if livePlaces.isEmpty { takeLivePlaces() }
        return livePlaces.first
    }

    private func advancePlace() {
        if sealedPlaces != nil { placeIndex += 1 } else { livePlaces = livePlaces.dropFirst() }
    }

    private func isCommitted(_ place: BlockPlace) -> Bool {
        let end = partition.state.withLock { $0.mark.end }
        return base < end.segment || (base == end.segment && place.end <= end.length)
    }

    private func takeLivePlaces() {
        let wanted = nextOffset
        livePlaces = partition.state.withLock { state -> ArraySlice<BlockPlace> in
            guard state.segments.last?.base == base, base == state.mark.end.segment else {
                return []
            }
            let places = state.places
            var index = SegmentIndex.firstIndex(places, holding: wanted)
            var taken: [BlockPlace] = []
            while index < places.count, taken.count < Self.livePlacesMax {
                let place = places[index]
                if place.end > state.mark.end.length { break }
                if place.firstOffset &+ UInt64(place.rowCount) > wanted { taken.append(place) }
                index += 1
            }
            return taken[...]
        }
    }

    // MARK: Blocks

    private func read(
        _ place: BlockPlace, room: (Int) -> UnsafeMutableRawBufferPointer
    ) throws(StoreError) -> Block {
        guard let file else { throw .system("read", partition.files.path(base), code: 9) }
        let memory = room(place.byteCount)
        precondition(memory.count >= place.byteCount, "\(memory.count) bytes of room")
        let bytes = UnsafeMutableRawBufferPointer(rebasing: memory[..<place.byteCount])
        let count = try partition.files.fileSystem.read(file, at: place.position, into: bytes)
        guard count == place.byteCount else {
            throw .damaged(
                file.path, at: place.position + Int64(count), "the file ends inside a block")
        }
        let head = SegmentFormat.blockHeaderBytes
        let header = UnsafeRawBufferPointer(rebasing: bytes[..<head])
        switch BlockHeader.decode(header, at: place.position, seed: seed) {
        case .newer(let version):
            throw .newerVersion(file.path, at: place.position, version: version)
        case .unreadable(let cause): throw .damaged(file.path, at: place.position, cause)
        case .header(let block, _):
            guard block.type == .rows, block.firstOffset == place.firstOffset,
                block.rowCount == place.rowCount, block.payloadCount == Int(place.payloadCount)
            else {
                throw .damaged(
                    file.path, at: place.position, "the block is not the one that was written")
            }
            let payload = UnsafeRawBufferPointer(rebasing: bytes[head...])
            guard SegmentFormat.checksum(payload, seed: seed) == block.payloadChecksum else {
                throw .damaged(
                    file.path, at: place.position,
                    "the checksum of the block's payload does not match")
            }
            return Block(
                firstOffset: block.firstOffset, rowCount: Int(block.rowCount),
                minTime: block.minTime, maxTime: block.maxTime,
                isSparse: block.flags.contains(.sparse), payload: head..<place.byteCount,
                byteCount: place.byteCount)
        }
    }
}
