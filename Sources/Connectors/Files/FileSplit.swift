import Config
import Operators
import Store

/// One file of a source, and the files that take its place by rotation.
///
/// What a file is is decided by device, inode and content, never by its name alone (SEMANTICS 7).
/// A bounded split ends at the file's end; a followed one waits there, and goes on to the file's
/// successor when there is one.
final class FileSplit: SourceSplit {
    /// How long a file that was renamed must have been quiet before its successor is begun: whoever
    /// writes it may not have been told of the rotation yet.
    static let quietMicros: Int64 = 1_000_000
    /// How long a truncated file may look like a shorter copy of itself before that is taken for
    /// what it is.
    static let doubtMicros: Int64 = 5_000_000
    /// How often a file is looked at although nothing told of a change.
    static let lookMicros: Int64 = 30_000_000

    let id: String
    let settings: FileSplitSettings
    /// Whether another split of the source has this file.
    let isTaken: (FileIdentity) -> Bool

    /// Where the split stands: the whole truth while no file is open, otherwise base, gaps and
    /// what was read before.
    var mark: FileMark
    private(set) var open: OpenSplitFile?
    /// Whether the mark is a checkpoint's, whose file has still to be found.
    private var isRestored: Bool
    /// The oldest of the rotated files, to begin with; nil to begin with the path's.
    private var first: RotatedFile?
    /// The open file will not grow any more: its last bytes are a record.
    var isFinishing = false
    /// How long the file was when it was found, so that a bounded source's share done is known.
    var lengthAtDiscovery: Int64?
    /// What stood before the end, and before the next record, when the end was last reached; checked
    /// before going on, and kept for the position, as the file may be another by then.
    private var endPrints: (end: ContentPrint, record: ContentPrint)?
    private var doubtSince: Int64?
    /// The first file at its start, once it has been opened; nil of a split that is resumed.
    private var start: FileMark?
    /// Whether the mark is the beginning of history that is read once more.
    private let isReplay: Bool
    /// Where such a split waits.
    var limit: FileMark?

    /// - Parameters:
    ///   - mark: A checkpoint's position; nil to begin at the start.
    ///   - first: See ``first``.
    ///   - isReplay: The mark is a split's beginning, which must still be there.
    init(
        path: String, settings: FileSplitSettings, mark: FileMark?, first: RotatedFile? = nil,
        isReplay: Bool = false, isTaken: @escaping (FileIdentity) -> Bool
    ) {
        self.isReplay = isReplay
        self.id = path
        self.settings = settings
        self.mark = mark ?? FileMark()
        // A mark that no file was found for yet says nothing.
        self.isRestored = mark.map { $0.identity != FileMark().identity || $0.base > 0 } ?? false
        self.first = first
        self.isTaken = isTaken
    }

    /// The file that is read, or was when the checkpoint was made.
    var identity: FileIdentity { open?.identity ?? mark.identity }

    var progress: SplitProgress {
        let position = open?.records.position ?? mark.offset
        let length =
            open.map { max($0.chunks.knownLength, position) }
            ?? (mark.hasEnded ? position : lengthAtDiscovery)
        return SplitProgress(
            done: mark.base + position,
            total: settings.isFollowed ? nil : length.map { mark.base + $0 },
            behind: length.map { $0 - position }, gaps: mark.gaps)
    }

    func position() -> SplitPosition { SplitPosition(id: id, bytes: currentMark().encoded()) }

    var beginning: SplitPosition? {
        guard var start else { return nil }
        // More of a file's beginning is known as it grows.
        if let open, open.identity == start.identity, mark.base == 0 { start.head = open.head }
        return SplitPosition(id: id, bytes: start.encoded())
    }

