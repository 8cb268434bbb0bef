import Glibc
import Store

// What people read. One factory per case; `cannot <verb> <object>: <cause>; <remedy>`.
extension ConnectorError {
    static func sourceWithoutFormat() -> ConnectorError {
        ConnectorError(.terminal, "cannot read rows: the source has no format; add `format:`")
    }

    static func sinkWithoutFormat() -> ConnectorError {
        ConnectorError(.terminal, "cannot write rows: the sink has no format; add `format:`")
    }

    static func badRegexPattern(_ cause: String) -> ConnectorError {
        ConnectorError(
            .terminal, "cannot read rows by the pattern of format regex: \(cause); mend it")
    }

    static func linesNeedOneColumn(columnCount: Int) -> ConnectorError {
        ConnectorError(
            .terminal,
            "cannot write rows as lines: that takes one column in mode append, and there are "
                + "\(columnCount) or another mode; select one column or use another format")
    }

    static func noSuchFile(_ path: String) -> ConnectorError {
        ConnectorError(
            .transient,
            "cannot read \(path): no such file; create it, or set `follow: true` to wait for it")
    }

    static func noMatch(_ pattern: String) -> ConnectorError {
        ConnectorError(
            .transient,
            "cannot read \(pattern): no file matches; create one, or set `follow: true` to wait")
    }

    static func notAFile(_ path: String, isDirectory: Bool) -> ConnectorError {
        let kind = isDirectory ? "a folder" : "not a regular file"
        let remedy = isDirectory ? "name its files, as in \(path)/*" : "name a file"
        return ConnectorError(.terminal, "cannot read \(path): it is \(kind); \(remedy)")
    }

    static func unknownPosition(_ id: String) -> ConnectorError {
        ConnectorError(
            .terminal,
            "cannot resume \(id): the position is of a version that is not known; "
                + "use the version that wrote it, or reset the pipeline")
    }

    static func cannotReplay(_ split: String) -> ConnectorError {
        ConnectorError(
            .terminal,
            "cannot read the history of \(split): it can be read only once; set "
                + "`on_change: discard` to begin with the rows from now on")
    }

    package static func historyIsGone(_ split: String, _ cause: String) -> ConnectorError {
        ConnectorError(
            .terminal,
            "cannot read the history of \(split): \(cause); set `replay_from: earliest` to build on "
                + "what is left of it, or `on_change: discard` to begin with the rows from now on")
    }

    static func shorterThanRead(_ path: String, length: Int64, position: Int64) -> ConnectorError {
        ConnectorError(
            .terminal,
            "cannot go on reading \(path): it has \(length) bytes and the same beginning as "
                + "before, but \(position) were read; put the file back, or reset the pipeline")
    }

    static func changedBelow(_ path: String, position: Int64) -> ConnectorError {
        ConnectorError(
            .terminal,
            "cannot go on reading \(path): the bytes before \(position), which were read, have "
                + "changed; put the file back, or reset the pipeline")
    }

    static func cannotReadStdin(_ code: Int32) -> ConnectorError {
        ConnectorError(
            .terminal, "cannot read standard input: \(String(cString: strerror(code)))")
    }

    static func notGenerated(_ field: String) -> ConnectorError {
        ConnectorError(
            .terminal, "cannot generate field '\(field)': `columns` does not say how; add it there")
    }

    static func generatesOther(_ field: String, _ given: String, _ wanted: String)
        -> ConnectorError
    {
        ConnectorError(
            .terminal,
            "cannot generate field '\(field)': it is \(wanted), and its column gives \(given)")
    }
}

// What topics say.
extension ConnectorError {
    static func noSuchTopic(_ name: String) -> ConnectorError {
        ConnectorError(
            .transient,
            "cannot read the topic '\(name)': it is not there; start what writes it, declare it in a "
                + "`topic:` document, or name the state directory that has it")
    }

    static func noTopicStore(_ name: String) -> ConnectorError {
        ConnectorError(
            .terminal, "cannot open the topic '\(name)': there is no state directory to hold topics"
        )
    }

