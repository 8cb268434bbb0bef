import Config
import Connectors
import Operators
import Store

/// Which rows of a topic are wanted, and how.
struct ConsumeRequest: Sendable {
    var topic: String
    var start = TopicPosition.earliest
    /// nil: to the present end or, when following, for ever.
    var stop: TopicPosition?
    var isFollowing = false
    /// An expression over the topic's columns and `rowtime`.
    var filter: String?
    /// Columns in the order wanted; empty for all.
    var columns: [String] = []
    var limit: Int64?
    var partition: String?
    var format = RowFormat.json
    /// Whether each row has `_partition`, `_offset`, `_rowtime` and `_op` too.
    var hasMetadata = false
}

/// A consume request bound to a topic: the columns to read, and what to make of them.
struct ConsumePlan {
    let entry: TopicCatalog.Entry
    let options: TopicSourceOptions
    /// What is read: the wanted columns, and behind them those that only the filter needs.
    let fields: [FieldSpec]
    let columnCount: Int
    /// Over `fields`.
    let filter: BoundExpression?
    let metadata: [Metadata]
    /// Of what is printed.
    let schema: Schema

    enum Metadata: String, CaseIterable {
        case partition = "_partition"
        case offset = "_offset"
        case rowtime = "_rowtime"
        case operation = "_op"

        var type: ColumnType {
            switch self {
            case .partition, .operation: return .string
            case .offset: return .bigint
            case .rowtime: return .timestamp
            }
        }
    }

    init(_ request: ConsumeRequest, _ topics: TopicService) throws(ControlFailure) {
        let found = try connecting { () throws(ConnectorError) in
            try topics.catalog.entry(request.topic)
        }
        guard let entry = found else { throw try topics.unknown(request.topic) }
        self.entry = entry
        let known = entry.topic.partitions.map(\.name)
        if let name = request.partition,
            !known.contains(where: { $0.utf8.elementsEqual(name.utf8) }), !request.isFollowing
        {
            throw .notFound(
                "cannot read the partition '\(name)' of the topic '\(request.topic)': it has "
                    + (known.isEmpty ? "none" : known.joined(separator: ", ")))
        }
        options = TopicSourceOptions(
            name: request.topic, start: request.start.inPartition(request.partition),
            stop: request.stop?.inPartition(request.partition)
                ?? (request.isFollowing ? nil : .latest), onGap: .skip)
        var wanted = Array(entry.schema.fields.indices)
        if !request.columns.isEmpty {
            wanted = try Self.columns(request.columns, entry)
        }
        columnCount = wanted.count
        let bound = try request.filter.map { (text) throws(ControlFailure) in
            try Self.bind(text, entry)
        }
        for column in bound?.columns ?? [] where !wanted.contains(column) { wanted.append(column) }
        let declared = entry.fields
        fields = wanted.map { declared[$0] }
        var places: [Int: Int] = [:]
        for (place, column) in wanted.enumerated() { places[column] = place }
        filter = bound?.remapped(places)
        // Where rows may be deletions, one must see which are.
        metadata =
            request.hasMetadata
            ? Metadata.allCases : entry.definition.mode == .append ? [] : [.operation]
        schema = Schema(
            wanted.prefix(columnCount).map { entry.schema[$0] }
                + metadata.map { Field($0.rawValue, $0.type) })
    }

    private static func columns(_ names: [String], _ entry: TopicCatalog.Entry)
        throws(ControlFailure) -> [Int]
    {
        var result: [Int] = []
        for name in names {
            guard let index = entry.schema.index(of: name) else {
                let known = entry.schema.fields.map(\.name)
                let near = Suggestion.nearest(to: name, among: known)
                throw .notFound(
                    "cannot select '\(name)': the topic '\(entry.topic.name)' has "
                        + known.joined(separator: ", ")
                        + (near.map { "; did you mean '\($0)'?" } ?? ""))
            }
            if !result.contains(index) { result.append(index) }
        }
        return result
    }

    private static func bind(_ text: String, _ entry: TopicCatalog.Entry)
        throws(ControlFailure) -> BoundExpression
    {
        let scope = ExpressionScope(owner: entry.topic.name, schema: entry.schema)
        switch ExpressionBinder.bind(text, in: scope, expecting: .boolean) {
        case .success(let expression): return expression
        case .failure(let found):
            let diagnostics = found.all.map { problem in
                Diagnostic(
                    problem.message, at: FileLocation(of: problem.range, in: text, name: "--where"),
                    label: problem.label, help: problem.help)
            }
            throw ControlFailure(
                code: .badRequest,
                message: "cannot read the filter\n" + diagnostics.rendered.trimmedEnd)
        }
    }
}

extension FileLocation {
    /// A range of bytes in a text of one line.
    fileprivate init(of range: Range<Int>, in text: String, name: String) {
        let bytes = Array(text.utf8)
        func column(_ byte: Int) -> Int {
            String(decoding: bytes[..<min(byte, bytes.count)], as: UTF8.self).unicodeScalars.count
                + 1
        }
        self.init(
            file: name, line: 1, column: column(range.lowerBound),
            endColumn: column(range.upperBound), lineText: text)
    }
}

extension TopicPosition {
    /// What `--from` and `--to` take: `earliest`, `latest`, an offset, a time, or `-90d`.
    init?(text: String) {
        switch text {
        case "earliest": self = .earliest
        case "latest": self = .latest
        default:
            if text.hasPrefix("-"), let span = parseDuration(String(text.dropFirst())) {
                self = .since(span)
                return
            }
            if let offset = UInt64(text) {
                self = .offset(partition: nil, offset)
                return
            }
            let time = Array(text.utf8).withUnsafeBufferPointer { Timestamp.parseRFC3339($0) }
            if let time {
                self = .timestamp(time)
                return
            }
            guard let colon = text.lastIndex(of: ":"), colon != text.startIndex,
                let offset = UInt64(text[text.index(after: colon)...])
            else { return nil }
            self = .offset(partition: String(text[..<colon]), offset)
        }
    }

    /// An offset without a partition is one of `partition`, where only that is read.
    func inPartition(_ partition: String?) -> TopicPosition {
        if case .offset(nil, let offset) = self, let partition {
            return .offset(partition: partition, offset)
        }
        return self
    }
}