    func read(now: Int64) throws(ConnectorError) -> SplitRead {
        if let limit { return try read(to: limit, now: now) }
        if mark.hasEnded && !isRestored { return .ended }
        if open == nil {
            guard try openFirst() else { return mark.hasEnded ? .ended : wait(now) }
        }
        while let file = open {
            if let (rows, lines) = file.records.next(isLast: isFinishing) {
                return .rows(
                    settings.metadata.complete(
                        rows, path: file.path, lines: lines, base: mark.base, now: now))
            }
            if isFinishing {
                guard settings.isFollowed else {
                    leave()
                    mark.hasEnded = true
                    return .ended
                }
                guard try openSuccessor() else { return wait(now) }
                continue
            }
            if let until = try checkUnchanged(file, now) { return .wait(until: until) }
            guard file === open else { continue }
            if try file.fill() {
                // The file may have grown since the check: the end is another one now.
                endPrints = nil
                continue
            }
            if settings.isFollowed {
                if let until = try lookAround(file, now) { return .wait(until: until) }
            } else {
                isFinishing = true
            }
        }
        return wait(now)
    }

    private func wait(_ now: Int64) -> SplitRead { .wait(until: now + FileSplit.lookMicros) }

    /// The mark as it stands now.
    private func currentMark() -> FileMark {
        guard let open else { return mark }
        var current = mark
        current.identity = open.identity
        current.offset = open.records.position
        current.line = open.records.line
        current.isSkipping = open.records.isSkipping
        current.modifiedMicros = open.chunks.modifiedMicros
        current.head = open.head
        current.parserState = open.records.parser.state
        // Without a print the file is known by its inode and beginning alone.
        current.tail =
            endPrints?.record ?? (try? open.tail(before: current.offset)) ?? ContentPrint()
        return current
    }

    /// Closes the file; the mark says where it was left.
    private func leave() {
        if let open, start?.identity == open.identity, mark.base == 0 { start?.head = open.head }
        mark = currentMark()
        open = nil
        isFinishing = false
        endPrints = nil
        doubtSince = nil
    }

    /// Where the split stands when it goes on to another file from its start.
    private func markBehind(base: Int64) -> FileMark {
        var next = FileMark()
        next.base = base
        next.gaps = mark.gaps
        next.finished = mark.finished
        return next
    }
}

// At the end of a file.
extension FileSplit {
    /// Returns when to look again, or nil when there is something to do at once.
    private func lookAround(_ file: OpenSplitFile, _ now: Int64) throws(ConnectorError) -> Int64? {
        let status = try file.chunks.look()
        let end = file.records.endPosition
        if status.length > end { return nil }
        if status.length < end { return try truncated(file, status, now) }
        doubtSince = nil
        if endPrints == nil {
            endPrints = (
                end: try file.tail(before: end),
                record: try file.tail(before: file.records.position)
            )
            file.shrink()
        }
        let later = now + FileSplit.lookMicros
        let named = try settings.files.status(path: id)
        if named?.identity == file.identity { return later }
        if named?.kind != .regular {
            // Between a rename and the next file's creation; there may have been several renames.
            let next = successors(of: file.identity, status.modifiedMicros, in: try rotatedFiles())
            if next.isEmpty { return later }
        }
        // Another file has come after this one, which is done once its writer has left it.
        let quiet = status.modifiedMicros + FileSplit.quietMicros
        if now < quiet { return min(quiet, later) }
        isFinishing = true
        return nil
    }

    /// Makes sure that a file that was left at its end, by this process or by an earlier one, still
    /// has the content that was read, before more of it is.
    ///
    /// - Returns: When to look again; nil to go on, with another open file where the content is new.
    private func checkUnchanged(_ file: OpenSplitFile, _ now: Int64)
        throws(ConnectorError) -> Int64?
    {
        let end = file.records.endPosition
        if endPrints == nil, !file.chunks.isAtKnownEnd { return nil }
        let before: ContentPrint
        if let known = endPrints?.end {
            before = known
        } else {
            before = try file.tail(before: end)
        }
        let status = try file.chunks.look()
        if status.length < end { return try truncated(file, status, now) }
        let tail = try file.currentTail(before: end)
        if before.count == 0 || tail != before {
            if end > 0, try file.compareHead().comparison == .other {
                return try startAnew(file)
            }
            if before.count > 0 { throw .changedBelow(id, position: end) }
        }
        if status.length > end { endPrints = nil }
        return nil
    }

