import Config
import Glibc
import Operators

/// Makes one column of `generate`: values that are a function of seed and row number.
struct GeneratedColumn {
    /// Texts of a pool that is larger than this are made row by row.
    private static let tableMax: Int64 = 65_536
    private static let uuidBytes = 36

    let type: ColumnType
    private let kind: GenerateOptions.Column
    private let random: SeededValue
    /// The texts of a small pool, and a view of each.
    private let table: (texts: Buffer, views: Buffer, count: UInt64)?

    /// - Parameter ordinal: The column's place in the declared schema.
    init(_ kind: GenerateOptions.Column, seed: UInt64, ordinal: Int) {
        self.kind = kind
        random = SeededValue(seed: seed, stream: ordinal)
        switch kind {
        case .sequence, .integer: type = .bigint
        case .double: type = .double
        case .boolean: type = .boolean
        case .choice, .key, .uuid: type = .string
        case .time: type = .timestamp
        }
        switch kind {
        case .choice(let texts): table = Self.table(texts)
        case .key(let prefix, let count) where count <= Self.tableMax:
            table = Self.table((0..<max(count, 0)).map { prefix + Array(String($0).utf8) })
        case .uuid(let count?) where count <= Self.tableMax:
            let random = self.random
            table = Self.table(
                (0..<max(count, 0)).map { index in
                    var text = [UInt8](repeating: 0, count: Self.uuidBytes)
                    text.withUnsafeMutableBufferPointer { buffer in
                        guard let start = buffer.baseAddress else { return }
                        Self.writeUUID(UInt64(index), random, start)
                    }
                    return text
                })
        default: table = nil
        }
    }

    /// Rows `first..<first + count`.
    ///
    /// - Parameter start: The start of the times where the options leave it open, microseconds.
    func column(first: Int64, count: Int, start: Int64) -> Column {
        let base = UInt64(bitPattern: first)
        switch kind {
        case .sequence(let start):
            return integers(count) { start &+ first &+ Int64($0) }
        case .integer(let low, let high):
            // The width of all integers is 2^64, which wraps to 0 and means any.
            let width = UInt64(bitPattern: high &- low) &+ 1
            return integers(count) { row in
                let place = base &+ UInt64(row)
                let value = width == 0 ? random[place] : random.below(width, at: place)
                return low &+ Int64(bitPattern: value)
            }
        case .time(let fixed, let step, let jitter):
            let origin = fixed ?? start
            let bound = UInt64(max(jitter, 0))
            return integers(count) { row in
                let late = Int64(random.below(bound, at: base &+ UInt64(row)))
                return origin &+ (first &+ Int64(row)) &* step &- late
            }
        case .double(let low, let high):
            let values = Buffer(capacity: count * 8)
            let target = values.pointer(to: Double.self)
            for row in 0..<count {
                target[row] = low + (high - low) * random.fraction(at: base &+ UInt64(row))
            }
            return Column(type: type, count: count, values: values)
        case .boolean:
            let values = Buffer(capacity: count)
            let target = values.pointer(to: UInt8.self)
            for row in 0..<count {
                target[row] = UInt8(truncatingIfNeeded: random[base &+ UInt64(row)] >> 63)
            }
            return Column(type: type, count: count, values: values)
        case .choice, .key, .uuid:
            return strings(base, count)
        }
    }

    @inline(__always)
    private func integers(_ count: Int, _ value: (Int) -> Int64) -> Column {
        let values = Buffer(capacity: count * 8)
        let target = values.pointer(to: Int64.self)
        for row in 0..<count { target[row] = value(row) }
        return Column(type: type, count: count, values: values)
    }

    private func strings(_ base: UInt64, _ count: Int) -> Column {
        let values = Buffer(capacity: count * MemoryLayout<StringView>.stride)
        let target = values.pointer(to: StringView.self)
        if let table {
            guard table.count > 0 else { return .nulls(type: type, count: count) }
            let views = table.views.pointer(to: StringView.self)
            for row in 0..<count {
                target[row] = views[Int(random.below(table.count, at: base &+ UInt64(row)))]
            }
            return Column(type: type, count: count, values: values, retained: [table.texts])
        }
        let texts: Buffer
        switch kind {
        case .key(let prefix, let pool):
            var output = OutputBytes(capacity: count * (prefix.count + 20))
            var ends: [Int] = []
            ends.reserveCapacity(count)
            for row in 0..<count {
                output.append(prefix)
                output.appendInteger(
                    Int64(random.below(UInt64(max(pool, 0)), at: base &+ UInt64(row))))
                ends.append(output.count)
            }
            texts = Buffer(capacity: output.count)
            let start = texts.pointer(to: UInt8.self)
            memcpy(start, output.base, output.count)
            var begin = 0
            for row in 0..<count {
                target[row] = StringView(base: start + begin, count: ends[row] - begin)
                begin = ends[row]
            }
        default:
            let pool: UInt64?
            if case .uuid(let size?) = kind { pool = UInt64(max(size, 0)) } else { pool = nil }
            texts = Buffer(capacity: count * Self.uuidBytes)
            let start = texts.pointer(to: UInt8.self)
            for row in 0..<count {
                let place = base &+ UInt64(row)
                let text = start + row * Self.uuidBytes
                Self.writeUUID(pool.map { random.below($0, at: place) } ?? place, random, text)
                target[row] = StringView(base: text, count: Self.uuidBytes)
            }
        }
        return Column(type: type, count: count, values: values, retained: [texts])
    }

    /// The UUID number `index`, in the form of version 4.
    private static func writeUUID(
        _ index: UInt64, _ random: SeededValue, _ target: UnsafeMutablePointer<UInt8>
    ) {
        let second = SeededValue(seed: random[index])
        let high = second[0] & 0xffff_ffff_ffff_0fff | 0x4000
        let low = second[1] & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000
        var place = 0
        for digit in 0..<32 {
            if digit == 8 || digit == 12 || digit == 16 || digit == 20 {
                target[place] = 0x2d
                place &+= 1
            }
            let word = digit < 16 ? high : low
            let nibble = UInt8(truncatingIfNeeded: word >> UInt64(60 &- 4 &* (digit & 15))) & 15
            target[place] = nibble < 10 ? 0x30 &+ nibble : 0x57 &+ nibble
            place &+= 1
        }
    }

    private static func table(_ texts: [[UInt8]]) -> (texts: Buffer, views: Buffer, count: UInt64) {
        let buffer = Buffer(capacity: texts.reduce(0) { $0 + $1.count })
        let views = Buffer(capacity: texts.count * MemoryLayout<StringView>.stride)
        var next = buffer.pointer(to: UInt8.self)
        for (index, text) in texts.enumerated() {
            text.withUnsafeBufferPointer { bytes in
                if let start = bytes.baseAddress { next.update(from: start, count: bytes.count) }
            }
            views.pointer(to: StringView.self)[index] = StringView(base: next, count: text.count)
            next += text.count
        }
        return (buffer, views, UInt64(texts.count))
    }
}