    static func unreadableTopic(_ name: String, _ part: String) -> ConnectorError {
        ConnectorError(
            .terminal,
            "cannot open the topic '\(name)': its \(part) is of a version that is not known; "
                + "use the version that wrote it or a newer one")
    }

    static func topicHasMode(_ name: String, _ present: String, _ wanted: String) -> ConnectorError
    {
        ConnectorError(
            .terminal,
            "cannot write the topic '\(name)' in mode \(wanted): its rows are in mode \(present); "
                + "write another topic, or delete this one")
    }

    static func topicChangedMode(_ name: String, _ present: String, _ read: String)
        -> ConnectorError
    {
        ConnectorError(
            .terminal,
            "cannot read the topic '\(name)' in mode \(read): its rows are in mode \(present); "
                + "read it under `tables:`, or check the spec with the state directory that has it")
    }

    static func topicHasKey(_ name: String, _ present: [String]?, _ wanted: [String]?)
        -> ConnectorError
    {
        func text(_ key: [String]?) -> String {
            key.map { "[\($0.joined(separator: ", "))]" } ?? "none"
        }
        return ConnectorError(
            .terminal,
            "cannot write the topic '\(name)' with the key \(text(wanted)): its key is "
                + "\(text(present)); write another topic, or delete this one")
    }

    static func breaksReaders(_ name: String, _ reason: String, _ readers: [String])
        -> ConnectorError
    {
        let who = readers.isEmpty ? "who reads its history" : readers.joined(separator: ", ")
        return ConnectorError(
            .terminal,
            "cannot change the schema of topic '\(name)': \(reason), which would break \(who); "
                + "add columns or widen them, or write another topic")
    }

    static func doesNotEvolve(_ name: String) -> ConnectorError {
        ConnectorError(
            .terminal,
            "cannot change the schema of topic '\(name)': its document says evolution: none; "
                + "change that, or write another topic")
    }

    static func rowsAreGone(_ partition: String, missed: UInt64) -> ConnectorError {
        ConnectorError(
            .terminal,
            "cannot go on reading partition '\(partition)': \(missed) rows from its position on are "
                + "no longer kept; set on_gap: skip to go on without them, or reset the pipeline")
    }

    static func partitionReplaced(_ partition: String) -> ConnectorError {
        ConnectorError(
            .terminal,
            "cannot go on reading partition '\(partition)': it was deleted, and is not the one that "
                + "was read; reset the pipeline to read the topic from its start")
    }

    static func positionAhead(_ partition: String, _ offset: UInt64, end: UInt64)
        -> ConnectorError
    {
        ConnectorError(
            .terminal,
            "cannot go on reading partition '\(partition)' at row \(offset): it ends with row \(end), "
                + "so that rows that were read are not there any more; restore them from a backup, "
                + "or reset the pipeline")
    }

    static func unreadableBlock(_ partition: String, _ offset: UInt64, _ cause: String)
        -> ConnectorError
    {
        ConnectorError(
            .terminal,
            "cannot read partition '\(partition)' at row \(offset): \(cause); "
                + "check it with `pipelined topics verify`")
    }

    static func notWidened(_ column: String, _ type: String, _ offset: UInt64) -> ConnectorError {
        ConnectorError(
            .terminal,
            "cannot read column '\(column)' as \(type) from row \(offset) on: a value there has no "
                + "exact place in it; read the topic with its older type")
    }

    static func ambiguousOffset(_ topic: String, _ partitions: [String]) -> ConnectorError {
        ConnectorError(
            .terminal,
            "cannot start topic '\(topic)' at an offset: it has the partitions "
                + "\(partitions.joined(separator: ", ")); write {offset: PARTITION:OFFSET}")
    }

    static func rowDoesNotFit(_ row: Int64, _ error: String) -> ConnectorError {
        ConnectorError(
            .terminal,
            "cannot take row \(row): \(error); correct it, or leave such rows out with "
                + "--skip-invalid")
    }

    static func rowIsTooLong(_ row: Int64, limit: Int) -> ConnectorError {
        ConnectorError(
            .terminal,
            "cannot take row \(row): it is longer than \(limit >> 20) MiB; are there line ends, and "
                + "is every quote closed?")
    }

