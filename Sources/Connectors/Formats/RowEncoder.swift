import Config
import Operators

/// Turns rows into bytes: the writing half of a format. Used by one thread at a time.
///
/// A batch is announced once and then written in pieces, so that a sink can send runs of its rows
/// to different files without paying for the batch's columns again.
package protocol RowEncoder: AnyObject {
    /// What every file begins with; empty where the format has no header.
    var header: [UInt8] { get }

    /// Doubles that the format cannot write (NaN, infinities) and were written as null.
    var nonFiniteCount: Int64 { get }

    /// Takes a batch, which has no selection.
    ///
    /// - Parameter operations: ``RowOperation`` bytes, one a row; nil when rows are only appended.
    func begin(_ batch: Batch, operations: Buffer?)

    /// Appends the rows of that batch in `rows` and returns how many they were: a row whose
    /// operation is `.skip` is none.
    func encode(rows: Range<Int>, into output: inout OutputBytes) -> Int

    /// Lets go of the batch.
    func end()
}

/// Makes the encoder of a sink's format.
package enum RowEncoderFactory {
    /// - Throws: ``ConnectorError``, terminal, for a format that writes nothing.
    package static func make(_ format: FormatSpec, schema: Schema, mode: SinkSpec.Mode)
        throws(ConnectorError) -> any RowEncoder
    {
        let writesOperations = mode != .append
        switch format {
        case .json:
            var deletionColumns: [Int]?
            if case .upsert(let key) = mode { deletionColumns = key }
            return JSONRowEncoder(
                schema: schema, writesOperations: writesOperations,
                deletionColumns: deletionColumns)
        case .csv(let options):
            return CSVRowEncoder(
                schema: schema, options: options, writesOperations: writesOperations)
        case .lines:
            guard schema.count == 1, !writesOperations else {
                throw .linesNeedOneColumn(columnCount: schema.count)
            }
            return LinesRowEncoder()
        case .regex, .logfmt, .none:
            throw .sinkWithoutFormat()
        }
    }
}
