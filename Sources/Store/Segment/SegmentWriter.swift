/// Appends blocks to a segment.
///
/// Used by one thread at a time. After a refused write or sync it is fenced for good: what the
/// kernel then says about the file can no longer be relied on.
package final class SegmentWriter {
    let path: String
    private let file: OpenFile
    private let fileSystem: any FileSystem
    private let seed: UInt32
    /// Where the segment stands, with what has been appended and not yet synced.
    private(set) var tip: SegmentTip
    private(set) var fencedBy: StoreError?

    /// Continues a segment.
    ///
    /// - Parameters:
    ///   - file: Open for writing; the writer closes it.
    ///   - tip: Where the last whole block ends, which is where the file ends.
    init(_ file: OpenFile, tip: SegmentTip, identity: [UInt8], fileSystem: any FileSystem) {
        self.file = file
        self.tip = tip
        self.fileSystem = fileSystem
        path = file.path
        seed = SegmentFormat.seed(identity: identity)
    }

    /// Begins a segment in a new file, replacing what has the path. Nothing is synced.
    ///
    /// - Parameter name: The path that the file will get, for messages.
    static func create(
        _ path: String, _ header: SegmentHeader, fileSystem: any FileSystem, name: String? = nil
    ) throws(StoreError) -> SegmentWriter {
        var file = try fileSystem.open(path, .replace, permissions: 0o600)
        if let name { file = OpenFile(descriptor: file.descriptor, path: name) }
        var tip = SegmentTip()
        if let predecessor = header.predecessor {
            tip.nextOffset = UInt64(bitPattern: predecessor.lastOffset &+ 1)
        }
        var blocks = BlockBuffer()
        blocks.begin(.segmentHeader)
        header.encoded().withUnsafeBytes { blocks.appendPayload($0) }
        // The reader does not know the identity before it has read this block.
        let next = blocks.stamp(from: tip, seed: 0)
        do throws(StoreError) {
            try fileSystem.write(file, at: 0, blocks.bytes)
        } catch {
            fileSystem.close(file)
            throw error
        }
        return SegmentWriter(file, tip: next, identity: header.identity, fileSystem: fileSystem)
    }

    /// Appends the blocks in one write. They survive a crash only after ``sync()`` returns.
    ///
    /// - Throws: `.full`, `.io`, and from then on `.fenced`.
    /// - Complexity: One pass over the bytes; no allocation.
    func append(_ blocks: inout BlockBuffer) throws(StoreError) {
        try checkFence()
        let next = blocks.stamp(from: tip, seed: seed)
        do throws(StoreError) {
            try fileSystem.write(file, at: tip.length, blocks.bytes)
        } catch {
            fencedBy = error
            throw error
        }
        tip = next
    }

    /// Makes durable what has been appended.
    ///
    /// - Throws: What the kernel said, and from then on `.fenced`.
    func sync() throws(StoreError) {
        try checkFence()
        do throws(StoreError) {
            try fileSystem.sync(file)
        } catch {
            fencedBy = error
            throw error
        }
        tip.syncedLength = tip.length
    }

    /// Ends the segment with an index of its rows, where there are any, and a footer. Nothing may be
    /// appended afterwards. Nothing is synced.
    @discardableResult
    func seal(_ seal: SegmentSeal, index: [BlockPlace] = []) throws(StoreError) -> SegmentFooter {
        var position: Int64 = 0
        if !index.isEmpty {
            position = tip.length
            var blocks = BlockBuffer()
            blocks.begin(.index)
            SegmentIndex.encode(index).withUnsafeBytes { blocks.appendPayload($0) }
            try append(&blocks)
        }
        var footer = SegmentFooter(tip, seal: seal)
        footer.indexPosition = position
        var blocks = BlockBuffer()
        blocks.begin(.footer)
        footer.encoded().withUnsafeBytes { blocks.appendPayload($0) }
        try append(&blocks)
        return footer
    }

    /// Takes part in a sync that another thread makes: what is to be synced, and how far it reaches.
    func beginSync() throws(StoreError) -> (file: OpenFile, length: Int64) {
        try checkFence()
        return (file, tip.length)
    }

    /// Takes in how such a sync ended.
    func endSync(length: Int64, error: StoreError?) {
        if let error {
            fencedBy = fencedBy ?? error
        } else {
            tip.syncedLength = max(tip.syncedLength, length)
        }
    }

    func close() { fileSystem.close(file) }

    /// The writer of the same file after it got another name.
    consuming func renamed(to path: String, identity: [UInt8]) -> SegmentWriter {
        SegmentWriter(
            OpenFile(descriptor: file.descriptor, path: path), tip: tip, identity: identity,
            fileSystem: fileSystem)
    }

    private func checkFence() throws(StoreError) {
        if let fencedBy { throw .fenced(path, by: fencedBy.message) }
    }
}
