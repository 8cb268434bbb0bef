import Operators
import Store

/// Finds rows by their event time.
package enum TopicTimes {
    /// The offset of the first row of this event time or a later one; the end's where there is none.
    ///
    /// - Parameter time: Microseconds since the epoch.
    /// - Complexity: The segments' footers, one index and one block's event times.
    package static func offset(_ partition: Partition, atOrAfter time: Int64) throws(StoreError)
        -> UInt64
    {
        let first = try partition.offset(atOrAfter: time)
        let cursor = PartitionCursor(partition, at: first)
        var buffer = Buffer(capacity: 0)
        let step = try cursor.next { count in
            buffer = Buffer(capacity: count)
            return UnsafeMutableRawBufferPointer(start: buffer.base, count: count)
        }
        guard case .block(let block) = step else { return first }
        do throws(RowBlockError) {
            let reader = try RowBlockReader(buffer, block.payload)
            let rowtime = try reader.rowtime()
            let offsets = try reader.offsets()
            for row in 0..<reader.rowCount where rowtime.integers[row] >= time {
                let relative = offsets.map { $0.pointer(to: Int64.self)[row] } ?? Int64(row)
                return max(first, block.firstOffset + UInt64(relative))
            }
        } catch {
            // A block that cannot be read is for the reader to report.
        }
        return first
    }
}
