import Operators

extension LoadContext {
    /// Whether a source is read as a stream or as a table.
    enum SourceRole { case stream, table }

    /// The one connector key of a node; nil, reported, when there is none or more than one.
    func connectorKey(_ node: FieldReader) -> String? {
        let names = node.group.rules.one
        let keys = names.compactMap { node.key($0) }.sorted {
            $0.range.lowerBound < $1.range.lowerBound
        }
        guard let first = keys.first else {
            // A connector that is not known, or that this version has not, has been reported.
            if !node.hasForeignKeys {
                report(.noConnector(node.owner, at: location(node.start), names: names))
            }
            return nil
        }
        for other in keys.dropFirst() {
            report(.severalConnectors(node.owner, at: location(other), first: location(first)))
        }
        return keys.count == 1 ? first.text : nil
    }

    /// Reads the connector of a source or table. `schema` is nil where it is not fully known.
    func readSourceConnector(
        _ node: FieldReader, role: SourceRole, schema: ReadSchema, topic: ReadTopic?
    ) -> SourceConnector? {
        let key = connectorKey(node)
        if let key, key != "topic" { refuseTopicFields(node, key) }
        switch key {
        case "topic": return readTopicSource(node, topic, role: role).map { .topic($0) }
        case "file": return readFileSource(node, role).map { .file($0) }
        case "stdin": return takesNothing("stdin", node) ? .stdin : nil
        case "generate" where isNexmark(node):
            return readNexmark(node).map { .nexmark($0) }
        case "generate":
            guard let options = readGenerate(node, schema) else { return nil }
            if role == .table, options.count == nil {
                report(
                    .isNot(
                        "generate", "never ends, and a table is read to its end",
                        at: location(node.keyRange("generate")), help: "add count: 1000"))
            }
            return .generate(options)
        default: return nil
        }
    }

    /// `stdin: {}`, `stdout:`: a connector without options.
    func takesNothing(_ name: String, _ node: FieldReader) -> Bool {
        guard let value = node.rawValue(name), !value.isBroken else { return false }
        if value.isNull { return true }
        if case .mapping(let entries) = value.content, entries.isEmpty { return true }
        report(
            .wrongKind(
                "'\(name)' takes no options", found: value.kindName, help: "write \(name): {}",
                at: location(value)))
        return false
    }

    private func readFileSource(_ node: FieldReader, _ role: SourceRole) -> FileSourceOptions? {
        guard let file = node.mapping("file", SpecFields.fileSource) else { return nil }
        let isFollowed = file.flag("follow") ?? false
        let refresh = file.duration("refresh")
        switch role {
        case .table where isFollowed:
            report(
                .isNot(
                    "follow", "is for sources; a table is read to its end",
                    at: location(file.keyRange("follow")),
                    help: "write refresh: 1m to read it again"))
        case .stream where file.has("refresh"):
            report(
                .isNot(
                    "refresh", "is for tables", at: location(file.keyRange("refresh")),
                    help: "write follow: true to wait for more"))
        default: break
        }
        if file.has("refresh"), refresh == 0 {
            report(
                .outOfRange("refresh", "must be above 0s", at: location(file.keyRange("refresh"))))
        }
        guard let path = readPath(file) else { return nil }
        return FileSourceOptions(
            path: path.value, isFollowed: isFollowed, refreshMicros: refresh,
            writtenPath: path.written)
    }

    /// `path:`, checked against the folders that may be used.
    func readPath(_ file: FieldReader) -> SpecText? {
        guard let path = file.text("path") ?? unsetPath(file) else { return nil }
        let place = location(path.scalar)
        guard !path.value.isEmpty else {
            report(.isNot("path", "is empty", at: place))
            return nil
        }
        if path.value.utf8.contains(0) || path.value.hasSuffix("/") {
            report(.isNot("path", "names no file", at: place))
            return nil
        }
        if !allowedPaths.allows(path.value) {
            report(
                .pathNotAllowed(
                    path.written,
                    folder: path.isSubstituted
                        ? "FOLDER" : allowedPaths.folder(of: path.value), at: place))
            return nil
        }
        return path
    }

    /// A path with a variable that is not set, as it is written: where nothing is to run, a spec is
    /// whole without it.
    private func unsetPath(_ file: FieldReader) -> SpecText? {
        guard !options.isEnvironmentStrict, let value = file.rawValue("path"),
            case .scalar(let scalar) = value.content, scalar.text.contains("${")
        else { return nil }
        return SpecText(value: scalar.text, written: scalar.text, scalar: scalar)
    }

