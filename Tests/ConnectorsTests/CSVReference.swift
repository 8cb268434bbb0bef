@testable import Connectors

/// A slow reader of delimited text, written for clarity: what ``CSVRowParser`` must agree with.
struct CSVReference {
    struct Field: Equatable {
        var bytes: [UInt8] = []
        var isQuoted = false
    }
    struct Record: Equatable {
        var position: Int
        var fields: [Field] = []
        /// Byte of each field's start.
        var starts: [Int] = []
        var end: Int = 0
        var isBroken = false
    }

    var delimiter: UInt8 = 0x2c
    var quote: UInt8? = 0x22

    /// All records of a whole input; blank lines are none.
    func records(_ bytes: [UInt8]) -> [Record] {
        var records: [Record] = []
        var next = 0
        while next < bytes.count {
            if bytes[next] == 0x0a {
                next += 1
            } else if bytes[next] == 0x0d, next + 1 == bytes.count || bytes[next + 1] == 0x0a {
                next += 2
            } else {
                let (record, behind) = self.record(bytes, next)
                records.append(record)
                next = behind
            }
        }
        return records
    }

    private func record(_ bytes: [UInt8], _ start: Int) -> (Record, Int) {
        func at(_ index: Int) -> UInt8? { index < bytes.count ? bytes[index] : nil }
        func lineEnd(from index: Int) -> Int { bytes[index...].firstIndex(of: 0x0a) ?? bytes.count }
        var record = Record(position: start)
        func broken(from index: Int) -> (Record, Int) {
            record.isBroken = true
            let end = lineEnd(from: min(index, bytes.count))
            return (record, min(end + 1, bytes.count))
        }
        var index = start
        while true {
            var field = Field()
            record.starts.append(index)
            if let quote, at(index) == quote {
                field.isQuoted = true
                index += 1
                while true {
                    guard let byte = at(index) else { return broken(from: start) }
                    if byte != quote {
                        field.bytes.append(byte)
                        index += 1
                    } else if at(index + 1) == quote {
                        field.bytes.append(quote)
                        index += 2
                    } else {
                        index += 1
                        break
                    }
                }
                record.end = index
                if at(index) == 0x0d, at(index + 1) == 0x0a || index + 1 == bytes.count {
                    index += 1
                }
                if let byte = at(index), byte != delimiter, byte != 0x0a {
                    return broken(from: index)
                }
            } else {
                while let byte = at(index), byte != delimiter, byte != 0x0a {
                    field.bytes.append(byte)
                    index += 1
                }
                record.end = index
                if at(index) != delimiter, field.bytes.last == 0x0d {
                    field.bytes.removeLast()
                    record.end -= 1
                }
            }
            record.fields.append(field)
            guard at(index) == delimiter else { return (record, min(index + 1, bytes.count)) }
            index += 1
        }
    }
}
