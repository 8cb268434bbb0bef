import Operators

/// What sources and tables are given.
extension TestReader {
    /// `tables:` of a test.
    ///
    /// - Parameter versions: The pipeline, and those that it is upgraded to: each may have tables.
    func readTables(
        _ reader: FieldReader, _ versions: [PipelineSpec]
    ) -> [(table: String, portion: TestPortion)] {
        guard reader.has("tables") else { return [] }
        var result: [(table: String, portion: TestPortion)] = []
        for entry in reader.namedEntries("tables") {
            let name = entry.key.text
            let tables = versions.flatMap(\.tables)
            guard let table = tables.first(where: { $0.name == name }) else {
                let known = tables.map(\.name).reduce(into: [String]()) { names, name in
                    if !names.contains(name) { names.append(name) }
                }
                context.report(
                    .unknownTable(
                        name, tables: known,
                        isOther: versions.lazy.compactMap { $0.kind(of: name) }.first,
                        at: context.location(entry.key)))
                continue
            }
            if let portion = readPortion(entry.value, GivenNode(table, context.topics)) {
                result.append((name, portion))
            }
        }
        return result
    }

    /// `send:`, in the order of the file.
    func readSends(
        _ reader: FieldReader, _ spec: PipelineSpec
    ) -> [(node: String, portion: TestPortion)] {
        var result: [(node: String, portion: TestPortion)] = []
        for entry in reader.namedEntries("send") {
            guard let node = givenNode(entry.key, spec) else { continue }
            if let portion = readPortion(entry.value, node) { result.append((node.name, portion)) }
        }
        return result
    }

    private func givenNode(_ key: LocatedScalar, _ spec: PipelineSpec) -> GivenNode? {
        let place = context.location(key)
        if let source = spec.sources.first(where: { $0.name == key.text }) {
            return GivenNode(source, context.topics)
        }
        if let table = spec.tables.first(where: { $0.name == key.text }) {
            if table.isComplete {
                context.report(.tableIsComplete(key.text, at: place))
                return nil
            }
            return GivenNode(table, context.topics)
        }
        let known = spec.sources.map(\.name) + spec.tables.map(\.name)
        context.report(
            .cannotSendTo(key.text, isOther: spec.kind(of: key.text), known: known, at: place))
        return nil
    }

    /// A list of rows, or `{lines: […]}`.
    private func readPortion(_ value: LocatedValue, _ node: GivenNode) -> TestPortion? {
        if case .mapping = value.content {
            guard
                let reader = FieldReader(
                    value, SpecFields.lines, owner: "what '\(node.name)' is given", context),
                let items = items(reader, "lines", of: "texts")
            else { return nil }
            guard node.hasFormat else {
                context.report(
                    .hasNoLines(node.name, at: context.location(reader.keyRange("lines"))))
                return nil
            }
            let lines = items.compactMap { context.scalar($0, nil) }
                .compactMap { context.substitute($0)?.value }
            // A block of text is several lines, and its last line end is none.
            return .lines(
                lines.flatMap { text in
                    let whole = text.hasSuffix("\n") ? text.dropLast() : text[...]
                    return whole.split(separator: "\n", omittingEmptySubsequences: false)
                        .map(String.init)
                })
        }
        guard
            let items = items(
                value, "'\(node.name)' is given a list of rows, or {lines: […]}")
        else { return nil }
        let rows = items.compactMap { readRow($0, node) }
        return rows.count == items.count ? .rows(rows) : nil
    }

    private func readRow(_ value: LocatedValue, _ node: GivenNode) -> TestRow? {
        guard let entries = rowEntries(value) else { return nil }
        var row = TestRow(values: [], rowtimeMicros: nil, isLeaving: false)
        var isSound = true
        for entry in entries {
            if node.isTopic, entry.key.text == "_rowtime" {
                let time = readValue(entry.value, .timestamp, of: "_rowtime")
                if case .timestamp(let micros) = time { row.rowtimeMicros = micros }
                isSound = isSound && time != nil
            } else if node.operations != [], entry.key.text == "_op" {
                guard let word = readOperation(entry.value, node.operations) else {
                    isSound = false
                    continue
                }
                row.isLeaving = word == "delete" || word == "update_before"
            } else if let field = node.field(entry.key.text) {
                guard
                    let read = readValue(
                        entry.value, field.type, of: field.name, encoding: field.timestamp)
                else {
                    isSound = false
                    continue
                }
                row.values.append((field.name, read))
                if field.name == node.eventTime, row.rowtimeMicros == nil,
                    case .timestamp(let micros) = read
                {
                    row.rowtimeMicros = micros
                }
            } else {
                context.report(
                    .unknownColumn(
                        entry.key.text, owner: node.name, columns: node.fields.map(\.name),
                        at: context.location(entry.key)))
                isSound = false
            }
        }
        return isSound ? row : nil
    }

    func rowEntries(_ value: LocatedValue) -> [LocatedEntry]? {
        if case .mapping(let entries) = value.content { return entries }
        if !value.isBroken {
            context.report(
                .wrongKind(
                    "a row is a mapping of columns", found: value.kindName,
                    help: "write {column: value, …}", at: context.location(value)))
        }
        return nil
    }

    func readOperation(_ value: LocatedValue, _ words: [String]) -> String? {
        guard let scalar = context.scalar(value, nil) else { return nil }
        if words.contains(scalar.text) { return scalar.text }
        context.report(
            .unknownChoice(
                scalar.text, of: "_op", choices: words, at: context.location(scalar)))
        return nil
    }
}

/// A source or table, as what it is given is read.
private struct GivenNode {
    let name: String
    let fields: [FieldSpec]
    let isTopic: Bool
    let hasFormat: Bool
    /// What `_op` may say; empty where rows have none.
    let operations: [String]
    /// The column that a topic's document names for when rows happened.
    let eventTime: String?

    init(_ source: SourceSpec, _ topics: TopicKnowledge) {
        self.init(source.name, source.fields, source.format, source.connector, topics)
    }

    init(_ table: TableSpec, _ topics: TopicKnowledge) {
        self.init(table.name, table.fields, table.format, table.connector, topics)
    }

    private init(
        _ name: String, _ fields: [FieldSpec], _ format: FormatSpec, _ connector: SourceConnector,
        _ topics: TopicKnowledge
    ) {
        self.name = name
        self.fields = fields
        hasFormat = format != .none
        guard case .topic(let options) = connector else {
            isTopic = false
            operations = []
            eventTime = nil
            return
        }
        isTopic = true
        eventTime = topics[options.name]?.eventTime
        switch options.mode {
        case .append: operations = []
        case .upsert: operations = ["upsert", "delete"]
        case .changelog: operations = ["insert", "update_before", "update_after", "delete"]
        }
    }

    func field(_ name: String) -> FieldSpec? {
        fields.first { $0.name.utf8.elementsEqual(name.utf8) }
    }
}

extension PipelineSpec {
    /// What a name is, for messages; nil when nothing has it.
    func kind(of name: String) -> String? {
        if sources.contains(where: { $0.name == name }) { return "source" }
        if tables.contains(where: { $0.name == name }) { return "table" }
        if steps.contains(where: { $0.name == name }) { return "step" }
        return sinks.contains { $0.name == name } ? "sink" : nil
    }
}
