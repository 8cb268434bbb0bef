import Operators
import Store

/// The file that a split is reading: its chunks, its records, and how it is known.
final class OpenSplitFile {
    let identity: FileIdentity
    let path: String
    let chunks: ChunkReader
    var records: RecordReader
    private(set) var head: HeadPrint
    private let files: InputFiles
    /// The chunk that was taken in last: whoever truncates the file leaves nothing to look it up in.
    private var last: (chunk: Buffer, data: Range<Int>, position: Int64)?
    /// What stands in front of it, at most ``ContentPrint/bytesMax``.
    private var front: [UInt8] = []
    /// The mark that reading began at.
    private let start: FileMark

    /// - Parameters:
    ///   - file: Taken over, and closed with this.
    ///   - mark: Where to begin, with what was known of the file's beginning.
    init(
        _ files: InputFiles, _ file: OpenFile, identity: FileIdentity, mark: FileMark,
        parser: any RowParser, settings: FileSplitSettings
    ) {
        self.files = files
        self.identity = identity
        path = file.path
        start = mark
        head = mark.head
        if !mark.parserState.isEmpty { parser.state = mark.parserState }
        records = RecordReader(
            parser: parser, position: mark.offset, line: mark.line, isSkipping: mark.isSkipping,
            countsLines: settings.metadata.countsLines, recordBytesMax: settings.recordBytesMax)
        chunks = ChunkReader(
            files, file, position: mark.offset, readsAhead: settings.readsAhead)
    }

    /// Reads the next chunk; false where the file ends by now.
    func fill() throws(ConnectorError) -> Bool {
        let position = chunks.position
        guard let (chunk, data) = try chunks.next() else { return false }
        if let last {
            front = bytes(in: last, upTo: last.data.count)
        } else {
            let count = min(Int64(ContentPrint.bytesMax), position)
            front = try files.bytes(chunks.file, at: position - count, count: Int(count))
        }
        last = (chunk, data, position)
        records.take(chunk, data)
        if head.count < ContentPrint.bytesMax {
            head = HeadPrint(try files.head(chunks.file))
        }
        return true
    }

    /// Compares the file's beginning with what it was.
    func compareHead() throws(ConnectorError) -> (comparison: HeadPrint.Comparison, isWhole: Bool) {
        let bytes = try files.head(chunks.file)
        return (head.compare(bytes), bytes.count >= head.count)
    }

    /// A print of the bytes before `position` as they were read, whatever is in the file by now.
    func tail(before position: Int64) throws(ConnectorError) -> ContentPrint {
        if position == start.offset, start.tail.count > 0 { return start.tail }
        if let last, position >= last.position {
            let bytes = bytes(in: last, upTo: Int(position - last.position))
            if bytes.count == min(Int64(ContentPrint.bytesMax), position) {
                return ContentPrint(bytes)
            }
        }
        return try files.tail(chunks.file, before: position)
    }

    /// A print of the bytes before `position` as they are in the file now.
    func currentTail(before position: Int64) throws(ConnectorError) -> ContentPrint {
        try files.tail(chunks.file, before: position)
    }

    /// Lets go of what is not needed while the file's end is waited at.
    func shrink() {
        records.shrink()
        guard let last else { return }
        front = bytes(in: last, upTo: last.data.count)
        self.last = (Buffer(capacity: 0), 0..<0, last.position + Int64(last.data.count))
    }

    /// The last bytes of the chunk's first `count`, and of what stands in front of it.
    private func bytes(
        in last: (chunk: Buffer, data: Range<Int>, position: Int64), upTo count: Int
    ) -> [UInt8] {
        let count = min(count, last.data.count)
        let taken = min(count, ContentPrint.bytesMax)
        // SAFETY: `data` lies in the chunk, which `last` keeps, and `count` is at most its length.
        let start = UnsafePointer(last.chunk.pointer(to: UInt8.self)) + last.data.lowerBound
        let bytes = UnsafeBufferPointer(start: start + (count - taken), count: taken)
        return front.suffix(ContentPrint.bytesMax - taken) + bytes
    }
}
