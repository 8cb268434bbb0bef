extension Partition {
    /// A segment that retention may take: sealed, and with nothing in it that is not committed.
    package struct OldSegment: Sendable {
        package let base: UInt64
        /// Where the next one begins.
        package let end: UInt64
        package let byteCount: Int64
        /// When its last row was appended, microseconds.
        package let lastAppendedAt: Int64
    }

    /// The segments that retention may take, the oldest first.
    package func oldSegments() throws(StoreError) -> [OldSegment] {
        let end = state.withLock { $0.mark.end.segment }
        var result: [OldSegment] = []
        for segment in try segments() where segment.base < end {
            guard let footer = segment.footer else { break }
            result.append(
                OldSegment(
                    base: segment.base, end: footer.nextOffset, byteCount: segment.length,
                    lastAppendedAt: footer.lastAppendedAt))
        }
        return result
    }

    /// Deletes the oldest segments up to the one that begins at `base`, which stays.
    ///
    /// A crash leaves some or all of them, and never a gap. A reader that is in one reads it to its
    /// end.
    package func removeSegments(before base: UInt64) throws(StoreError) {
        try keepingUp { () throws(StoreError) in
            while true {
                let oldest = state.withLock { state -> UInt64? in
                    guard !state.isDeleted, let first = state.segments.first, first.base < base,
                        first.base < state.mark.end.segment
                    else { return nil }
                    return first.base
                }
                guard let oldest else { return }
                // A reader that finds it gone looks again.
                try files.fileSystem.unlink(files.path(oldest))
                state.withLock { state in state.segments.removeAll { $0.base == oldest } }
                // Before the next one goes, so that no crash leaves an older one behind a gap.
                try files.fileSystem.syncDirectory(files.directory)
            }
        }
    }
}
