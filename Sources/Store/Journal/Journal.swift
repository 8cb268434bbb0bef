import Glibc

/// Limits of a journal that tests make small.
package struct JournalOptions: Sendable {
    /// A file shorter than this is never rewritten.
    package var rewriteBytesMin: Int64 = 1 << 20
    /// A file is rewritten when it is this many times as long as its base.
    package var rewriteFactor: Int64 = 4
    /// A block of a base is not added to when it has this many bytes.
    package var blockBytes = 256 << 10

    package init() {}
}

/// The log of a pipeline's state: a complete base, and one record per epoch with what changed.
///
/// ``commit(_:)`` is the commit point of an epoch: when it returns, the record survives any crash,
/// and when it throws, it may or may not be found at the next ``open(directory:identity:fileSystem:options:)``,
/// whole or not at all. A log that has grown to a multiple of its base is replaced by a new base in
/// the course of a commit. No file is there before the first commit, and no descriptor is held
/// before the first commit after opening.
package final class Journal: @unchecked Sendable {
    // SAFETY: the state below is not guarded. A journal has one owner, the pipeline, which calls it
    // from one thread at a time and hands it from thread to thread only through synchronised queues.

    package let directory: String
    /// What recovery had to cut off the end, if anything.
    package let torn: TornTail?
    /// Older files in the folder that do not fit this journal, and have been left untouched.
    package let leftAside: [String]
    /// What the journal held when it was opened; `nil` where nothing had been committed, and after
    /// ``takeRecovered()``.
    package private(set) var recovered: RecoveredState?

    private let identity: [UInt8]
    private let fileSystem: any FileSystem
    private let options: JournalOptions
    /// The current file's number; 0 while there is none.
    private var number: UInt64 = 0
    private var tip = SegmentTip()
    private var baseLength: Int64 = 0
    /// Where the last record ends, and how far a block in the file states that it was synced.
    private var lastRecordEnd: Int64 = 0
    private var statedLength: Int64 = 0
    /// The length at which the next commit rewrites the file.
    private var rewriteLength: Int64 = 0
    private var writer: SegmentWriter?
    private var fencedBy: StoreError?

    /// Opens a journal and recovers its last whole record. Creates nothing.
    ///
    /// - Parameters:
    ///   - directory: The journal's folder, which need not exist; its parent must.
    ///   - identity: Names this log for ever, 1 to ``SegmentFormat/identityBytesMax`` bytes. A
    ///     journal that names another is refused.
    /// - Throws: `.damaged` with file and byte, `.foreign`, `.newerVersion`, `.io`, `.full` when
    ///   there is no room to keep a torn tail. Nothing but a torn tail has then been touched.
    /// - Complexity: One pass over the file; holds the live entries.
    package static func open(
        directory: String, identity: [UInt8], fileSystem: any FileSystem,
        options: JournalOptions = JournalOptions()
    ) throws(StoreError) -> Journal {
        guard (1...SegmentFormat.identityBytesMax).contains(identity.count) else {
            throw .tooLarge(
                "a journal's identity", directory, bytes: identity.count,
                limit: SegmentFormat.identityBytesMax)
        }
        let recovery = try JournalRecovery.run(
            directory: directory, identity: identity, fileSystem: fileSystem)
        return Journal(directory, identity, fileSystem, options, recovery)
    }

    private init(
        _ directory: String, _ identity: [UInt8], _ fileSystem: any FileSystem,
        _ options: JournalOptions, _ recovery: JournalRecovery?
    ) {
        self.directory = directory
        self.identity = identity
        self.fileSystem = fileSystem
        self.options = options
        torn = recovery?.torn
        leftAside = recovery?.leftAside ?? []
        guard let recovery else { return }
        recovered = recovery.replay.state
        number = recovery.number
        tip = recovery.replay.tip
        baseLength = recovery.replay.baseLength
        lastRecordEnd = recovery.replay.lastRecordEnd
        statedLength = recovery.replay.statedLength
        rewriteLength = self.rewriteLength(base: baseLength)
    }

    deinit { writer?.close() }

    /// How many bytes recovery cut off the end.
    package var tornBytes: Int64 { torn?.count ?? 0 }
    /// The bytes of the current file; 0 before the first commit.
    package var byteCount: Int64 { tip.length }
    /// Whether an error has closed the journal for good.
    package var isFenced: Bool { fencedBy != nil }
    /// The current file's path; `nil` before the first commit.
    package var path: String? { number == 0 ? nil : "\(directory)/\(JournalFile.name(number))" }

    /// Hands over what was recovered, so that its memory goes when the caller is done with it.
    package func takeRecovered() -> RecoveredState? {
        defer { recovered = nil }
        return recovered
    }

    /// Makes a record durable: the commit point.
    ///
    /// On success the record is emptied and can be filled again. After an error it is as it was.
    ///
    /// - Throws: `.tooLarge`, before anything was written. `.full` or `.io`: where the file itself was
    ///   being written or synced, every later call throws `.fenced` and the journal has to be
    ///   opened again; ``isFenced`` tells. `.damaged` when the file is not as it was left.
    /// - Complexity: One write and one sync; a rewriting reads the file and writes the live entries.
    package func commit(_ record: inout JournalRecordBuilder) throws(StoreError) {
        if let fencedBy { throw .fenced(path ?? directory, by: fencedBy.message) }
        if let excess = record.partsFit ? record.excess : record.complete().excess {
            throw .tooLarge(
                excess.object, path ?? directory, bytes: excess.bytes, limit: excess.limit)
        }
        guard !record.isEmpty else { return }
        if number == 0 {
            try createFirst(record)
        } else if tip.length < rewriteLength {
            try append(record)
        } else if try !rewrite(record) {
            try append(record)
        }
        record.removeAll()
    }

    /// Closes the file's descriptor until the next commit, for a pipeline that is idle.
    package func releaseDescriptor() {
        writer?.close()
        writer = nil
    }

    /// Ends the use of the journal.
    ///
    /// Leaves a mark which states that all of it is synced, so that the next start has nothing to
    /// make sure of. The mark itself is not synced and may be lost without harm.
    package func close() {
        if fencedBy == nil, number != 0, statedLength < lastRecordEnd {
            var mark = BlockBuffer()
            mark.begin(.mark)
            if let writer = try? openWriter() { _ = try? writer.append(&mark) }
        }
        releaseDescriptor()
        fencedBy = fencedBy ?? .system("write", path ?? directory, code: EBADF)
    }

    private func append(_ record: JournalRecordBuilder) throws(StoreError) {
        let writer = try openWriter()
        let stated = tip.syncedLength
        do throws(StoreError) {
            // A record is nothing before its last block is there.
            try record.stream(as: .changes) { (blocks) throws(StoreError) in
                try writer.append(&blocks)
            }
            try writer.sync()
        } catch {
            throw fence(error)
        }
        tip = writer.tip
        lastRecordEnd = tip.length
        statedLength = stated
    }

    private func openWriter() throws(StoreError) -> SegmentWriter {
        if let writer { return writer }
        let path = "\(directory)/\(JournalFile.name(number))"
        let file = try fileSystem.open(path, .write, permissions: 0)
        do throws(StoreError) {
            let length = try fileSystem.status(file).length
            guard length == tip.length else {
                throw fence(.changedByOthers(path, found: length, expected: tip.length))
            }
        } catch {
            fileSystem.close(file)
            throw error
        }
        let opened = SegmentWriter(file, tip: tip, identity: identity, fileSystem: fileSystem)
        writer = opened
        return opened
    }

    /// Writes the journal's first file, whose base is the record. An error before the file has its
    /// name leaves the journal as it was.
    ///
    /// Its bytes are written as they are where they are a base; sorting the entries as a rewriting
    /// does was half of a run of q20.
    private func createFirst(_ record: JournalRecordBuilder) throws(StoreError) {
        try fileSystem.createDirectory(directory, permissions: 0o700)
        let base: SegmentWriter
        if record.isCompleteBase {
            base = try JournalBase.write(
                record, to: "\(directory)/\(JournalFile.temporaryName(1))",
                SegmentHeader(kind: .journal, identity: identity, number: 1, predecessor: nil),
                fileSystem: fileSystem)
        } else {
            var state = RecoveredState()
            record.apply(to: &state)
            base = try writeBase(state, number: 1, after: nil)
        }
        try replace(with: base, number: 1)
        // Last, because the syncs before have often written the folder's own name already.
        do throws(StoreError) {
            try fileSystem.syncDirectory(Store.directory(of: directory))
        } catch {
            throw fence(error)
        }
    }

    /// Replaces the file by a new base that holds its live entries and the record.
    ///
    /// - Returns: False where there was no room for it, or the old file could not be read now. The
    ///   journal is then as it was, and the record has to be appended.
    private func rewrite(_ record: JournalRecordBuilder) throws(StoreError) -> Bool {
        let next: SegmentWriter
        do throws(StoreError) {
            var state = try readCurrent()
            record.apply(to: &state)
            next = try writeBase(state, number: number + 1, after: tip.predecessor)
        } catch {
            if error.kind == .damaged { throw fence(error) }
            rewriteLength = tip.length * 2
            return false
        }
        let old = "\(directory)/\(JournalFile.name(number))"
        try replace(with: next, number: number + 1)
        // If it cannot be removed now, the next start will do it.
        _ = try? fileSystem.unlink(old)
        return true
    }

    /// Reads the current file once more, and holds it against what was written.
    private func readCurrent() throws(StoreError) -> RecoveredState {
        let path = "\(directory)/\(JournalFile.name(number))"
        let file = try fileSystem.open(path, .read, permissions: 0)
        defer { fileSystem.close(file) }
        let replay = try JournalReplay.read(
            file, length: fileSystem.status(file).length, identity: identity, number: number,
            isStateWanted: true, fileSystem: fileSystem)
        guard replay.tip.length == tip.length, replay.tip.digest == tip.digest else {
            throw .damaged(
                path, at: replay.tip.length, "the file is not what this process has written")
        }
        return replay.state
    }

    private func writeBase(_ state: RecoveredState, number: UInt64, after: Predecessor?)
        throws(StoreError) -> SegmentWriter
    {
        try JournalBase.write(
            state, to: "\(directory)/\(JournalFile.temporaryName(number))",
            SegmentHeader(kind: .journal, identity: identity, number: number, predecessor: after),
            blockBytes: options.blockBytes, fileSystem: fileSystem)
    }

    /// Gives a synced base its name: from then on it is the journal.
    private func replace(with next: SegmentWriter, number: UInt64) throws(StoreError) {
        let path = "\(directory)/\(JournalFile.name(number))"
        do throws(StoreError) {
            try fileSystem.rename(next.path, to: path)
            try fileSystem.syncDirectory(directory)
        } catch {
            // Which of the two names a crash would leave is not known any more.
            next.close()
            throw fence(error)
        }
        releaseDescriptor()
        self.number = number
        tip = next.tip
        baseLength = tip.length
        lastRecordEnd = tip.length
        statedLength = 0
        rewriteLength = self.rewriteLength(base: baseLength)
        writer = next.renamed(to: path, identity: identity)
    }

    private func rewriteLength(base: Int64) -> Int64 {
        let (grown, overflow) = base.multipliedReportingOverflow(by: options.rewriteFactor)
        return max(options.rewriteBytesMin, overflow ? Int64.max : grown)
    }

    private func fence(_ error: StoreError) -> StoreError {
        fencedBy = error
        releaseDescriptor()
        return error
    }
}
