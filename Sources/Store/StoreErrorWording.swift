import Glibc

extension StoreError {
    /// The kernel refused a call.
    ///
    /// - Parameters:
    ///   - verb: What was being done, as in `read` or `sync`.
    ///   - position: The byte at which it was refused, for calls that have one.
    package static func system(
        _ verb: String, _ path: String, at position: Int64? = nil, code: Int32
    ) -> StoreError {
        let kind: Kind =
            switch code {
            case ENOSPC, EDQUOT: .full
            case ENOENT: .notFound
            default: .io(code)
            }
        let place = position.map { " at byte \($0)" } ?? ""
        return StoreError(
            kind: kind, path: path, position: position,
            message: "cannot \(verb) '\(path)'\(place): \(SystemErrorText.cause(code)); "
                + SystemErrorText.remedy(code))
    }

    static func notARegularFile(_ path: String) -> StoreError {
        StoreError(
            kind: .wrongType, path: path,
            message: "cannot open '\(path)': it is not a regular file; name a file")
    }

    static func endedEarly(_ path: String, at position: Int64, expected: Int64) -> StoreError {
        StoreError(
            kind: .damaged, path: path, position: position,
            message: "cannot read '\(path)' at byte \(position): the file ends there and had "
                + "\(expected) bytes when it was opened; find out what cut it")
    }

    /// Bytes that had been synced are not what was written.
    static func damaged(_ path: String, at position: Int64, _ cause: String) -> StoreError {
        StoreError(
            kind: .damaged, path: path, position: position,
            message: "cannot read '\(path)' at byte \(position): \(cause); "
                + "restore the file from a backup, or reset what it belongs to")
    }

    static func newerVersion(_ path: String, at position: Int64, version: UInt16) -> StoreError {
        StoreError(
            kind: .newerVersion, path: path, position: position,
            message: "cannot read '\(path)' at byte \(position): it has format version \(version) "
                + "and this program reads up to \(SegmentFormat.version); "
                + "use the version that wrote it or a newer one")
    }

    static func foreign(_ path: String, belongsTo found: String, wanted: String) -> StoreError {
        StoreError(
            kind: .foreign, path: path, position: 0,
            message: "cannot open '\(path)': it belongs to \(found) and not to \(wanted); "
                + "put the right file back, or reset what it belongs to")
    }

    static func invalidTopicName(_ name: String, in path: String) -> StoreError {
        StoreError(
            kind: .invalidName, path: path,
            message:
                "cannot create the topic '\(name)': a name has lower-case letters, digits, '.', "
                + "'_' and '-', and begins with a letter or a digit; choose another name")
    }

    static func partitionInUse(_ path: String) -> StoreError {
        StoreError(
            kind: .inUse, path: path,
            message: "cannot write '\(path)': it has a writer already; wait for that one to end")
    }

    package static func ingestClosed(_ path: String) -> StoreError {
        StoreError(
            kind: .fenced, path: path,
            message: "cannot append to '\(path)': the topic was deleted, or the daemon stops; "
                + "send the rows again")
    }

    package static func producedTwice(
        _ producer: String, _ topic: String, from position: UInt64, known: UInt64
    ) -> StoreError {
        StoreError(
            kind: .fenced, path: topic,
            message:
                "cannot take rows of producer '\(producer)' from byte \(position) of its input "
                + "on: topic '\(topic)' has it up to byte \(known), as another try of it is under "
                + "way; send it again")
    }

    static func topicDeleted(_ path: String) -> StoreError {
        StoreError(
            kind: .notFound, path: path,
            message: "cannot use '\(path)': the topic has been deleted; create it again")
    }

    /// Rows that a checkpoint or a mark counts are not there.
    static func rowsMissing(_ directory: String, segment: UInt64) -> StoreError {
        StoreError(
            kind: .damaged, path: directory, position: 0,
            message: "cannot open '\(directory)': the segment that begins with row \(segment) is "
                + "not there, and rows in it were committed; restore it from a backup, or delete "
                + "the topic")
    }

    /// A partition knows of a commit that its writer's journal does not.
    static func markAhead(_ path: String, mark: UInt64, record: UInt64) -> StoreError {
        StoreError(
            kind: .damaged, path: path, position: 0,
            message: "cannot open '\(path)': it has rows of checkpoint \(mark) and its writer's "
                + "journal ends with \(record), so that the journal has lost commits; restore the "
                + "journal from a backup, or reset the pipeline")
    }

    /// The writer was closed by an earlier error.
    static func fenced(_ path: String, by cause: String) -> StoreError {
        StoreError(
            kind: .fenced, path: path,
            message: "cannot write '\(path)': an earlier write was refused (\(cause)), so that "
                + "nothing more may be acknowledged; open it again")
    }

    static func locked(_ path: String, processID: Int32?) -> StoreError {
        let holder = processID.map { "process \($0) uses it" } ?? "another process uses it"
        return StoreError(
            kind: .locked(processID: processID), path: path,
            message: "cannot lock '\(path)': \(holder); "
                + "stop that process or choose another state directory")
    }

    static func tooLarge(_ object: String, _ path: String, bytes: Int, limit: Int) -> StoreError {
        StoreError(
            kind: .tooLarge, path: path,
            message: "cannot write \(object) to '\(path)': it has \(bytes) bytes and the limit is "
                + "\(limit); make it smaller")
    }

    static func invalidName(_ name: String, in path: String) -> StoreError {
        StoreError(
            kind: .invalidName, path: path,
            message: "cannot use '\(name)' as the name of a folder in '\(path)': it is empty, "
                + "begins with a dot or holds '/'; choose another name")
    }

    /// The file has another length than its only writer left it with.
    static func changedByOthers(_ path: String, found: Int64, expected: Int64) -> StoreError {
        StoreError(
            kind: .damaged, path: path, position: min(found, expected),
            message: "cannot append to '\(path)' at byte \(expected): the file has \(found) bytes, "
                + "so that something else has written it; find out what did, then open it again")
    }
}
