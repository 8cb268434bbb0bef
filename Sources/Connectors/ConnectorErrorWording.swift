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
}
