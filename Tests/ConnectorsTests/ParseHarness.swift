import Config
import Operators

@testable import Connectors

/// What a parser made of an input, however it was cut.
struct Parsed: Equatable {
    var rows: [[String?]] = []
    var positions: [Int64] = []
    var lines: [Int64] = []
    var invalid: [String] = []
}

/// Offers the input in pieces that begin at the given places, and collects everything.
func parse(
    _ parser: any RowParser, _ bytes: [UInt8], cuts: [Int] = [], recordBytesMax: Int = 1 << 20
) -> Parsed {
    var reader = RecordReader(parser: parser, countsLines: true, recordBytesMax: recordBytesMax)
    var result = Parsed()
    func drain(isLast: Bool) {
        while let (rows, lines) = reader.next(isLast: isLast) {
            result.rows += texts(rows)
            for row in 0..<rows.rowCount {
                if let positions = rows.positions?.pointer(to: Int64.self) {
                    result.positions.append(positions[row])
                }
                if let lines { result.lines.append(lines.pointer(to: Int64.self)[row]) }
            }
            result.invalid += rows.invalid.map {
                "\($0.position): \($0.error): \(String(decoding: $0.raw, as: UTF8.self))"
            }
        }
    }
    var start = 0
    for end in cuts + [bytes.count] where end > start {
        let piece = Array(bytes[start..<end])
        // Little room in front, so that both ways of carrying a rest over are used.
        let chunk = Buffer(capacity: piece.count + 8)
        for (index, byte) in piece.enumerated() {
            chunk.pointer(to: UInt8.self)[8 + index] = byte
        }
        reader.take(chunk, 8..<8 + piece.count)
        drain(isLast: false)
        start = end
    }
    drain(isLast: true)
    return result
}
