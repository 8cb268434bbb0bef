/// The numbers of the control protocol; docs/control-protocol.md is its description.
enum ControlProtocol {
    /// Stands as `v` in every line. A daemon refuses other versions and says which it speaks.
    static let version: Int64 = 1
    /// The longest request, without its newline.
    static let requestBytesMax = 64 * 1024
    /// The longest answer that a client accepts.
    static let answerBytesMax = 64 * 1024 * 1024
    static let clientsMax = 64
    /// What may wait to be read by a client before a stream drops lines, and before the client is
    /// dropped.
    static let streamBacklogBytesMax = 1024 * 1024
    static let backlogBytesMax = 80 * 1024 * 1024
    /// The longest frame, without its length.
    static let frameBytesMax = 1024 * 1024
    /// How long a client may leave an answer unread, or a request unfinished.
    static let stallMicrosMax: Int64 = 10_000_000
}
