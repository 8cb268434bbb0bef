/// The rows of one block of a topic: what a payload in a segment says.
///
/// ``RowBlockEncoder`` turns it into bytes, ``RowBlockReader`` reads those column by column.
package struct RowBlock: Sendable {
    /// `0...RowBlockFormat.rowsMax`.
    package var rowCount: Int
    /// Each `rowCount` long, in the order of the topic's schema.
    package var columns: [Column]
    /// Event time of each row, type `timestamp`, no nulls.
    package var rowtime: Column
    /// UInt8 a row, what the row does; nil when all are 0.
    package var operations: Buffer?
    /// Int64 a row, the writer's watermark before it; nil when no row is behind.
    package var rowWatermarks: Buffer?
    /// Int64 a row, ascending from at least 0, relative to the block's first offset; nil for
    /// 0, 1, 2, ….
    package var offsets: Buffer?
    /// When the block was appended, microseconds since the epoch.
    package var appendedAt: Int64
    /// The writer's watermark before the first row, microseconds.
    package var watermark: Int64
    /// The writer's watermark after the last row.
    package var watermarkAfter: Int64
    package var schemaVersion: UInt32

    package init(
        rowCount: Int, columns: [Column], rowtime: Column, operations: Buffer? = nil,
        rowWatermarks: Buffer? = nil, offsets: Buffer? = nil, appendedAt: Int64 = 0,
        watermark: Int64 = .min, watermarkAfter: Int64 = .min, schemaVersion: UInt32 = 0
    ) {
        self.rowCount = rowCount
        self.columns = columns
        self.rowtime = rowtime
        self.operations = operations
        self.rowWatermarks = rowWatermarks
        self.offsets = offsets
        self.appendedAt = appendedAt
        self.watermark = watermark
        self.watermarkAfter = watermarkAfter
        self.schemaVersion = schemaVersion
    }
}

/// A payload is not a row block, or one of its columns cannot be read.
package struct RowBlockError: Error, Equatable {
    /// What is wrong, as the cause in a sentence: `column 2 has a width of 3`.
    package let message: String

    package init(message: String) { self.message = message }
}
