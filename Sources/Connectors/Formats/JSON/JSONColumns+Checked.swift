import Glibc
import Operators

/// Types whose values are read once their text is known to be JSON: they are off the fast path.
extension JSONColumns {
    /// Reads a value of such a type.
    ///
    /// - Returns: nil with a fault when it could not be, nil without one for a field of another type.
    func readChecked(
        _ p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, _ field: Int, _ row: Int,
        depth: Int, _ scan: inout JSONScan
    ) -> UnsafePointer<UInt8>? {
        let type = fields[field].type
        switch type {
        case .date, .decimal, .json, .bytes, .array, .structure: break
        default: return nil
        }
        guard let next = scan.skipValue(p, end, depth: depth) else { return nil }
        let text = UnsafeBufferPointer(start: p, count: next - p)
        var fault = JSONFault.none
        switch type {
        case .date:
            if let day = date(text) { store(day, field, row) } else { fault = .badDate }
        case .decimal(let precision, let scale):
            let digits =
                text.first == 0x22
                ? UnsafeBufferPointer(rebasing: text.dropFirst().dropLast()) : text
            if let value = Decimal38.exact(digits, precision: precision, scale: scale) {
                store(value, field, row)
            } else {
                let isNumber = text[0] == 0x2d || text[0] &- 0x30 < 10
                fault = isNumber ? .tooManyDigits : .wrongType
            }
        case .json: store(StringView(text), field, row)
        default:
            if let view = encodedView(text, field) {
                store(view, field, row)
            } else if type == .bytes {
                fault = text[0] == 0x22 ? .badBase64 : .wrongType
            } else {
                fault = text[0] == (isArray(type) ? 0x5b : 0x7b) ? .otherShape : .wrongType
            }
        }
        return fault == .none ? next : fail(fault, field, at: p, &scan)
    }

    private func isArray(_ type: ColumnType) -> Bool {
        if case .array = type { return true }
        return false
    }

    private func date(_ text: UnsafeBufferPointer<UInt8>) -> Int64? {
        guard text.first == 0x22, text.count >= 2 else { return nil }
        return CalendarDay.parse(UnsafeBufferPointer(rebasing: text.dropFirst().dropLast()))
    }
}
