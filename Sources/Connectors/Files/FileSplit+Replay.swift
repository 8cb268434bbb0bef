import Operators
import Store

// Reading history once more: from the first file on, and no further than a checkpoint has come.
extension FileSplit {
    func limit(to position: SplitPosition) throws(ConnectorError) {
        guard let mark = FileMark(position.bytes) else { throw .unknownPosition(position.id) }
        limit = mark
    }

    var isAtLimit: Bool {
        guard let limit else { return false }
        // No file had been found.
        if limit.identity == FileMark().identity, limit.base == 0 { return true }
        guard let open else { return false }
        return isLast(open, limit) && open.records.position >= limit.offset
    }

    /// Whether the file is the one in which the limit lies.
    private func isLast(_ file: OpenSplitFile, _ limit: FileMark) -> Bool {
        file.identity == limit.identity && mark.base == limit.base
    }

    func read(to limit: FileMark, now: Int64) throws(ConnectorError) -> SplitRead {
        if isAtLimit { return .wait(until: nil) }
        if open == nil {
            guard try openFirst() else { throw .historyIsGone(id, "there is no such file") }
        }
        while let file = open {
            if isAtLimit { return .wait(until: nil) }
            let isLast = isLast(file, limit)
            file.records.bound = isLast ? limit.offset : nil
            if let (rows, lines) = file.records.next(isLast: isFinishing) {
                return .rows(
                    settings.metadata.complete(
                        rows, path: file.path, lines: lines, base: mark.base, now: now))
            }
            if isAtLimit { return .wait(until: nil) }
            if isFinishing {
                guard mark.base + file.records.position <= limit.base, try openSuccessor() else {
                    throw .historyIsGone(id, "a file between its first and its last one is missing")
                }
                continue
            }
            if try file.fill() { continue }
            guard !isLast else {
                throw .historyIsGone(id, "\(file.path) is shorter than it was when it was read")
            }
            isFinishing = true
        }
        throw .historyIsGone(id, "its files are no longer there")
    }

    /// Opens the file that the split began with, under whatever name it has now.
    func openBeginning() throws(ConnectorError) -> OpenSplitFile {
        var candidates: [(path: String, isSame: Bool)] = []
        if settings.isFollowed {
            for file in try rotatedFiles() {
                candidates.append((file.path, file.identity == mark.identity))
            }
        } else if let status = try settings.files.status(path: id) {
            candidates.append((id, status.identity == mark.identity))
        }
        // A copy with the same beginning will do where the file itself is gone.
        for (path, isSame) in candidates.sorted(by: { $0.isSame && !$1.isSame }) {
            guard isSame || mark.head.count > 0 else { continue }
            let file = try settings.files.open(path)
            defer { settings.files.close(file) }
            let head = try settings.files.head(file)
            if mark.head.count == 0 || mark.head.isPrefix(of: head) {
                return try opened(path, from: FileMark())
            }
        }
        throw .historyIsGone(id, "the file that it began with is no longer there")
    }
}
