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
        guard let (chunk, data) = try chunks.next() else { return false }
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

    func tail(before position: Int64) throws(ConnectorError) -> ContentPrint {
        try files.tail(chunks.file, before: position)
    }
}
