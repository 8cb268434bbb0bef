/// Parts of URLs, hashes, and other functions whose result is far from their text.
enum UrlKernels {
    static func call(_ function: ScalarFunction, _ operands: [Vector], rows: Int) -> Vector {
        switch function {
        case .ascii:
            return map(operands[0], rows: rows, .bigint, zero: Int64(0)) { (x: StringView, _) in
                Int64(x.string.unicodeScalars.first?.value ?? 0)
            }
        case .hash64:
            return map(operands[0], rows: rows, .bigint, zero: Int64(0)) { (x: StringView, _) in
                Int64(bitPattern: StableHash.hash(x.bytes))
            }
        case .toHex:
            let numbers = Reader(operands[0], as: Int64.self)
            return texts(operands, rows) { row in
                Array(String(UInt64(bitPattern: numbers[row]), radix: 16).utf8)
            }
        case .urlPort: return port(operands[0], rows)
        case .urlScheme: return pieces(operands, rows) { _, text in UrlParts(text).scheme }
        case .urlHost: return pieces(operands, rows) { _, text in UrlParts(text).host }
        case .urlPath: return pieces(operands, rows) { _, text in UrlParts(text).path }
        case .urlQuery: return pieces(operands, rows) { _, text in UrlParts(text).query }
        case .urlFragment: return pieces(operands, rows) { _, text in UrlParts(text).fragment }
        case .splitIndex: return splitIndex(operands, rows)
        case .urlParameter:
            let names = Reader(operands[1], as: StringView.self)
            let found = pieces(operands, rows) { row, text in
                UrlParts(text).parameter(names[row].bytes, in: text)
            }
            let values = Reader(found, as: StringView.self)
            return texts([found], rows) { UrlParts.decoded(values[$0].bytes) }
        default:
            let source = Reader(operands[0], as: StringView.self)
            return texts(operands, rows) { made(function, source[$0]) }
        }
    }

    private static func made(_ function: ScalarFunction, _ text: StringView) -> [UInt8] {
        switch function {
        case .md5: return hexadecimal(md5(Array(text.bytes)))
        case .sha256: return hexadecimal(sha256(Array(text.bytes)))
        case .urlEncode: return UrlParts.encoded(text.bytes)
        case .urlDecode: return UrlParts.decoded(text.bytes)
        default: return initcap(text.string)
        }
    }

    private static func hexadecimal(_ bytes: [UInt8]) -> [UInt8] {
        let digits = Array("0123456789abcdef".utf8)
        return bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
    }

    /// The first letter of each word large and the others small; words are letters and digits.
    private static func initcap(_ text: String) -> [UInt8] {
        var result = String.UnicodeScalarView()
        var isInside = false
        for scalar in text.unicodeScalars {
            let chosen =
                isInside ? TextBuildingKernels.lower(scalar) : TextBuildingKernels.upper(scalar)
            result.append(chosen)
            isInside = scalar.properties.isAlphabetic || scalar.properties.numericType != nil
        }
        return Array(String(result).utf8)
    }

    /// New texts, at most ``StringArena/resultBytesMax`` bytes each.
    private static func texts(
        _ operands: [Vector], _ rows: Int, _ body: (Int) -> [UInt8]
    ) -> Vector {
        TextBuildingKernels.built(operands, rows) { row, arena in
            let bytes = body(row)
            guard bytes.count <= StringArena.resultBytesMax else { return nil }
            let target = arena.reserve(bytes.count)
            for index in bytes.indices { target[index] = bytes[index] }
            return arena.commit(bytes.count)
        }
    }

    /// A piece of the first operand for each row; nil makes the row null.
    private static func pieces(
        _ operands: [Vector], _ rows: Int,
        _ body: (Int, UnsafeBufferPointer<UInt8>) -> Range<Int>?
    ) -> Vector {
        var frame = StrictRows(operands, rows: rows)
        if frame.isAllNull { return frame.allNull(.string) }
        let values = Buffer(capacity: frame.count * MemoryLayout<StringView>.stride)
        let target = values.pointer(to: StringView.self)
        let source = Reader(operands[0], as: StringView.self)
        let empty = StringView.empty
        for row in 0..<frame.count {
            target[row] = empty
            guard frame.isValid(row) else { continue }
            guard let range = body(row, source[row].bytes) else {
                frame.makeNull(row)
                continue
            }
            guard !range.isEmpty else { continue }
            target[row] = StringView(
                base: source[row].base + range.lowerBound, count: range.count)
        }
        return frame.result(.string, values, retained: operands[0].column.retained)
    }

    /// The piece number n between delimiters, from 0; null where there is none.
    private static func splitIndex(_ operands: [Vector], _ rows: Int) -> Vector {
        let delimiters = Reader(operands[1], as: StringView.self)
        let numbers = Reader(operands[2], as: Int64.self)
        return pieces(operands, rows) { row, text in
            let delimiter = delimiters[row].bytes
            var rest = numbers[row]
            if rest < 0 { return nil }
            if delimiter.isEmpty { return rest == 0 ? 0..<text.count : nil }
            var start = 0
            while let found = Utf8.find(delimiter, in: text, from: start) {
                if rest == 0 { return start..<found }
                rest -= 1
                start = found + delimiter.count
            }
            return rest == 0 ? start..<text.count : nil
        }
    }

    private static func port(_ url: Vector, _ rows: Int) -> Vector {
        var frame = StrictRows([url], rows: rows)
        let values = Buffer(capacity: frame.count * 8)
        let target = values.pointer(to: Int64.self)
        let source = Reader(url, as: StringView.self)
        for row in 0..<frame.count {
            target[row] = 0
            guard frame.isValid(row) else { continue }
            let text = source[row].bytes
            let digits = UrlParts(text).port.map { UnsafeBufferPointer(rebasing: text[$0]) }
            if let digits, let number = NumberText.integer(digits), (0...65535).contains(number) {
                target[row] = number
            } else {
                frame.makeNull(row)
            }
        }
        return frame.result(.bigint, values)
    }
}
