import Operators

/// A source of a spec, opened: the splits that make it up.
///
/// Used by one thread at a time, the pipeline's lane.
package protocol Source: AnyObject {
    /// Looks for splits that have appeared (a glob's new files, a rotated successor) and returns
    /// those that were not returned before, in a stable order.
    ///
    /// - Throws: ``ConnectorError``; nothing has changed then and the call may be repeated.
    func discover() throws(ConnectorError) -> [any SourceSplit]

    /// Opens again the splits that a checkpoint names, at their positions. Called once, before
    /// ``discover()``.
    func restore(_ positions: [SplitPosition]) throws(ConnectorError) -> [any SourceSplit]

    /// Opens splits at their beginnings, to read history once more. Called instead of
    /// ``restore(_:)``. Where a split's first row is no longer there, this or its first read throws:
    /// nothing is left out silently.
    ///
    /// - Parameter beginnings: As ``SourceSplit/beginning`` gave them.
    func replay(_ beginnings: [SplitPosition]) throws(ConnectorError) -> [any SourceSplit]

    /// Whether no split will appear any more: with every split ended, the source has ended.
    var isBounded: Bool { get }

    /// Folders and files whose change means that there may be more to read; empty when the source
    /// needs no such hint.
    var watchedPaths: [String] { get }

    /// Calls `changed`, on any thread, whenever there may be more to read than a watched path tells,
    /// until the source goes.
    func subscribe(_ changed: @escaping @Sendable () -> Void)
}

extension Source {
    package func replay(_ beginnings: [SplitPosition]) throws(ConnectorError)
        -> [any SourceSplit]
    {
        try restore(beginnings)
    }

    package func subscribe(_ changed: @escaping @Sendable () -> Void) {}
}

/// An ordered part of a source: a file with its successors by rotation, standard input, a generator.
package protocol SourceSplit: AnyObject {
    /// Stable over restarts and unique in the source; for files the path.
    var id: String { get }

    /// Reads the next rows: about a mebibyte of input, or whatever is there.
    ///
    /// - Parameter now: The clock, microseconds since the epoch.
    /// - Throws: ``ConnectorError``; the position is then unchanged.
    func read(now: Int64) throws(ConnectorError) -> SplitRead

    /// Where the next read goes on: opaque, versioned bytes, at most 4 KiB. Covers exactly the rows
    /// that ``read(now:)`` has returned.
    func position() -> SplitPosition

    var progress: SplitProgress { get }

    /// The watermark that the writer of the split states for what comes next; nil where it must be told
    /// from the rows.
    var statedWatermark: Int64? { get }

    /// An event time that the split has reached though no row says so, asked for where it has no rows;
    /// nil where only rows tell.
    var reachedTime: Int64? { get }

    /// Tells splits apart for ever, where one key's rows may come from several.
    var place: UInt64 { get }

    /// Whether nothing writes the split now, so that at its end it holds no watermark back.
    var isPaused: Bool { get }

    /// The position of its first row, once that is known; nil of a split that cannot be read again
    /// or was opened in its midst.
    var beginning: SplitPosition? { get }

    /// Reads up to a position of the same split and not a row further, until another limit is set: at
    /// the limit ``read(now:)`` waits, and ``isAtLimit`` tells.
    ///
    /// - Parameter position: As ``position()`` of a split that is ahead of this one gave it.
    /// - Throws: ``ConnectorError`` where the split cannot be read again.
    func limit(to position: SplitPosition) throws(ConnectorError)

    /// Whether everything before the limit has been read.
    var isAtLimit: Bool { get }
}

extension SourceSplit {
    package var statedWatermark: Int64? { nil }
    package var isPaused: Bool { false }
    package var reachedTime: Int64? { nil }
    package var place: UInt64 { 0 }
    package var beginning: SplitPosition? { nil }
    package var isAtLimit: Bool { false }

    package func limit(to position: SplitPosition) throws(ConnectorError) {
        throw .cannotReplay(id)
    }
}

