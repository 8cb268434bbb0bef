@testable import Operators

/// A reader of well-formed payloads, value by value, from the text of docs/row-blocks.md alone.
struct ReferenceRowBlock {
    private(set) var columns: [[Cell]] = []
    private(set) var rowtime: [Cell] = []

    struct NotWellFormed: Error {}

    init(_ payload: [UInt8]) throws {
        func number(_ position: Int, _ width: Int) -> UInt64 {
            (0..<width).reduce(0) { $0 | UInt64(payload[position + $1]) << UInt64(8 * $1) }
        }
        guard payload[0] == 1, number(36, 4) == payload.count else { throw NotWellFormed() }
        let columnCount = Int(number(2, 2))
        let rows = Int(number(4, 4))
        for index in 0...columnCount {
            let entry = 40 + 16 * index
            let type = payload[entry]
            let width = Int(payload[entry + 5])
            var next = Int(number(entry + 8, 4))
            let end = next + Int(number(entry + 12, 4))
            var isThere = [Bool](repeating: payload[entry + 4] != 1, count: rows)
            if payload[entry + 4] == 2 {
                for row in 0..<rows { isThere[row] = payload[next + row / 8] >> (row % 8) & 1 == 1 }
                next += (rows + 7) / 8
            }
            /// The lengths of `count` strings, behind which `next` stands then.
            func lengths(_ count: Int, _ width: Int) -> [Int] {
                let least = number(next, 4)
                defer { next += 4 + count * width }
                return (0..<count).map { Int(least + number(next + 4 + $0 * width, width)) }
            }
            func strings(_ lengths: [Int]) -> [Cell] {
                lengths.map { length in
                    defer { next += length }
                    return .bytes(Array(payload[next..<next + length]))
                }
            }
            var cells: [Cell]
            switch (payload[entry + 3], type) {
            case (0, _): cells = [Cell](repeating: .null, count: rows)
            case (1, 4):
                cells = [Cell](repeating: .bytes(Array(payload[next..<end])), count: rows)
            case (1, 3): cells = [Cell](repeating: .word(number(next, 8)), count: rows)
            case (2, 3): cells = (0..<rows).map { .word(number(next + 8 * $0, 8)) }
            case (2, 4): cells = strings(lengths(rows, width))
            case (2, 6), (3, 6):
                let base =
                    UInt128(number(next, 8)) | UInt128(number(next + 8, 8)) << 64
                cells = (0..<rows).map { row in
                    let place = next + 16 + row * width
                    if payload[entry + 3] == 3 {
                        return .wide(Int128(bitPattern: base &+ UInt128(number(place, width))))
                    }
                    let (low, high) = (number(place - 16, 8), number(place - 8, 8))
                    return .wide(Int128(bitPattern: UInt128(low) | UInt128(high) << 64))
                }
            case (3, _):
                cells = (0..<rows).map {
                    .word(number(next, 8) &+ number(next + 8 + $0 * width, width))
                }
            case (4, _):
                var value = number(next, 8)
                cells = (0..<rows).map { row in
                    if row > 0 {
                        value &+= number(next + 8, 8)
                        value &+= number(next + 16 + (row - 1) * width, width)
                    }
                    return .word(value)
                }
            case (5, 4):
                let count = Int(number(next, 4))
                let lengthWidth = Int(payload[next + 4])
                next += 5
                let entryLengths = lengths(count, lengthWidth)
                let codes = (0..<rows).map { Int(number(next + $0 * width, width)) }
                next += rows * width
                let entries = strings(entryLengths)
                cells = codes.map { entries[$0] }
            case (6, 1):
                cells = (0..<rows).map { .word(UInt64(payload[next + $0 / 8] >> ($0 % 8) & 1)) }
            case (7, 5) where index == columnCount: cells = columns[Int(number(entry + 6, 2))]
            default: throw NotWellFormed()
            }
            for row in 0..<rows where !isThere[row] { cells[row] = .null }
            if index < columnCount { columns.append(cells) } else { rowtime = cells }
        }
    }
}
