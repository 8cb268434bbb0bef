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
