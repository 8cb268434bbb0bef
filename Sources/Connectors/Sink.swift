import Operators

/// A sink of a spec, opened.
///
/// ``write(_:)``, ``cut(epoch:)`` and ``close()`` are called by the pipeline's lane; what a cut returns is
/// synced and committed by another thread while the lane goes on writing.
package protocol Sink: AnyObject {
    /// Makes what the sink has outside equal to a checkpoint's token, forward or back, and opens it.
    /// Called once, first; can be repeated after a crash. nil: there is no checkpoint yet.
    func recover(token: [UInt8]?) throws(ConnectorError)

    /// Encodes and writes the rows; nothing is visible or durable yet.
    func write(_ batch: Batch) throws(ConnectorError)

    /// The watermark of the rows to come: none of them is older.
    func advance(watermark: Int64)

    /// Ends an epoch: everything written so far belongs to it. Quick; no sync.
    func cut(epoch: UInt64) throws(ConnectorError) -> any SinkCut

    /// Rows and bytes written since it was opened.
    var written: SinkProgress { get }

    func close()
}

extension Sink {
    package func advance(watermark: Int64) {}
}

/// The share of one epoch in a sink, on its way to being committed. Called off the lane, once each.
package protocol SinkCut: AnyObject, Sendable {
    /// What the checkpoint's record keeps of this sink: opaque, versioned bytes.
    var token: [UInt8] { get }

    /// Makes the epoch's rows durable. Before the record is written.
    func sync() throws(ConnectorError)

    /// Makes them visible. After the record was synced; may be repeated by ``Sink/recover(token:)``.
    func commit() throws(ConnectorError)
}

package struct SinkProgress: Sendable {
    package var rows: Int64
    package var bytes: Int64

    package init(rows: Int64, bytes: Int64) {
        self.rows = rows
        self.bytes = bytes
    }
}

/// What a sink does with a file that is there already and is no checkpoint's.
package enum ExistingOutput: Sendable {
    case refuse, append, overwrite
}
