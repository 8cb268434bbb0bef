import Glibc
import Operators

/// `stdin:`: what is piped into `pipelined run`, as one split that ends with its input.
///
/// A pipe cannot be read again: after a crash the rows since the last checkpoint are lost. A file
/// that was redirected is read on from the checkpoint's position.
final class StdinSource: Source {
    private let split: StdinSplit
    private var isReturned = false

    init(parser: any RowParser, metadata: RowMetadata, descriptor: Int32 = STDIN_FILENO) {
        split = StdinSplit(parser: parser, metadata: metadata, descriptor: descriptor)
    }

    let isBounded = true
    let watchedPaths: [String] = []

    func discover() throws(ConnectorError) -> [any SourceSplit] {
        if isReturned { return [] }
        isReturned = true
        return [split]
    }

    func restore(_ positions: [SplitPosition]) throws(ConnectorError) -> [any SourceSplit] {
        guard let position = positions.first else { return [] }
        try split.restore(position)
        isReturned = true
        return [split]
    }
}

/// Standard input. Waits a few milliseconds for more before it gives the lane back.
final class StdinSplit: SourceSplit {
    private static let chunkBytes = 256 * 1024
    private static let headroom = 32 * 1024
    /// How long a read waits for input.
    private static let patienceMillis: Int32 = 5
    private static let version: UInt8 = 1

    let id = "stdin"
    private let metadata: RowMetadata
    private let descriptor: Int32
    private var records: RecordReader
    private var isAtEnd = false
    private var hasEnded = false
    /// Empty looks since the last input.
    private var emptyCount: Int64 = 0

    init(parser: any RowParser, metadata: RowMetadata, descriptor: Int32) {
        self.metadata = metadata
        self.descriptor = descriptor
        records = RecordReader(
            parser: parser, countsLines: metadata.countsLines,
            recordBytesMax: RecordReader.recordBytesMax)
    }

    var progress: SplitProgress {
        SplitProgress(done: records.position, total: hasEnded ? records.position : nil)
    }

    func position() -> SplitPosition {
        var writer = TokenWriter()
        writer.append(StdinSplit.version)
        writer.append(UInt8(hasEnded ? 1 : 0) | UInt8(records.isSkipping ? 2 : 0))
        writer.append(records.position)
        writer.append(records.line)
        writer.append(records.parser.state)
        return SplitPosition(id: id, bytes: writer.bytes)
    }

    func restore(_ position: SplitPosition) throws(ConnectorError) {
        var reader = TokenReader(position.bytes)
        guard reader.read(UInt8.self) == StdinSplit.version, let flags = reader.read(UInt8.self),
            let offset = reader.read(Int64.self), let line = reader.read(Int64.self),
            let state = reader.readBytes(), offset >= 0
        else { throw .unknownPosition(id) }
        hasEnded = flags & 1 != 0
        let parser = records.parser
        if !state.isEmpty { parser.state = state }
        var status = stat()
        if fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG {
            _ = lseek(descriptor, off_t(offset), SEEK_SET)
        }
        records = RecordReader(
            parser: parser, position: offset, line: line, isSkipping: flags & 2 != 0,
            countsLines: metadata.countsLines, recordBytesMax: RecordReader.recordBytesMax)
    }

    func read(now: Int64) throws(ConnectorError) -> SplitRead {
        while true {
            if hasEnded { return .ended }
            if let (rows, lines) = records.next(isLast: isAtEnd) {
                return .rows(
                    metadata.complete(rows, path: nil, lines: lines, base: 0, now: now))
            }
            if isAtEnd {
                hasEnded = true
                return .ended
            }
            let count = try fill()
            if count > 0 {
                emptyCount = 0
            } else if count < 0 {
                // Someone types, or the writer is slow: look less and less often.
                emptyCount = min(emptyCount + 1, 10)
                return .wait(until: now + emptyCount * 5000)
            } else {
                isAtEnd = true
            }
        }
    }

    /// Reads what is there, up to a chunk. Returns 0 at the end, −1 when there is nothing now.
    private func fill() throws(ConnectorError) -> Int {
        let buffer = Buffer(capacity: StdinSplit.headroom + StdinSplit.chunkBytes)
        var count = 0
        while count < StdinSplit.chunkBytes {
            var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            let ready = Glibc.poll(&poll, 1, count == 0 ? StdinSplit.patienceMillis : 0)
            if ready == 0 { break }
            if ready < 0, errno == EINTR { continue }
            // SAFETY: at most what is left of the chunk's room.
            let read = Glibc.read(
                descriptor, buffer.base + StdinSplit.headroom + count,
                StdinSplit.chunkBytes - count)
            if read > 0 {
                count += read
            } else if read == 0 {
                if count == 0 { return 0 }
                break
            } else if errno == EAGAIN {
                break
            } else if errno != EINTR {
                throw .cannotReadStdin(errno)
            }
        }
        if count == 0 { return -1 }
        records.take(buffer, StdinSplit.headroom..<StdinSplit.headroom + count)
        return count
    }
}