    /// The file is shorter than what was read of it.
    private func truncated(_ file: OpenSplitFile, _ status: FileStatus, _ now: Int64)
        throws(ConnectorError) -> Int64?
    {
        let end = file.records.endPosition
        guard settings.isFollowed else {
            if try file.compareHead().comparison == .other {
                return try startAnew(file)
            }
            throw .shorterThanRead(id, length: status.length, position: end)
        }
        // An empty file says nothing yet about what will be in it.
        if status.length == 0 { return now + FileSplit.lookMicros }
        let (comparison, isWhole) = try file.compareHead()
        if comparison != .other {
            let since = doubtSince ?? now
            doubtSince = since
            if comparison == .same, isWhole || now - since >= FileSplit.doubtMicros {
                throw .shorterThanRead(id, length: status.length, position: end)
            }
            if now - since < FileSplit.doubtMicros { return since + FileSplit.doubtMicros }
        }
        return try startAnew(file)
    }

    /// The open file has new content: goes on with the rest of the old one if a copy of it is in
    /// the folder, and otherwise with the new one from its start.
    private func startAnew(_ file: OpenSplitFile) throws(ConnectorError) -> Int64? {
        let end = file.records.endPosition
        if settings.isFollowed,
            let copy = try findCopy(of: file.head, end, try file.tail(before: end))
        {
            // What was taken in of the old content and is no whole record yet is read again.
            let next = try opened(copy, from: currentMark())
            leave()
            open = next
            return nil
        }
        let start = markBehind(base: mark.base + end)
        let next = try opened(file.path, from: start)
        leave()
        (mark, open) = (start, next)
        return nil
    }
}

// Which file is next.
extension FileSplit {
    /// Opens the file to begin with. False where there is none yet, or none any more.
    func openFirst() throws(ConnectorError) -> Bool {
        if isReplay, isRestored {
            open = try openBeginning()
            isRestored = false
            return true
        }
        let isFresh = !isRestored && mark.base == 0
        guard try openFirstOrResume() else { return false }
        if isFresh, let open {
            start = FileMark()
            start?.identity = open.identity
            start?.head = open.head
        }
        return true
    }

    private func openFirstOrResume() throws(ConnectorError) -> Bool {
        guard isRestored else {
            if let first, try settings.files.status(path: first.path)?.identity == first.identity {
                open = try opened(first.path, from: mark)
                self.first = nil
                return true
            }
            guard try settings.files.status(path: id) != nil else {
                if settings.isFollowed { return false }
                throw .noSuchFile(id)
            }
            open = try opened(id, from: mark)
            return true
        }
        guard settings.isFollowed else {
            guard try settings.files.status(path: id) != nil else {
                if mark.hasEnded {
                    isRestored = false
                    return false
                }
                throw .noSuchFile(id)
            }
            try resume(id)
            return true
        }
        let files = try rotatedFiles()
        if let same = files.first(where: { $0.identity == mark.identity }) {
            try resume(same.path)
        } else if mark.offset > 0,
            let copy = try findCopy(of: mark.head, mark.offset, mark.tail)
        {
            try resume(copy)
        } else if let next = successors(of: mark.identity, mark.modifiedMicros, in: files).first {
            var start = markBehind(base: mark.base + mark.offset)
            if mark.offset > 0 { start.gaps += 1 }
            open = try opened(next.path, from: start)
            mark = start
            isRestored = false
        } else {
            return false
        }
        return true
    }

    /// Opens a checkpoint's file where it was left; what was read is checked before going on.
    private func resume(_ path: String) throws(ConnectorError) {
        open = try opened(path, from: mark)
        endPrints = (end: mark.tail, record: mark.tail)
        mark.hasEnded = false
        isRestored = false
    }