    /// Reads the connector of a sink over `shape`.
    func readSinkConnector(
        _ node: FieldReader, _ shape: NodeShape, topic: SpecText?
    ) -> SinkConnector? {
        switch connectorKey(node) {
        case "topic": return topic.map { .topic(TopicSinkOptions(name: $0.value)) }
        case "file": return readFileSink(node, shape).map { .file($0) }
        case "stdout": return takesNothing("stdout", node) ? .stdout : nil
        default: return nil
        }
    }

    private func readFileSink(_ node: FieldReader, _ shape: NodeShape) -> FileSinkOptions? {
        guard let file = node.mapping("file", SpecFields.fileSink) else { return nil }
        var options = FileSinkOptions(path: "")
        if file.has("roll"), let roll = file.mapping("roll", SpecFields.roll) {
            options.rollBytes = roll.size("size")
            options.rollMicros = roll.duration("every")
            if !roll.has("size"), !roll.has("every") {
                report(
                    .isNot(
                        "roll", "says neither a size nor an age",
                        at: location(file.keyRange("roll")),
                        help: "write roll: {size: 64MiB, every: 1h}"))
            }
            for name in ["size", "every"] where roll.has(name) {
                if options.rollBytes == 0 && name == "size"
                    || options.rollMicros == 0 && name == "every"
                {
                    report(.outOfRange(name, "must be above 0", at: location(roll.keyRange(name))))
                }
            }
        }
        if file.has("partition_by") {
            let scope = ColumnScope(owner: "from", shape: shape, qualifier: nil)
            options.partitionColumns = columns(file.names("partition_by") ?? [], in: scope) {
                type in type == .timestamp ? nil : "must be a timestamp"
            }
        }
        guard let path = readPath(file) else { return nil }
        checkPathPattern(path)
        options.path = path.value
        options.writtenPath = path.written
        return options
    }

    private func checkPathPattern(_ path: SpecText) {
        if path.value.contains(where: { "*?[".contains($0) }) {
            report(
                .isNot(
                    "path", "of a sink cannot hold * ? [, which match many files",
                    at: location(path.scalar)))
        }
        var rest = path.value[...]
        while let sign = rest.firstIndex(of: "%") {
            let letter = rest[rest.index(after: sign)...].prefix(1)
            if letter.isEmpty || !"YmdHMS%".contains(letter) {
                let shown = path.isSubstituted ? "…" : String(letter)
                report(.pathPattern(shown, at: location(path.scalar)))
                return
            }
            rest = rest[sign...].dropFirst(2)
        }
    }

    /// Positions of columns named in a list; `refusal` says what is wrong with a type.
    func columns(
        _ names: [LocatedScalar], in scope: ColumnScope,
        refusal: (ColumnType) -> String? = { _ in nil }
    ) -> [Int] {
        var result: [Int] = []
        for name in names {
            guard let entry = column(name, in: scope) else { continue }
            if let cause = refusal(entry.field.type) {
                report(
                    .isNot(
                        name.text, "\(cause), and is \(entry.field.type.name)", at: location(name)))
            } else if result.contains(entry.index) {
                report(.listedTwice(name.text, at: location(name)))
            } else {
                result.append(entry.index)
            }
        }
        return result
    }

    /// The column that a plain text names, alone or as `node.column`; nil, reported where it is
    /// certain, when there is none.
    func column(_ name: LocatedScalar, in scope: ColumnScope) -> ExpressionScope.Entry? {
        let text = unquotedIdentifier(name.text)
        var found = scope.matches(text)
        if found.isEmpty, let dot = text.firstIndex(of: ".") {
            let qualifier = String(text[..<dot])
            found = scope.matches(String(text[text.index(after: dot)...]), qualifier: qualifier)
        }
        if found.count == 1 { return found[0] }
        if found.count > 1 {
            let choices = found.compactMap { entry in
                entry.qualifier.map { "\($0).\(entry.field.name)" }
            }
            report(.ambiguousColumn(text, choices: choices, at: location(name)))
            return nil
        }
        if !scope.isOpen, !scope.doubtful.contains(text) {
            report(
                .unknownColumn(
                    text, owner: scope.owner, columns: scope.columnNames, at: location(name)))
        }
        return nil
    }
}

/// The name in `"@timestamp"`; other texts are names as they stand.
func unquotedIdentifier(_ text: String) -> String {
    guard text.utf8.count > 2, text.hasPrefix("\""), text.hasSuffix("\"") else { return text }
    return String(text.dropFirst().dropLast()).replacing("\"\"", with: "\"")
}