    static func takesNoInput(_ topic: String) -> ConnectorError {
        ConnectorError(
            .terminal,
            "cannot produce to the topic '\(topic)': its rows are a changelog, which only a pipeline "
                + "writes; produce to what the pipeline reads")
    }

    static func noEventTimeColumn(_ name: String, _ topic: String, _ columns: [String])
        -> ConnectorError
    {
        ConnectorError(
            .terminal,
            "cannot take the event time from '\(name)': the topic '\(topic)' has no such column; it "
                + "has \(columns.joined(separator: ", "))")
    }

    static func eventTimeHasType(_ name: String, _ topic: String, _ type: String)
        -> ConnectorError
    {
        ConnectorError(
            .terminal,
            "cannot take the event time from '\(name)': in the topic '\(topic)' it is \(type); name a "
                + "column of type timestamp")
    }

    static func rowTooLarge(_ topic: String, bytes: Int, limit: Int) -> ConnectorError {
        ConnectorError(
            .terminal,
            "cannot write to topic '\(topic)': one row has \(bytes) bytes and a block holds \(limit); "
                + "make the row smaller")
    }
}

// What sinks say.
extension ConnectorError {
    static func unknownPathLetter(_ path: String, _ letter: String) -> ConnectorError {
        ConnectorError(
            .terminal,
            "cannot write to \(path): %\(letter) is not known; "
                + "use %Y %m %d %H %M %S %j, or %% for a percent sign")
    }

    static func outputExists(_ path: String) -> ConnectorError {
        ConnectorError(
            .terminal,
            "cannot write \(path): it exists and is not of an earlier run; "
                + "append to it or overwrite it explicitly, or move it away")
    }

    static func outputNotAFile(_ path: String, isDirectory: Bool) -> ConnectorError {
        ConnectorError(
            .terminal,
            "cannot write \(path): it is \(isDirectory ? "a folder" : "not a regular file"); "
                + "name a file")
    }

    static func outputLocked(_ path: String) -> ConnectorError {
        ConnectorError(
            .terminal,
            "cannot write \(path): another sink writes it; give each sink a path of its own")
    }

    static func outputAppeared(_ path: String) -> ConnectorError {
        ConnectorError(
            .terminal,
            "cannot name the finished file \(path): another file has appeared there; "
                + "move that one away")
    }

    static func outputMoved(_ path: String) -> ConnectorError {
        ConnectorError(
            .terminal,
            "cannot write \(path): it was moved, replaced or removed while it was written; "
                + "put it back, or reset the pipeline")
    }

    static func outputGone(_ path: String) -> ConnectorError {
        ConnectorError(
            .terminal,
            "cannot resume writing \(path): the file that the checkpoint names is not there; "
                + "put it back, or reset the pipeline")
    }

    static func outputShort(_ path: String, length: Int64, expected: Int64) -> ConnectorError {
        ConnectorError(
            .terminal,
            "cannot resume writing \(path): it has \(length) bytes and \(expected) were "
                + "committed; put it back, or reset the pipeline")
    }

    static func outputChanged(_ path: String, length: Int64) -> ConnectorError {
        ConnectorError(
            .terminal,
            "cannot resume writing \(path): the bytes before \(length), which were committed, "
                + "have changed; put it back, or reset the pipeline")
    }

    static func unknownToken(_ path: String) -> ConnectorError {
        ConnectorError(
            .terminal,
            "cannot resume writing \(path): the checkpoint's token is of a version that is not "
                + "known; use the version that wrote it, or reset the pipeline")
    }

    static func cannotPrint(_ code: Int32) -> ConnectorError {
        ConnectorError(
            code == ENOSPC ? .transient : .terminal,
            "cannot write standard output: \(String(cString: strerror(code)))")
    }

    static func cannotSpill(_ place: String, _ code: Int32) -> ConnectorError {
        ConnectorError(
            .transient,
            "cannot keep rows for standard output in \(place): "
                + "\(String(cString: strerror(code))); make room there, or set TMPDIR")
    }
}
