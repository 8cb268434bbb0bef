/// Why a request was not answered with a result.
struct ControlFailure: Error, Equatable, Sendable {
    enum Code: String, CaseIterable, Sendable {
        /// The line is no JSON, or has not the members that the method needs.
        case badRequest = "bad_request"
        case unsupportedVersion = "unsupported_version"
        case unknownMethod = "unknown_method"
        case notFound = "not_found"
        case timeout
        /// Too many clients, or too many requests of this one.
        case busy
        case tooLarge = "too_large"
        case failed
    }
    var code: Code
    /// One line, with the remedy where there is one.
    var message: String

    var json: JSONValue { ["code": .string(code.rawValue), "message": .string(message)] }
}

/// One line from a client.
struct ControlRequest: Equatable, Sendable {
    /// Comes back with every line of the answer; a number or a text of the client's choice.
    var id: JSONValue
    var method: String
    var params: JSONObject

    init(id: JSONValue, method: String, params: JSONObject) {
        self.id = id
        self.method = method
        self.params = params
    }

    /// Reads a line.
    static func parse(_ line: [UInt8]) -> Result<ControlRequest, RejectedRequest> {
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONParser.parse(line)
        } catch {
            return .failure(
                RejectedRequest(
                    .badRequest, "not JSON at byte \(error.position): \(error.message)", id: .null))
        }
        guard let object = value.object else {
            return .failure(RejectedRequest(.badRequest, "a request is an object", id: .null))
        }
        var id = JSONValue.null
        switch object["id"] {
        case nil, .null?: break
        case .integer(let number)?: id = .integer(number)
        case .string(let text)? where text.utf8.count <= 128: id = .string(text)
        default:
            return .failure(
                RejectedRequest(
                    .badRequest, "'id' is a whole number or a text of at most 128 bytes", id: .null)
            )
        }
        guard object["v"] == .integer(ControlProtocol.version) else {
            return .failure(
                RejectedRequest(
                    .unsupportedVersion, "this daemon speaks version \(ControlProtocol.version)",
                    id: id))
        }
        guard let method = object["method"]?.text else {
            return .failure(RejectedRequest(.badRequest, "'method' is missing", id: id))
        }
        let known = ["v", "id", "method", "params"]
        if let odd = object.members.first(where: { !known.contains($0.key) }) {
            return .failure(RejectedRequest(.badRequest, "unknown member '\(odd.key)'", id: id))
        }
        switch object["params"] {
        case nil, .null?:
            return .success(ControlRequest(id: id, method: method, params: JSONObject()))
        case .object(let params)?:
            return .success(ControlRequest(id: id, method: method, params: params))
        default:
            return .failure(RejectedRequest(.badRequest, "'params' is an object", id: id))
        }
    }

    var line: [UInt8] {
        let value: JSONValue = [
            "v": .integer(ControlProtocol.version), "id": id, "method": .string(method),
            "params": .object(params),
        ]
        return Array(value.rendered.utf8) + [UInt8(ascii: "\n")]
    }
}

/// A request that cannot be taken, with the id to answer to as far as it was read.
struct RejectedRequest: Error, Equatable {
    var id: JSONValue
    var failure: ControlFailure

    init(_ code: ControlFailure.Code, _ message: String, id: JSONValue) {
        self.id = id
        failure = ControlFailure(code: code, message: message)
    }
}

/// One line to a client.
enum ControlLine: Equatable, Sendable {
    /// One of a stream; more follow.
    case item(JSONValue)
    /// The answer, or the end of a stream.
    case result(JSONValue)
    case error(ControlFailure)

    func bytes(id: JSONValue) -> [UInt8] {
        var object = JSONObject([("v", .integer(ControlProtocol.version)), ("id", id)])
        switch self {
        case .item(let value): object["item"] = value
        case .result(let value): object["result"] = value
        case .error(let failure): object["error"] = failure.json
        }
        return Array(JSONValue.object(object).rendered.utf8) + [UInt8(ascii: "\n")]
    }

    /// What stands before a row of a tap, and what stands behind it.
    private static func rowFrame(_ id: JSONValue) -> (head: String, tail: String) {
        ("{\"v\":\(ControlProtocol.version),\"id\":\(id.rendered),\"item\":{\"row\":", "}}")
    }

    /// A row of a tap, which is JSON already.
    static func rowLine(_ row: String, id: JSONValue) -> [UInt8] {
        let frame = rowFrame(id)
        return Array((frame.head + row + frame.tail + "\n").utf8)
    }

    /// The row in a line of a tap; nil for other lines.
    static func row(in line: [UInt8], id: JSONValue) -> String? {
        let frame = rowFrame(id)
        let head = Array(frame.head.utf8)
        let tail = Array(frame.tail.utf8)
        guard line.count >= head.count + tail.count, line.starts(with: head),
            line.suffix(tail.count).elementsEqual(tail)
        else { return nil }
        return String(decoding: line[head.count..<(line.count - tail.count)], as: UTF8.self)
    }

    /// Reads a line; nil when it is none of this protocol.
    static func parse(_ line: [UInt8]) -> (id: JSONValue, line: ControlLine)? {
        guard let value = try? JSONParser.parse(line),
            value["v"] == .integer(ControlProtocol.version), let id = value["id"]
        else { return nil }
        if let item = value["item"] { return (id, .item(item)) }
        if let result = value["result"] { return (id, .result(result)) }
        guard let error = value["error"], let code = error["code"]?.text,
            let message = error["message"]?.text
        else { return nil }
        return (
            id,
            .error(
                ControlFailure(
                    code: ControlFailure.Code(rawValue: code) ?? .failed, message: message))
        )
    }
}
