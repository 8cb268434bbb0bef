/// What can be wrong between nodes and columns.
extension Diagnostic {
    static func duplicateNode(
        _ name: String, what: String, at place: FileLocation, first: FileLocation
    ) -> Diagnostic {
        Diagnostic(
            "'\(name)' is already the name of a \(what)", at: place,
            label: "names are unique in a pipeline",
            related: [.init(message: "first used here", location: first)])
    }

    static func unknownNode(
        _ name: String, known: [String], at place: FileLocation
    ) -> Diagnostic {
        Diagnostic(
            "unknown node '\(name)'", at: place,
            label: known.isEmpty ? nil : "there is \(listed(known))",
            help: suggestion(for: name, among: known).map { "did you mean '\($0)'?" })
    }

    static func unknownTable(
        _ name: String, tables: [String], isOther: String?, at place: FileLocation
    ) -> Diagnostic {
        Diagnostic(
            isOther.map { "'\(name)' is a \($0), not a table" } ?? "unknown table '\(name)'",
            at: place,
            label: tables.isEmpty
                ? "the pipeline has no tables" : "there is \(listed(tables))",
            help: suggestion(for: name, among: tables).map { "did you mean '\($0)'?" })
    }

    static func readsSink(_ name: String, at place: FileLocation) -> Diagnostic {
        Diagnostic(
            "'\(name)' is a sink, and nothing can read from it", at: place,
            help: "read from the node that the sink takes")
    }

    static func unknownPort(
        _ port: String, node: String, ports: [String], at place: FileLocation
    ) -> Diagnostic {
        Diagnostic(
            "unknown port '\(port)' of '\(node)'", at: place,
            label: "there is \(ports.joined(separator: ", "))",
            help: suggestion(for: port, among: ports).map {
                "did you mean '\(node).\($0)'?"
            })
    }

    static func noSuchPort(
        _ port: String, node: String, needs: String, at place: FileLocation
    ) -> Diagnostic {
        Diagnostic(
            "'\(node)' has no port '\(port)'", at: place, label: "only \(needs) has one")
    }

    static func listedTwice(_ name: String, at place: FileLocation) -> Diagnostic {
        Diagnostic("'\(name)' is listed twice", at: place)
    }

    static func emptyList(_ name: String, at place: FileLocation) -> Diagnostic {
        Diagnostic("'\(name)' is an empty list", at: place)
    }

    static func cycle(_ path: [String], at place: FileLocation) -> Diagnostic {
        Diagnostic(
            "steps feed each other in a circle: \(path.joined(separator: " → "))", at: place,
            label: "'\(path[0])' reads what depends on itself")
    }

    static func unreachable(
        _ name: String, what: String, at place: FileLocation
    ) -> Diagnostic {
        Diagnostic(
            "nothing reads \(what) '\(name)'", at: place,
            help: what == "table"
                ? "join it in a step, or remove it"
                : "name it in the 'from' of a step or sink, or remove it")
    }

    static func noConnector(_ owner: String, at place: FileLocation, names: [String])
        -> Diagnostic
    {
        Diagnostic(
            "\(owner) has no connector", at: place,
            help: "add one of \(names.joined(separator: ", "))")
    }

    static func severalConnectors(
        _ owner: String, at place: FileLocation, first: FileLocation
    ) -> Diagnostic {
        Diagnostic(
            "\(owner) has more than one connector", at: place,
            related: [.init(message: "the first is here", location: first)])
    }

    static func duplicateColumn(
        _ name: String, owner: String, at place: FileLocation
    ) -> Diagnostic {
        Diagnostic("\(owner) gives column '\(name)' twice", at: place)
    }

    static func reservedColumn(
        _ name: String, _ cause: String, at place: FileLocation
    ) -> Diagnostic {
        Diagnostic(
            "no column can be named '\(name)' here", at: place, label: cause,
            help: "give it another name")
    }

    static func unknownColumn(
        _ name: String, owner: String, columns: [String], at place: FileLocation,
        help: String? = nil
    ) -> Diagnostic {
        Diagnostic(
            "unknown column '\(name)'", at: place,
            label: "'\(owner)' has \(columns.isEmpty ? "no columns" : listed(columns))",
            help: help
                ?? suggestion(for: name, among: columns).map { "did you mean '\($0)'?" })
    }

    static func unknownQualifier(
        _ name: String, known: [String], at place: FileLocation
    ) -> Diagnostic {
        Diagnostic(
            "no input is called '\(name)'", at: place,
            label: known.isEmpty ? nil : "there is \(listed(known))",
            help: suggestion(for: name, among: known).map { "did you mean '\($0)'?" })
    }

