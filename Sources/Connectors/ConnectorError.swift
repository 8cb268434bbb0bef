/// Why a source or a sink could not do what it was asked to.
package struct ConnectorError: Error, Sendable {
    package enum Kind: Sendable {
        /// Worth another try: the file may appear, the disk may get room.
        case transient
        /// Waits for a person: a file that is not what a checkpoint says, a path without permission.
        case terminal
    }
    package let kind: Kind
    /// `cannot <verb> <object>: <cause>; <remedy>`.
    package let message: String

    /// What was to be read once more is no longer there.
    package let isHistoryGone: Bool

    package init(_ kind: Kind, _ message: String, isHistoryGone: Bool = false) {
        self.isHistoryGone = isHistoryGone
        self.kind = kind
        self.message = message
    }
}
