import Config
import Glibc
import Operators
import Store
import Synchronization

/// `stdout:`: rows appear on standard output once their checkpoint is committed.
///
/// Between checkpoints they wait in memory, and past ``memoryBytesMax`` in a temporary file that has
/// no name. A crash between a checkpoint's record and its commit loses rows: what is printed cannot
/// be looked up.
final class StdoutSink: Sink {
    static let memoryBytesMax = 4 << 20

    private let encoder: any RowEncoder
    private let mode: SinkSpec.Mode
    private let inputKey: [Int]?
    private let descriptor: Int32
    private var buffer = OutputBytes()
    private var spill: SpillFile?
    private var hasPrintedHeader = false
    private(set) var written = SinkProgress(rows: 0, bytes: 0)

    init(
        encoder: any RowEncoder, mode: SinkSpec.Mode, inputKey: [Int]?,
        descriptor: Int32 = STDOUT_FILENO
    ) {
        self.encoder = encoder
        self.mode = mode
        self.inputKey = inputKey
        self.descriptor = descriptor
    }

    func recover(token: [UInt8]?) throws(ConnectorError) {
        buffer.truncate(to: 0)
        spill = nil
    }

    func write(_ batch: Batch) throws(ConnectorError) {
        if buffer.count >= StdoutSink.memoryBytesMax {
            if spill == nil { spill = try SpillFile() }
            try spill?.append(buffer.bytes)
            buffer.truncate(to: 0)
        }
        if !hasPrintedHeader {
            buffer.append(encoder.header)
            hasPrintedHeader = true
        }
        let before = buffer.count
        let rows = batch.compacted()
        encoder.begin(
            rows, operations: RowOperation.operations(rows, mode: mode, inputKey: inputKey))
        written.rows += Int64(encoder.encode(rows: 0..<rows.rowCount, into: &buffer))
        encoder.end()
        written.bytes += Int64(buffer.count - before)
    }

    func cut(epoch: UInt64) throws(ConnectorError) -> any SinkCut {
        let cut = StdoutCut(rest: buffer.array, spill: spill, rows: written, descriptor: descriptor)
        buffer.truncate(to: 0)
        buffer.shrink(to: StdoutSink.memoryBytesMax)
        spill = nil
        return cut
    }

    func close() { spill = nil }
}

/// An epoch's rows on their way to standard output.
final class StdoutCut: SinkCut {
    let token: [UInt8]
    private let rest: [UInt8]
    private let spill: SpillFile?
    private let descriptor: Int32
    /// How many of the epoch's bytes are printed, so that a commit can be repeated.
    private let printed = Mutex(Int64(0))

    init(rest: [UInt8], spill: SpillFile?, rows: SinkProgress, descriptor: Int32) {
        var writer = TokenWriter()
        writer.append(UInt8(1))
        writer.append(rows.rows)
        token = writer.bytes
        self.rest = rest
        self.spill = spill
        self.descriptor = descriptor
    }

    func sync() throws(ConnectorError) {}

    func commit() throws(ConnectorError) {
        var done = printed.withLock { $0 }
        defer { printed.withLock { $0 = done } }
        let spilled = spill?.length ?? 0
        while done < spilled {
            guard let piece = try spill?.read(at: done) else { break }
            try print(piece[...], &done)
        }
        try print(rest.dropFirst(Int(done - spilled)), &done)
    }

    private func print(_ bytes: ArraySlice<UInt8>, _ done: inout Int64) throws(ConnectorError) {
        var bytes = bytes
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count >= 0 {
                done += Int64(count)
                bytes = bytes.dropFirst(count)
            } else if errno == EAGAIN {
                var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                _ = poll(&ready, 1, -1)
            } else if errno != EINTR {
                throw .cannotPrint(errno)
            }
        }
    }
}

/// A temporary file without a name: the system takes its room back when it is closed.
final class SpillFile: Sendable {
    private static let pieceBytes = 1 << 20

    private let descriptor: Int32
    private let written = Mutex(Int64(0))

    init() throws(ConnectorError) {
        let folder = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(folder)/pipelined-XXXXXX".utf8CString)
        descriptor = mkstemp(&template)
        guard descriptor >= 0 else { throw .cannotSpill(folder, errno) }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        Glibc.unlink(template)
    }

    deinit { Glibc.close(descriptor) }

    var length: Int64 { written.withLock { $0 } }

    func append(_ bytes: UnsafeRawBufferPointer) throws(ConnectorError) {
        let start = length
        var done = 0
        while done < bytes.count {
            // SAFETY: `done < bytes.count`.
            let count = pwrite(
                descriptor, bytes.baseAddress.map { $0 + done }, bytes.count - done,
                off_t(start + Int64(done)))
            if count >= 0 {
                done += count
            } else if errno != EINTR {
                throw .cannotSpill("a temporary file", errno)
            }
        }
        written.withLock { $0 += Int64(done) }
    }

    func read(at position: Int64) throws(ConnectorError) -> [UInt8] {
        let count = Int(min(Int64(SpillFile.pieceBytes), length - position))
        var code: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            repeat {
                initialized = max(
                    0, pread(descriptor, buffer.baseAddress, count, off_t(position)))
                code = initialized == 0 ? errno : 0
            } while initialized == 0 && code == EINTR
        }
        if bytes.isEmpty { throw .cannotSpill("a temporary file", code) }
        return bytes
    }
}