    static func intervalColumn(at place: FileLocation) -> Diagnostic {
        Diagnostic(
            "an interval cannot be a column", at: place,
            help: "add it to a timestamp, or take its seconds with extract(epoch from …)")
    }

    static func noKeyColumn(
        _ name: String, table: String, key: [String], at place: FileLocation
    ) -> Diagnostic {
        Diagnostic(
            "'\(name)' is not in the key of '\(table)'", at: place,
            label: "the key is \(listed(key))",
            help: key.count == 1
                ? "write match: {\(name): \(key[0])}" : "match each column of the key once")
    }

    static func tooManyColumns(_ owner: String, at place: FileLocation) -> Diagnostic {
        Diagnostic("\(owner) has more than \(SpecLimits.columnsMax) columns", at: place)
    }

    static func tooManyColumnsInAll(at place: FileLocation) -> Diagnostic {
        Diagnostic(
            "the nodes of the pipeline have more than \(SpecLimits.columnsInAllMax) columns in all",
            at: place, label: "what follows was not checked")
    }

    static func nowOverChanges(at place: FileLocation) -> Diagnostic {
        Diagnostic(
            "now() cannot be read over rows that change", at: place,
            label: "a row would be taken back with another value than it was given with")
    }

    static func estimateOverChanges(_ name: String, at place: FileLocation) -> Diagnostic {
        Diagnostic(
            "'\(name)' cannot be computed over rows that change", at: place,
            label: "an estimate cannot take a row back",
            help: name == "approx_count_distinct" ? "count(DISTINCT x) can" : nil)
    }

    static func ambiguousColumn(
        _ name: String, choices: [String], at place: FileLocation
    ) -> Diagnostic {
        Diagnostic(
            "column '\(name)' is ambiguous", at: place,
            help: choices.isEmpty ? nil : "write \(choices.joined(separator: " or "))")
    }

    static func unnamedExpression(_ text: String, at place: FileLocation) -> Diagnostic {
        Diagnostic(
            "an expression needs a name", at: place, label: "only columns stand alone",
            help: "write {name: \(quoted(text))}")
    }

    /// `expression AS name`, which is SQL's way.
    static func aliasedExpression(
        _ expression: String, _ name: String, at place: FileLocation
    ) -> Diagnostic {
        Diagnostic(
            "an item has no 'as'", at: place, label: "the name stands before the expression",
            help: "write {\(inBraces(name)): \(inBraces(expression))}")
    }

    /// A text as it can stand within braces, quoted where it has to be.
    private static func inBraces(_ text: String) -> String {
        let isPlain = text.utf8.allSatisfy {
            (0x30...0x39).contains($0) || (0x41...0x5a).contains($0) || (0x61...0x7a).contains($0)
                || "_.() ".utf8.contains($0)
        }
        return isPlain ? text : quoted(text)
    }

    private static func quoted(_ text: String) -> String {
        "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }

    static func sharedColumns(
        _ names: [String], left: String, right: String, select: String, at place: FileLocation
    ) -> Diagnostic {
        Diagnostic(
            "'\(left)' and '\(right)' both have \(listed(names))", at: place,
            label: "the output can have each name once",
            help: "say which is meant, and how it is called:\n\(select)")
    }

    static func severalVerbs(_ first: String, _ second: String, at place: FileLocation)
        -> Diagnostic
    {
        Diagnostic(
            "a step has one verb: '\(first)' or '\(second)', not both", at: place,
            help: "make a second step of it")
    }

    static func unionDiffers(
        _ name: String, _ cause: String, at place: FileLocation
    ) -> Diagnostic {
        Diagnostic(
            "inputs of a union must have equal columns", at: place, label: "'\(name)' \(cause)",
            help: "give it the same columns in a step before, with 'select'")
    }

    static func appendSinkOfChanges(
        _ name: String, key: [String]?, at place: FileLocation
    ) -> Diagnostic {
        let upsert =
            key.map { $0.isEmpty ? "'mode: upsert'" : "'mode: upsert' (key \(listed($0)))" }
            ?? "'mode: upsert' with a 'key'"
        return Diagnostic(
            "the rows of '\(name)' change, and this sink only appends", at: place,
            label: "'pipelined explain' says which step makes them change",
            help:
                "write \(upsert) or 'mode: changelog'; rows are only added by an aggregate with a "
                + "'window' and 'emit: final', a join with bounds, 'over' in the order of rowtime")
    }
}

/// Names for a label: all of a few, the first of many.
func listed(_ names: [String]) -> String {
    let shown = names.prefix(12).joined(separator: ", ")
    return names.count > 12 ? "\(shown), and \(names.count - 12) more" : shown
}
