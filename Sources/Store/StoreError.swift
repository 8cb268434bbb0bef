/// Why an operation of the store could not be done, in words for a person and a kind for a program.
///
/// The text has the form `cannot <verb> <object>: <cause>; <remedy>` and names path and byte. It is
/// made in StoreErrorWording.swift, one factory per case.
package struct StoreError: Error, Equatable, Sendable, CustomStringConvertible {
    package enum Kind: Equatable, Sendable {
        /// The kernel refused; the number is its `errno`.
        case io(Int32)
        /// The device, or the user's quota, is full.
        case full
        /// The file or folder is not there.
        case notFound
        /// The path is something other than a regular file, or than a folder where one is needed.
        case wrongType
        /// Bytes that had been synced are not what was written.
        case damaged
        /// The file was written by a newer version. It has been left untouched.
        case newerVersion
        /// The file belongs to another log.
        case foreign
        /// An earlier write or sync was refused, so that nothing more may be acknowledged.
        case fenced
        /// Another process holds the lock; its id where it could be learned.
        case locked(processID: Int32?)
        /// More bytes than the format allows.
        case tooLarge
        /// A partition has another writer.
        case inUse
        /// A name that cannot stand for a file.
        case invalidName
    }

    package let kind: Kind
    /// The file or folder it is about.
    package let path: String
    /// The byte of the file it is about, where there is one.
    package let position: Int64?
    /// The whole sentence, one line.
    package let message: String

    package init(kind: Kind, path: String, position: Int64? = nil, message: String) {
        self.kind = kind
        self.path = path
        self.position = position
        self.message = message
    }

    package var description: String { message }

    /// Whether doing the same again, after reopening what was fenced, may work without a person
    /// having changed a file or a spec.
    package var isRetriable: Bool {
        switch kind {
        case .full, .fenced, .locked, .inUse: true
        case .io(let code): !SystemErrorText.isPermanent(code)
        case .notFound, .wrongType, .damaged, .newerVersion, .foreign, .tooLarge, .invalidName:
            false
        }
    }
}
