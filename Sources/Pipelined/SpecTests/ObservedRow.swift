import Config
import Operators

/// A row that a sink or port was given.
struct ObservedRow {
    struct Cell {
        let column: String
        let json: String
        /// nil for what is no JSON that can be looked into.
        let value: JSONValue?
    }
    /// What stands in `_op`; nil where rows are only added.
    private(set) var operation: String?
    /// In the order of the columns.
    private(set) var cells: [Cell] = []

    /// The value of a column; nil where the row has none, as a deletion.
    subscript(column: String) -> Cell? { cells.first { $0.column == column } }

    /// Reads a JSON object as sinks write it: no blanks, each key once.
    ///
    /// - Parameter hasOperation: Whether `_op` is what the row does, and no column.
    init(_ text: String, hasOperation: Bool) {
        let bytes = Array(text.utf8)
        var index = 1
        while index < bytes.count, bytes[index] != UInt8(ascii: "}") {
            let key = Self.end(of: bytes, from: index)
            let end = Self.end(of: bytes, from: key + 1)
            let name = (try? JSONParser.parse(Array(bytes[index..<key])))?.text ?? ""
            let json = Array(bytes[(key + 1)..<end])
            let value = try? JSONParser.parse(json)
            if hasOperation, name == "_op" {
                operation = value?.text
            } else {
                cells.append(
                    Cell(
                        column: name, json: String(decoding: json, as: UTF8.self), value: value))
            }
            index = end + 1
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

    // MARK: Rows that stand

    /// The rows that stand after some changes, in the order in which they came to.
    ///
    /// - Parameter output: What the rows are of. Those that have a key stand under it.
    /// - Complexity: O(rows).
    static func standing(_ rows: [ObservedRow], _ output: NodeOutput) -> [ObservedRow] {
        guard case .updating(let key) = output.change else { return rows }
        var standing: [ObservedRow?] = []
        // Where rows of a key stand, the latest one last.
        var places: [[String?]: [Int]] = [:]
        for row in rows {
            let identity: [String?] =
                if let key { key.map { row[$0]?.json } } else { row.cells.map(\.json) }
            if row.operation != "insert", row.operation != "update_after",
                let place = places[identity]?.popLast()
            {
                standing[place] = nil
            }
            if row.operation == "delete" || row.operation == "update_before" { continue }
            places[identity, default: []].append(standing.count)
            standing.append(row)
        }
        return standing.compactMap { $0 }
    }
}

extension TestValue {
    /// Whether a value that came is the one that is expected. Doubles are equal to within 1e-9 of
    /// their size.
    ///
    /// - Parameter cell: nil where the row has no such column.
    func matches(_ cell: ObservedRow.Cell?) -> Bool {
        guard let cell else { return self == .null }
        if case .decimal(let digits) = self { return Self.plain(digits) == Self.plain(cell.json) }
        return cell.value.map { matches($0) } ?? false
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
    static func plain(_ digits: String) -> String {
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
