import Glibc
import Store

/// What there is to say of the state directory, for the metrics.
struct StateFigures: Sendable {
    /// Bytes that can still be written; nil where that cannot be learned.
    var availableBytes: Int64?
    /// The size of its file system.
    var totalBytes: Int64?
    /// Whether the room that is kept for a full disk is there.
    var hasReserve: Bool
    /// Microseconds since the epoch; nil where no backup is known of.
    var lastBackupAt: Int64?

    init(_ state: StateDirectory) {
        var raw = statvfs()
        if statvfs(state.path, &raw) == 0 {
            func bytes(_ blocks: UInt64) -> Int64 {
                let (product, overflow) = blocks.multipliedReportingOverflow(
                    by: UInt64(raw.f_frsize))
                return overflow ? .max : Int64(clamping: product)
            }
            availableBytes = bytes(UInt64(raw.f_bavail))
            totalBytes = bytes(UInt64(raw.f_blocks))
        }
        hasReserve = state.hasReserve
        lastBackupAt = state.lastBackupAt
    }
}
