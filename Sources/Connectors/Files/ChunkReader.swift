import Operators
import Store

/// Reads an open file in chunks, one or two of them ahead while it is being read.
///
/// Memory: ``aheadCount`` + 1 chunks while there is more to read, none at the file's end.
final class ChunkReader {
    /// Room in front of a chunk for what is left of the one before.
    static let headroom = 32 * 1024
    /// Bytes of a chunk. With the room in front and the buffer's padding just under a mebibyte,
    /// which is a size that the buffers' pool has.
    static let chunkBytes = 1024 * 1024 - 2 * headroom
    static let aheadCount = 2

    let file: OpenFile
    private let files: InputFiles
    /// The byte behind all chunks that were returned.
    private(set) var position: Int64
    /// The file's length when it was last looked at.
    private(set) var knownLength: Int64 = 0
    private(set) var modifiedMicros: Int64 = 0
    /// Whether all bytes that were there at the last look have been returned.
    var isAtKnownEnd: Bool { position >= knownLength }
    private var ahead: [ReadRequest] = []
    private let readsAhead: Bool

    /// - Parameter file: Closed with the reader.
    init(_ files: InputFiles, _ file: OpenFile, position: Int64, readsAhead: Bool = true) {
        self.files = files
        self.file = file
        self.position = position
        self.readsAhead = readsAhead
    }

    deinit {
        cancelAhead()
        files.close(file)
    }

    /// The next chunk: a buffer and where the bytes lie in it. nil where the file ends by now.
    ///
    /// - Throws: ``ConnectorError``; nothing was taken then.
    func next() throws(ConnectorError) -> (Buffer, Range<Int>)? {
        if let request = ahead.first {
            ReadAheadPool.shared.finish(request)
            let count: Int
            switch request.outcome {
            case .success(let read): count = read
            case .failure(let error):
                cancelAhead()
                throw ConnectorError(error)
            }
            if count < request.count {
                // The file has become shorter: what was read behind it is from another time.
                cancelAhead()
                _ = try look()
            } else {
                ahead.removeFirst()
            }
            if count == 0 { return nil }
            return taken(request, count)
        }
        if knownLength - position < Int64(ChunkReader.chunkBytes) { try look() }
        let count = Int(min(Int64(ChunkReader.chunkBytes), knownLength - position))
        guard count > 0 else { return nil }
        let request = request(at: position, count: count)
        request.run()
        switch request.outcome {
        case .success(0): return nil
        case .success(let read): return taken(request, read)
        case .failure(let error): throw ConnectorError(error)
        }
    }

    /// Looks at how long the file is now.
    @discardableResult
    func look() throws(ConnectorError) -> FileStatus {
        let status = try files.status(file)
        knownLength = status.length
        modifiedMicros = status.modifiedMicros
        return status
    }

    private func taken(_ request: ReadRequest, _ count: Int) -> (Buffer, Range<Int>) {
        position = request.position + Int64(count)
        fillAhead()
        return (request.buffer, request.bufferOffset..<request.bufferOffset + count)
    }

    /// Asks for the chunks behind `position` that are known to be there in full. The last, partial
    /// one is read when it is needed, as it may have grown by then.
    private func fillAhead() {
        guard readsAhead else { return }
        while ahead.count < ChunkReader.aheadCount {
            let next = ahead.last.map { $0.position + Int64($0.count) } ?? position
            guard next + Int64(ChunkReader.chunkBytes) <= knownLength else { return }
            let request = request(at: next, count: ChunkReader.chunkBytes)
            ahead.append(request)
            ReadAheadPool.shared.submit(request)
        }
    }

    private func request(at position: Int64, count: Int) -> ReadRequest {
        ReadRequest(
            files.fileSystem, file, position: position, count: count,
            buffer: Buffer(capacity: ChunkReader.headroom + count),
            bufferOffset: ChunkReader.headroom)
    }

    private func cancelAhead() {
        for request in ahead { ReadAheadPool.shared.cancel(request) }
        ahead = []
    }
}
