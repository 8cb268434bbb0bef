import Config

/// Makes the parser of a source's format.
package enum RowParserFactory {
    /// - Parameter fields: The fields to read, in the order of the result's columns.
    /// - Throws: ``ConnectorError``, terminal, for a time zone or a pattern that is not known.
    package static func make(_ format: FormatSpec, fields: [FieldSpec]) throws(ConnectorError)
        -> any RowParser
    {
        switch format {
        case .json(let options): return try JSONRowParser(fields: fields, options: options)
        case .csv(let options): return try CSVRowParser(fields: fields, options: options)
        case .lines: return LinesRowParser(fields: fields)
        case .regex(let options): return try RegexRowParser(fields: fields, options: options)
        case .logfmt(let options): return try LogfmtRowParser(fields: fields, options: options)
        case .none: throw .sourceWithoutFormat()
        }
    }
}
