import Config
import Operators
import Store

/// What the splits of one file source have in common.
struct FileSplitSettings {
    let files: InputFiles
    let isFollowed: Bool
    let format: FormatSpec
    let fields: [FieldSpec]
    let metadata: RowMetadata
    var recordBytesMax = RecordReader.recordBytesMax
    var readsAhead = true

    func makeParser() throws(ConnectorError) -> any RowParser {
        try RowParserFactory.make(format, fields: fields)
    }
}
