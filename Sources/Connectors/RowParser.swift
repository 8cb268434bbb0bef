import Operators

/// Turns bytes into rows: the reading half of a format. One for each split, as it may keep state
/// (a CSV header, the last record's order of keys).
package protocol RowParser: AnyObject {
    /// Parses every whole record in `chunk[range]`.
    ///
    /// - Parameters:
    ///   - chunk: Input; ``Buffer/paddingBytes`` bytes behind `range` may be read. The rows' strings
    ///     point into it.
    ///   - range: Byte offsets of the input in the chunk.
    ///   - position: The position in the split of the range's first byte.
    ///   - isLast: Nothing follows: what is left at the end is a record without a line end.
    /// - Returns: The rows and how many bytes they took; the rest is offered again with more behind.
    func parse(
        _ chunk: Buffer, _ range: Range<Int>, position: Int64, isLast: Bool
    ) -> (rows: SourceRows, consumed: Int)

    /// What must be known to go on in the middle of the input (a CSV header), at most 64 KiB.
    var state: [UInt8] { get set }
}
