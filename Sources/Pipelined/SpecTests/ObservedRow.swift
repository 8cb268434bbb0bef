import Config
import Operators

/// A row that a sink or port was given.
struct ObservedRow: Equatable {
    /// What stands in `_op`; nil where rows are only added.
    var operation: String?
    /// In the order of the columns, as JSON.
    var cells: [(column: String, json: String)]

    static func == (left: ObservedRow, right: ObservedRow) -> Bool {
        left.operation == right.operation && left.hasCells(of: right)
    }

    func hasCells(of other: ObservedRow) -> Bool {
        cells.count == other.cells.count
            && zip(cells, other.cells).allSatisfy { $0.column == $1.column && $0.json == $1.json }
    }

    /// The value of a column; null where the row has none, as a deletion.
    subscript(column: String) -> String? { cells.first { $0.column == column }?.json }

    /// Reads a JSON object as sinks write it: no blanks, each key once.
    init(_ text: String) {
        cells = []
        let bytes = Array(text.utf8)
        var index = 1
        while index < bytes.count, bytes[index] != UInt8(ascii: "}") {
            let key = Self.end(of: bytes, from: index)
            let value = Self.end(of: bytes, from: key + 1)
            let name = Self.text(bytes[index..<key]) ?? ""
            let json = String(decoding: bytes[(key + 1)..<value], as: UTF8.self)
            if name == "_op" {
                operation = Self.text(bytes[(key + 1)..<value])
            } else {
                cells.append((name, json))
            }
            index = value + 1
        }
    }

    /// The place behind the value that begins at `start`.
    private static func end(of bytes: [UInt8], from start: Int) -> Int {
        var depth = 0
        var isQuoted = false
        var index = start
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "\\") where isQuoted: index += 1
            case UInt8(ascii: "\""): isQuoted.toggle()
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                if !isQuoted { depth += 1 }
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                if isQuoted { break }
                if depth == 0 { return index }
                depth -= 1
            case UInt8(ascii: ","), UInt8(ascii: ":"):
                if !isQuoted, depth == 0 { return index }
            default: break
            }
            index += 1
        }
        return min(index, bytes.count)
    }

    private static func text(_ json: ArraySlice<UInt8>) -> String? {
        (try? JSONParser.parse(Array(json)))?.text
    }

    // MARK: Rows that stand

    /// The rows that stand after some changes, in the order in which they came to.
    ///
    /// - Parameter output: What the rows are of. Those of an upsert sink stand under its key.
    static func standing(_ rows: [ObservedRow], _ output: NodeOutput) -> [ObservedRow] {
        guard case .updating(let key) = output.change else { return rows }
        var standing: [ObservedRow] = []
        for row in rows {
            switch row.operation {
            case "upsert", "delete":
                if let index = standing.lastIndex(where: { stands in
                    key.map { $0.allSatisfy { stands[$0] == row[$0] } } ?? stands.hasCells(of: row)
                }) {
                    standing.remove(at: index)
                }
                if row.operation == "upsert" { standing.append(row) }
            case "update_before":
                if let index = standing.lastIndex(where: { $0.hasCells(of: row) }) {
                    standing.remove(at: index)
                }
            default: standing.append(row)
            }
        }
        return standing
    }
}

extension TestValue {
    /// Whether a value that came is the one that is expected. Doubles are equal to within 1e-9 of
    /// their size.
    ///
    /// - Parameter json: As a sink writes it; nil where the row has no such column.
    func matches(_ json: String?) -> Bool {
        guard let json else { return self == .null }
        if case .decimal(let digits) = self { return Self.plain(digits) == Self.plain(json) }
        guard let value = try? JSONParser.parse(Array(json.utf8)) else { return false }
        return matches(value)
    }

    private func matches(_ value: JSONValue) -> Bool {
        switch self {
        case .null: return value == .null
        case .boolean(let flag): return value == .bool(flag)
        case .integer(let number): return value == .integer(number)
        case .double(let number): return value.double.map { Self.isNear($0, number) } ?? false
        case .decimal(let digits):
            guard let number = value.double, let wanted = Double(digits) else { return false }
            return Self.isNear(number, wanted)
        case .text(let text): return value.text?.utf8.elementsEqual(text.utf8) ?? false
        case .timestamp(let micros):
            guard let text = value.text else { return false }
            return Array(text.utf8).withUnsafeBufferPointer { Timestamp.parseRFC3339($0) } == micros
        case .json(let text):
            guard let wanted = try? JSONParser.parse(Array(text.utf8)) else { return false }
            return Self.isSame(wanted, value)
        case .list(let wanted):
            guard let elements = value.array, elements.count == wanted.count else { return false }
            return zip(wanted, elements).allSatisfy { $0.matches($1) }
        case .fields(let wanted):
            guard case .object(let object) = value else { return false }
            return wanted.allSatisfy { $0.value.matches(object[$0.name] ?? .null) }
        }
    }

    private static func isNear(_ number: Double, _ wanted: Double) -> Bool {
        number == wanted || abs(number - wanted) <= 1e-9 * max(abs(number), abs(wanted))
    }

    /// Two JSON values, members in any order.
    private static func isSame(_ wanted: JSONValue, _ value: JSONValue) -> Bool {
        switch (wanted, value) {
        case (.array(let left), .array(let right)):
            return left.count == right.count && zip(left, right).allSatisfy(isSame)
        case (.object(let left), .object(let right)):
            return left.members.count == right.members.count
                && left.members.allSatisfy { member in
                    right[member.key].map { isSame(member.value, $0) } ?? false
                }
        default:
            if let left = wanted.double, let right = value.double { return isNear(left, right) }
            return wanted == value
        }
    }

    /// Digits without what says nothing: `-01.500` is `-1.5`.
    private static func plain(_ digits: String) -> String {
        var body = Substring(digits)
        let isNegative = body.hasPrefix("-")
        if isNegative { body = body.dropFirst() }
        let parts = body.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        let whole = (parts.first ?? "").drop { $0 == "0" }
        var fraction = parts.count > 1 ? parts[1] : ""
        while fraction.hasSuffix("0") { fraction = fraction.dropLast() }
        let text = (whole.isEmpty ? "0" : whole) + (fraction.isEmpty ? "" : "." + fraction)
        return isNegative && text != "0" ? "-" + text : String(text)
    }
}