/// A split and where it stands, as a checkpoint keeps it.
package struct SplitPosition: Hashable, Sendable {
    package let id: String
    package let bytes: [UInt8]

    package init(id: String, bytes: [UInt8]) {
        self.id = id
        self.bytes = bytes
    }
}

extension SplitPosition {
    /// Several positions in one value, versioned.
    package static func encode(_ positions: [SplitPosition]) -> [UInt8] {
        var writer = TokenWriter()
        writer.append(UInt8(1))
        writer.append(UInt32(positions.count))
        for position in positions {
            writer.append(position.id)
            writer.append(position.bytes)
        }
        return writer.bytes
    }

    /// Reads what ``encode(_:)`` made; nil where the bytes are something else.
    package static func list(_ bytes: [UInt8]) -> [SplitPosition]? {
        var reader = TokenReader(bytes)
        guard reader.read(UInt8.self) == 1, let count = reader.read(UInt32.self) else { return nil }
        var positions: [SplitPosition] = []
        for _ in 0..<count {
            guard let id = reader.readString(), let position = reader.readBytes() else {
                return nil
            }
            positions.append(SplitPosition(id: id, bytes: position))
        }
        return reader.isAtEnd ? positions : nil
    }
}

package enum SplitRead {
    case rows(SourceRows)
    /// Nothing now; more may come. With a time when it is worth asking again, microseconds since
    /// the epoch; nil when a change of a watched path will tell.
    case wait(until: Int64?)
    /// Nothing any more.
    case ended
}

/// How much of a split has been read. Bytes for files, rows for generators.
package struct SplitProgress: Sendable {
    package var done: Int64
    /// nil when there is no end.
    package var total: Int64?
    /// How much is there now that has not been read; nil when that is not known.
    package var behind: Int64?
    /// How often input was gone before it was read (a rotated file that was removed).
    package var gaps: Int64

    package init(done: Int64, total: Int64?, behind: Int64? = nil, gaps: Int64 = 0) {
        self.done = done
        self.total = total
        self.behind = behind
        self.gaps = gaps
    }
}

/// Rows as a format gives them, before event times and watermarks are known.
package struct SourceRows {
    /// The declared fields, then the metadata columns: the source's output schema.
    package var columns: [Column]
    package var rowCount: Int
    /// Byte position (or record number) of each row in its split, Int64.
    package var positions: Buffer?
    package var invalid: [InvalidRow]
    /// Bytes of input that these rows were.
    package var byteCount: Int
    /// The event times that rows are stored with, and what their writer knew of its watermark.
    package var stored: StoredTimes?
    /// Int32 a row, +1 or −1; nil when all are +1.
    package var weights: Buffer?
    /// Of a topic's rows: what each does, as it is stored, one byte each; nil when all are inserted.
    package var operations: Buffer?

    package init(
        columns: [Column], rowCount: Int, positions: Buffer?, invalid: [InvalidRow], byteCount: Int
    ) {
        self.columns = columns
        self.rowCount = rowCount
        self.positions = positions
        self.invalid = invalid
        self.byteCount = byteCount
    }
}

/// Event times that need not be told from a row's columns.
package struct StoredTimes {
    /// Type `timestamp`, no nulls.
    package var rowtime: Column
    /// The writer's watermark before the first row; nil where the writer had none.
    package var watermark: Int64?
    /// Int64 a row; nil when no row is behind it.
    package var rowWatermarks: Buffer?

    package init(rowtime: Column, watermark: Int64?, rowWatermarks: Buffer?) {
        self.rowtime = rowtime
        self.watermark = watermark
        self.rowWatermarks = rowWatermarks
    }
}

/// A row that could not be read, with what was there and why.
package struct InvalidRow: Sendable {
    /// The bytes of the row, cut after 64 KiB.
    package let raw: [UInt8]
    /// `cannot read field 'price' as bigint: "abc" at byte 31`.
    package let error: String
    package let position: Int64

    package init(raw: [UInt8], error: String, position: Int64) {
        self.raw = raw
        self.error = error
        self.position = position
    }
}
