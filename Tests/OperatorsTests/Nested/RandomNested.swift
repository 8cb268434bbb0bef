import TestSupport

@testable import Operators

/// A value of a nested type as a test thinks of it.
indirect enum Tree: Hashable {
    case null
    case boolean(Bool)
    case integer(Int64)
    case decimal(Int128)
    case text(String)
    case array([Tree])
    case structure([Tree])
}

/// Random types and values, and their JSON, written without the code that is tested.
struct RandomNested {
    var random: SeededRandom

    mutating func type(depth: Int) -> ColumnType {
        switch Int.random(in: 0..<(depth > 0 ? 9 : 6), using: &random) {
        case 0: return .boolean
        case 1: return .bigint
        case 2: return .decimal(precision: 20, scale: 3)
        case 3: return .string
        case 4: return .date
        case 5: return .bytes
        case 6: return .array(type(depth: depth - 1))
        default:
            let names = ["a", "b", "c d", "é"].prefix(Int.random(in: 1...4, using: &random))
            return .structure(names.map { Field($0, type(depth: depth - 1)) })
        }
    }

    mutating func tree(_ type: ColumnType) -> Tree {
        if Int.random(in: 0..<6, using: &random) == 0 { return .null }
        switch type {
        case .boolean: return .boolean(Bool.random(using: &random))
        case .date: return .integer(Int64.random(in: -700_000...2_900_000, using: &random))
        case .decimal: return .decimal(Int128(Int64.random(in: -99_999...99_999, using: &random)))
        case .string, .bytes:
            let words = ["", "a", "ab", "\u{0}", "a\u{0}b", "é", "\u{1F600}", "\"\\\n", "/"]
            return .text(words.randomElement(using: &random) ?? "")
        case .array(let element):
            return .array(
                (0..<Int.random(in: 0...3, using: &random)).map { _ in tree(element) })
        case .structure(let fields): return .structure(fields.map { tree($0.type) })
        default:
            return .integer([.min, -1, 0, 7, .max].randomElement(using: &random) ?? 0)
        }
    }

    static func json(_ tree: Tree, _ type: ColumnType, isNaughty: Bool = false) -> String {
        let space = isNaughty ? " \t" : ""
        switch (tree, type) {
        case (.null, _): return "null"
        case (.boolean(let value), _): return "\(value)"
        case (.integer(let day), .date):
            let date = CivilDate(daysSinceEpoch: Int(day))
            func padded(_ number: Int, _ count: Int) -> String {
                String(repeating: "0", count: count - "\(number)".count) + "\(number)"
            }
            return "\"\(padded(date.year, 4))-\(padded(date.month, 2))-\(padded(date.day, 2))\""
        case (.integer(let value), _): return "\(value)"
        case (.decimal(let value), _):
            let digits = "\(value.magnitude)"
            let all = String(repeating: "0", count: max(0, 4 - digits.count)) + digits
            return (value < 0 ? "-" : "") + all.dropLast(3) + "." + all.suffix(3)
        case (.text(let text), .bytes):
            var encoded: [UInt8] = []
            Array(text.utf8).withUnsafeBufferPointer { Base64.encode($0, into: &encoded) }
            return "\"\(String(decoding: encoded, as: UTF8.self))\""
        case (.text(let text), _):
            let escaped = text.unicodeScalars.map { scalar -> String in
                switch scalar {
                case "\"": return "\\\""
                case "\\": return "\\\\"
                case "\n": return "\\n"
                case _ where scalar.value < 0x20:
                    let digits = String(scalar.value, radix: 16)
                    return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                default: return String(scalar)
                }
            }
            return "\"\(escaped.joined())\""
        case (.array(let elements), .array(let element)):
            let texts = elements.map { json($0, element, isNaughty: isNaughty) }
            return "[" + space + texts.joined(separator: space + ",") + "]"
        case (.structure(let values), .structure(let fields)):
            var members = zip(values, fields).map { value, field in
                "\"\(field.name)\":" + space + json(value, field.type, isNaughty: isNaughty)
            }
            if isNaughty {
                // Another order, keys that nobody asked for, and one that comes twice.
                members.reverse()
                members.insert("\"\(fields[0].name)\": [{\"x\": 1}]", at: 0)
                members.append("\"other\": {\"a\": [1, 2]}")
            }
            return "{" + members.joined(separator: ",") + space + "}"
        default: return "?"
        }
    }
}
