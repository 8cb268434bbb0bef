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

    static func topicsAreNotRead(_ name: String) -> ConnectorError {
        ConnectorError(
            .terminal, "cannot open topic '\(name)': this version has no store for events")
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
