/// Writes the complete state that a journal file begins with.
enum JournalBase {
    /// Writes `state` to a new file under a temporary name and syncs it.
    ///
    /// The file has no meaning before it is renamed; after an error it has been removed, as far as
    /// the file system let it.
    ///
    /// - Returns: The writer, which stands after the base.
    /// - Complexity: O(n log n) in the entries; holds about `blockBytes` of what it writes.
    static func write(
        _ state: RecoveredState, to path: String, _ header: SegmentHeader, blockBytes: Int,
        fileSystem: any FileSystem
    ) throws(StoreError) -> SegmentWriter {
        try write(to: path, header, fileSystem) { (writer) throws(StoreError) in
            try fill(writer, state, blockBytes)
        }
    }

    /// The same for a record that is a base as it is.
    static func write(
        _ record: JournalRecordBuilder, to path: String, _ header: SegmentHeader,
        fileSystem: any FileSystem
    ) throws(StoreError) -> SegmentWriter {
        try write(to: path, header, fileSystem) { (writer) throws(StoreError) in
            try record.stream(as: .base) { (blocks) throws(StoreError) in
                try writer.append(&blocks)
            }
        }
    }

    private static func write(
        to path: String, _ header: SegmentHeader, _ fileSystem: any FileSystem,
        _ fill: (SegmentWriter) throws(StoreError) -> Void
    ) throws(StoreError) -> SegmentWriter {
        let writer: SegmentWriter
        do throws(StoreError) {
            writer = try SegmentWriter.create(path, header, fileSystem: fileSystem)
        } catch {
            _ = try? fileSystem.unlink(path)
            throw error
        }
        do throws(StoreError) {
            try fill(writer)
            try writer.sync()
            return writer
        } catch {
            writer.close()
            _ = try? fileSystem.unlink(path)
            throw error
        }
    }

    private static func fill(_ writer: SegmentWriter, _ state: RecoveredState, _ blockBytes: Int)
        throws(StoreError)
    {
        var builder = JournalRecordBuilder(type: .base, blockBytes: blockBytes)
        for node in state.nodes {
            try state.forEachEntry(node: node) { (time, key, value) throws(StoreError) in
                if builder.byteCount >= blockBytes {
                    try builder.drain { (blocks) throws(StoreError) in try writer.append(&blocks) }
                }
                builder.put(node: node, key: key, time: time, value: value)
            }
        }
        builder.setMeta(state.meta)
        builder.close()
        try builder.withBlocks { (blocks) throws(StoreError) in try writer.append(&blocks) }
    }
}