    /// Leaves the file, which was read to its end, and opens the one after it. False where there is
    /// none yet.
    func openSuccessor() throws(ConnectorError) -> Bool {
        let last = currentMark()
        let next = successors(
            of: last.identity, last.modifiedMicros, in: try rotatedFiles()
        ).first
        var start = markBehind(base: mark.base + last.offset)
        start.finished.append(
            FileMark.Finished(
                identity: last.identity,
                head: ContentPrint(count: last.head.count, hash: last.head.hash)))
        start.finished.removeFirst(max(0, start.finished.count - FileMark.finishedMax))
        var file: OpenSplitFile?
        if let next { file = try opened(next.path, from: start) }
        leave()
        (mark, open) = (start, file)
        return file != nil
    }

    /// The files after the given one, in the order in which they were begun.
    private func successors(
        of identity: FileIdentity, _ modifiedMicros: Int64, in files: [RotatedFile]
    ) -> [RotatedFile] {
        let current =
            files.first { $0.identity == identity }
            ?? RotatedFile(
                path: "", identity: identity, modifiedMicros: modifiedMicros, number: nil)
        return files.filter { file in
            // The path's own file comes last, also when it is the same inode with new content.
            file.path == id || (file.identity != identity && current.isOlder(than: file))
        }.sorted { $0.isOlder(than: $1) }
    }

    /// The path's file and those that it was renamed to, less the ones that are done with or that
    /// another split has.
    func rotatedFiles() throws(ConnectorError) -> [RotatedFile] {
        let folder = directory(of: id)
        let name = Self.name(id)
        var result: [RotatedFile] = []
        let prefix = String(id.dropLast(name.count))
        guard try settings.files.status(path: folder) != nil else { return [] }
        for candidate in try settings.files.list(folder)
        where candidate == name || RotatedNames.isRotation(candidate, of: name) {
            let path = prefix + candidate
            guard let status = try settings.files.status(path: path), status.kind == .regular,
                !isTaken(status.identity), try !isFinished(path, status.identity)
            else { continue }
            result.append(
                RotatedFile(
                    path: path, identity: status.identity,
                    modifiedMicros: status.modifiedMicros,
                    number: RotatedNames.number(candidate, of: name)))
        }
        return result
    }

    /// Whether the file was read before. An inode alone does not say so: it may have been given to
    /// another file since.
    func isFinished(_ path: String, _ identity: FileIdentity) throws(ConnectorError) -> Bool {
        guard mark.finished.contains(where: { $0.identity == identity }) else { return false }
        let file = try settings.files.open(path)
        defer { settings.files.close(file) }
        let head = try settings.files.head(file)
        return mark.finished.contains {
            $0.identity == identity && $0.head.count > 0
                && ContentPrint(head.prefix($0.head.count)) == $0.head
        }
    }

    /// A file with the same content up to `end` under another inode: what copy-truncate leaves.
    private func findCopy(of head: HeadPrint, _ end: Int64, _ tail: ContentPrint)
        throws(ConnectorError) -> String?
    {
        guard end > 0, tail.count > 0, head.count > 0 else { return nil }
        for candidate in try rotatedFiles() {
            let file = try settings.files.open(candidate.path)
            defer { settings.files.close(file) }
            if head.isPrefix(of: try settings.files.head(file)),
                try settings.files.tail(file, before: end) == tail
            {
                return candidate.path
            }
        }
        return nil
    }

    /// Opens a file to be read from where the mark says.
    func opened(_ path: String, from start: FileMark) throws(ConnectorError)
        -> OpenSplitFile
    {
        let file = try settings.files.open(path)
        var start = start
        let parser: any RowParser
        let status: FileStatus
        do throws(ConnectorError) {
            status = try settings.files.status(file)
            let head = try settings.files.head(file)
            if start.offset == 0 {
                start.head = HeadPrint(head)
                // A byte order mark is no part of the first row.
                if head.starts(with: [0xef, 0xbb, 0xbf]) { start.offset = 3 }
            }
            parser = try settings.makeParser()
        } catch {
            settings.files.close(file)
            throw error
        }
        return OpenSplitFile(
            settings.files, file, identity: status.identity, mark: start, parser: parser,
            settings: settings)
    }

    static func name(_ path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: 0x2f) else { return path }
        return String(path[path.index(after: slash)...])
    }
}
