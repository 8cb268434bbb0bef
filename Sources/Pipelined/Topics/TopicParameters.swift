import Config

// Requests about rows, as parameters of the control protocol and back.

extension ProduceRequest {
    init(_ params: JSONObject) throws(ControlFailure) {
        self.init(topic: params["topic"]?.text ?? "")
        isCSV = try RowFormat(params["format"], among: [.json, .csv]) == .csv
        eventTime = params["event_time"]?.text
        schema = params["schema"]?.text
        skipsInvalid = params["skip_invalid"]?.bool ?? false
        identifier = params["producer"]?.text
    }

    var params: JSONObject {
        var params = JSONObject([("topic", .string(topic))])
        if isCSV { params["format"] = "csv" }
        params["event_time"] = eventTime.map(JSONValue.string)
        params["schema"] = schema.map(JSONValue.string)
        if skipsInvalid { params["skip_invalid"] = true }
        params["producer"] = identifier.map(JSONValue.string)
        return params
    }
}

extension ConsumeRequest {
    init(_ params: JSONObject) throws(ControlFailure) {
        self.init(topic: params["topic"]?.text ?? "")
        if let text = params["from"]?.text { start = try Self.position(text, "from") }
        if let text = params["to"]?.text {
            stop = try Self.position(text, "to")
            guard stop != .earliest else {
                throw ControlFailure(code: .badRequest, message: "nothing stands before 'earliest'")
            }
        }
        isFollowing = params["follow"]?.bool ?? false
        filter = params["where"]?.text
        columns = params["select"]?.array?.compactMap(\.text) ?? []
        limit = params["limit"]?.integer
        if let limit, limit < 1 {
            throw ControlFailure(code: .badRequest, message: "'limit' is at least 1")
        }
        partition = params["partition"]?.text
        format = try RowFormat(params["format"], among: RowFormat.allCases)
        hasMetadata = params["metadata"]?.bool ?? false
    }

    private static func position(_ text: String, _ name: String) throws(ControlFailure)
        -> TopicPosition
    {
        guard let position = TopicPosition(text: text) else {
            throw ControlFailure(
                code: .badRequest,
                message: "'\(name)' is earliest, latest, an offset, PARTITION:OFFSET, a time or a "
                    + "duration such as -90d")
        }
        return position
    }

    var params: JSONObject {
        var params = JSONObject([
            ("topic", .string(topic)), ("from", .string(start.text)),
            ("format", .string(format.rawValue)),
        ])
        params["to"] = stop.map { .string($0.text) }
        if isFollowing { params["follow"] = true }
        params["where"] = filter.map(JSONValue.string)
        if !columns.isEmpty { params["select"] = .array(columns.map(JSONValue.string)) }
        params["limit"] = limit.map(JSONValue.integer)
        params["partition"] = partition.map(JSONValue.string)
        if hasMetadata { params["metadata"] = true }
        return params
    }
}

/// How rows stand in bytes.
enum RowFormat: String, CaseIterable, Sendable {
    case json, csv
    /// The one column as it is, a line a row.
    case lines

    fileprivate init(_ value: JSONValue?, among known: [RowFormat]) throws(ControlFailure) {
        guard let text = value?.text else {
            self = .json
            return
        }
        guard let format = RowFormat(rawValue: text), known.contains(format) else {
            throw ControlFailure(
                code: .badRequest,
                message: "'format' is one of \(known.map(\.rawValue).joined(separator: ", "))")
        }
        self = format
    }

    var spec: FormatSpec {
        switch self {
        case .json: return .json(JSONOptions())
        case .csv: return .csv(CSVOptions())
        case .lines: return .lines
        }
    }
}

extension TopicPosition {
    /// As ``init(text:)`` reads it.
    var text: String {
        switch self {
        case .earliest: return "earliest"
        case .latest: return "latest"
        case .offset(let partition, let offset):
            return partition.map { "\($0):\(offset)" } ?? "\(offset)"
        case .timestamp(let micros): return HumanText.time(micros: micros, fractionDigits: 6)
        case .since(let micros): return "-\(formatDuration(micros: micros))"
        }
    }
}
