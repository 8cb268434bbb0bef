import CPrimitives
import Config
import Glibc
import Operators

/// The columns that a ``JSONRowParser`` fills: raw memory for each field, and the typed reading of
/// one value.
// SAFETY: the raw pointers in `slots` point into `buffers`, which this class holds from `begin` to
// `finish`; one thread uses it at a time.
final class JSONColumns {
    private enum Kind {
        case string, bigint, double, boolean
        case timestampInteger, timestampText
        /// What is read once its text is known to be JSON.
        case date, decimal, json, encoded
    }

    private struct Slot {
        var kind: Kind
        var isRequired: Bool
        var unitsPerSecond: Int64
        var values: UnsafeMutableRawPointer
        var validity: UnsafeMutablePointer<UInt8>?
        /// The row after the last one that had the field; for fields past the 64th.
        var seenRow: Int32
    }

    /// The bits of ``fillMissing(_:row:onMissing:_:)``'s `seen` when none of the first 64 fields is
    /// missing.
    let allSeen: UInt64
    /// Whether there are more than 64 fields, so that every row has to be looked at.
    let isWide: Bool
    /// The field that the last fault belongs to, −1 for none.
    private(set) var faultyField = -1

    let fields: [FieldSpec]
    private let defaults: [Column?]
    private let slots: UnsafeMutablePointer<Slot>
    private let timestampTexts: [TimestampText?]
    private var values: [Buffer] = []
    private var validities: [Buffer?] = []
    private var rowsMax = 0
    private var escaped: Buffer?
    private var escapedUsed = 0
    private var escapedBytesMax = 0
    private var readings: [JSONReading]
    private var encoded = ByteArena()

    init(fields: [FieldSpec], timezone: String) throws(ConnectorError) {
        self.fields = fields
        self.allSeen = fields.count >= 64 ? .max : (1 << fields.count) - 1
        self.isWide = fields.count > 64
        self.slots = .allocate(capacity: fields.count + 1)
        self.defaults = fields.map { field in
            field.defaultValue.map { Column.constant($0, type: field.type) }
        }
        var texts: [TimestampText?] = []
        for (index, field) in fields.enumerated() {
            let kind: Kind
            var unitsPerSecond: Int64 = 1
            var text: TimestampText?
            switch field.type {
            case .string: kind = .string
            case .bigint: kind = .bigint
            case .double: kind = .double
            case .boolean: kind = .boolean
            case .timestamp:
                if case .integer(let units) = field.timestamp {
                    kind = .timestampInteger
                    unitsPerSecond = units
                } else {
                    kind = .timestampText
                    text = try TimestampText(field.timestamp, timezone: timezone)
                }
            case .date: kind = .date
            case .decimal: kind = .decimal
            case .json: kind = .json
            case .bytes, .array, .structure: kind = .encoded
            case .interval:
                slots.deallocate()
                throw ConnectorError(
                    .terminal, "cannot read field '\(field.name)': JSON gives no \(field.type.name)"
                )
            }
            texts.append(text)
            (slots + index).initialize(
                to: Slot(
                    kind: kind, isRequired: field.isRequired, unitsPerSecond: unitsPerSecond,
                    values: UnsafeMutableRawPointer(slots), validity: nil, seenRow: 0))
        }
        self.timestampTexts = texts
        readings = fields.map { JSONReading($0.type) }
    }

    deinit { slots.deallocate() }

    /// Gets fresh memory for the next rows.
    func begin(rowsMax: Int, escapedBytesMax: Int) {
        self.rowsMax = rowsMax
        self.escapedBytesMax = escapedBytesMax
        escaped = nil
        escapedUsed = 0
        encoded = ByteArena()
        values = fields.map { Buffer(capacity: rowsMax * $0.type.stride) }
        validities = Array(repeating: nil, count: fields.count)
        for index in fields.indices {
            slots[index].values = values[index].base
            slots[index].validity = nil
            slots[index].seenRow = 0
        }
    }

    func finish(rowCount: Int, chunk: Buffer) -> [Column] {
        let retained = (escaped.map { [chunk, $0] } ?? [chunk]) + encoded.blocks
        let result = fields.indices.map { index in
            let type = fields[index].type
            var kept = type.storage == .view ? retained : []
            if type.storage == .view, let fallback = defaults[index] { kept += fallback.retained }
            return Column(
                type: type, count: rowCount, values: values[index],
                validity: validities[index], retained: kept)
        }
        values = []
        validities = []
        escaped = nil
        return result
    }

    /// Undoes what a row that failed has left, as the next one takes its place.
    func forgetRow(_ row: Int) {
        faultyField = -1
        for index in fields.indices {
            slots[index].validity?[row] = 1
            if slots[index].seenRow == row + 1 { slots[index].seenRow = 0 }
        }
    }

    /// Makes fields past the 64th ones that the row does not have.
    func forget(_ fields: UnsafePointer<Int32>, count: Int) {
        for index in 0..<count { slots[Int(fields[index])].seenRow = 0 }
    }

    /// Gives the fields that a row does not have their default or null.
    ///
    /// - Returns: false with the fault set when one of them must be there.
    @inline(never)
    func fillMissing(
        _ seen: UInt64, row: Int, onMissing: JSONOptions.OnMissing, _ scan: inout JSONScan
    ) -> Bool {
        for index in fields.indices {
            let isSeen =
                index < 64 ? seen & (1 << UInt64(index)) != 0 : slots[index].seenRow == row + 1
            if isSeen { continue }
            if let fallback = defaults[index] {
                copy(fallback, to: index, row: row)
            } else if slots[index].isRequired || onMissing == .invalid {
                faultyField = index
                scan.fault = .missing
                scan.faultAt = nil
                return false
            } else {
                setNull(index, row: row)
            }
        }
        return true
    }

    private func copy(_ constant: Column, to index: Int, row: Int) {
        if constant.isNull(0) { return setNull(index, row: row) }
        slots[index].validity?[row] = 1
        let stride = constant.type.stride
        memcpy(slots[index].values + row * stride, constant.values.base, stride)
    }

    @inline(never)
    private func setNull(_ index: Int, row: Int) {
        let validity: UnsafeMutablePointer<UInt8>
        if let known = slots[index].validity {
            validity = known
        } else {
            let buffer = Buffer(capacity: rowsMax)
            validities[index] = buffer
            validity = buffer.pointer(to: UInt8.self)
            memset(validity, 1, rowsMax)
            slots[index].validity = validity
        }
        validity[row] = 0
        switch slots[index].kind {
        case .string, .json, .encoded:
            slots[index].values.assumingMemoryBound(to: StringView.self)[row] = .empty
        default:
            let stride = fields[index].type.stride
            memset(slots[index].values + row * stride, 0, stride)
        }
    }

    /// Reads the value at `p` into a field's column.
    @inline(__always)
    func read(
        _ p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, field: Int, row: Int, depth: Int,
        _ scan: inout JSONScan
    ) -> UnsafePointer<UInt8>? {
        let slot = slots + field
        if field >= 64 { slot.pointee.seenRow = Int32(row + 1) }
        if slot.pointee.kind == .string && p.pointee == 0x22 {
            var hasEscape = false
            guard let next = scan.string(p, end, hasEscape: &hasEscape) else { return nil }
            if !hasEscape {
                if let validity = slot.pointee.validity { validity[row] = 1 }
                slot.pointee.values.assumingMemoryBound(to: StringView.self)[row] =
                    StringView(base: p + 1, count: next - p - 2)
                return next
            }
            decodeString(p, next, slot, row)
            return next
        }
        return readOther(p, end, field: field, row: row, depth: depth, &scan)
    }

    @inline(never)
    private func decodeString(
        _ p: UnsafePointer<UInt8>, _ next: UnsafePointer<UInt8>, _ slot: UnsafeMutablePointer<Slot>,
        _ row: Int
    ) {
        let buffer: Buffer
        if let escaped {
            buffer = escaped
        } else {
            buffer = Buffer(capacity: escapedBytesMax)
            escaped = buffer
        }
        let target = buffer.pointer(to: UInt8.self) + escapedUsed
        let count = JSONScan.decode(p + 1, next - 1, into: target)
        escapedUsed += count
        if let validity = slot.pointee.validity { validity[row] = 1 }
        slot.pointee.values.assumingMemoryBound(to: StringView.self)[row] =
            StringView(base: target, count: count)
    }

    @inline(never)
    private func readOther(
        _ p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, field: Int, row: Int, depth: Int,
        _ scan: inout JSONScan
    ) -> UnsafePointer<UInt8>? {
        guard p < end else { return scan.fail(.endOfLine, at: end) }
        let slot = slots + field
        let byte = p.pointee
        if byte == 0x6e {
            guard let next = scan.literal(p, end, "null") else { return nil }
            if slot.pointee.isRequired {
                faultyField = field
                return scan.fail(.isNull, at: p)
            }
            setNull(field, row: row)
            return next
        }
        if let validity = slot.pointee.validity { validity[row] = 1 }
        let isNumber = byte == 0x2d || byte &- 0x30 < 10
        switch slot.pointee.kind {
        case .bigint where isNumber, .timestampInteger where isNumber:
            var value: Int64 = 0
            guard let next = integer(p, end, field, &value, &scan) else { return nil }
            if slot.pointee.kind == .timestampInteger {
                guard let micros = JSONColumns.micros(value, slot.pointee.unitsPerSecond) else {
                    faultyField = field
                    return scan.fail(.outOfRange, at: p)
                }
                value = micros
            }
            slot.pointee.values.assumingMemoryBound(to: Int64.self)[row] = value
            return next
        case .double where isNumber:
            var value = 0.0
            guard let next = double(p, end, field, &value, &scan) else { return nil }
            slot.pointee.values.assumingMemoryBound(to: Double.self)[row] = value
            return next
        case .boolean where byte == 0x74 || byte == 0x66:
            slot.pointee.values.assumingMemoryBound(to: UInt8.self)[row] = byte == 0x74 ? 1 : 0
            return byte == 0x74
                ? scan.literal(p, end, "true") : scan.literal(p, end, "false")
        case .timestampText where byte == 0x22:
            return timestampText(p, end, field, row, &scan)
        default:
            if let next = readChecked(p, end, field, row, depth: depth, &scan) { return next }
            if scan.fault != .none { return nil }
            // Text that is no JSON is reported as that, rather than as the wrong type.
            guard scan.skipValue(p, end, depth: depth) != nil else { return nil }
            faultyField = field
            return scan.fail(.wrongType, at: p)
        }
    }

    private func timestampText(
        _ p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, _ field: Int, _ row: Int,
        _ scan: inout JSONScan
    ) -> UnsafePointer<UInt8>? {
        var hasEscape = false
        guard let next = scan.string(p, end, hasEscape: &hasEscape) else { return nil }
        let count = next - p - 2
        let read = timestampTexts[field]
        var micros = hasEscape ? nil : read?.micros(UnsafeBufferPointer(start: p + 1, count: count))
        if hasEscape {
            // `10\/Oct\/2000` is how some writers put a slash.
            micros = withUnsafeTemporaryAllocation(of: UInt8.self, capacity: count) { copy in
                guard let target = copy.baseAddress else { return nil }
                let decoded = JSONScan.decode(p + 1, next - 1, into: target)
                return read?.micros(UnsafeBufferPointer(start: target, count: decoded))
            }
        }
        guard let micros else {
            faultyField = field
            return scan.fail(.badTimestamp, at: p)
        }
        slots[field].values.assumingMemoryBound(to: Int64.self)[row] = micros
        return next
    }

    // MARK: Values that are read once their text is known

    func fail(
        _ fault: JSONFault, _ field: Int, at p: UnsafePointer<UInt8>, _ scan: inout JSONScan
    ) -> UnsafePointer<UInt8>? {
        faultyField = field
        return scan.fail(fault, at: p)
    }

    func store<T>(_ value: T, _ field: Int, _ row: Int) {
        slots[field].values.assumingMemoryBound(to: T.self)[row] = value
    }

    /// The value as ``JSONReading`` makes it, kept until ``finish(rowCount:chunk:)``.
    func encodedView(_ text: UnsafeBufferPointer<UInt8>, _ field: Int) -> StringView? {
        guard let bytes = readings[field].bytes(text) else { return nil }
        return bytes.withUnsafeBufferPointer { bytes in
            bytes.baseAddress.map { encoded.store($0, count: bytes.count) } ?? .empty
        }
    }

    /// An epoch number as microseconds, nil when they do not fit.
    static func micros(_ value: Int64, _ unitsPerSecond: Int64) -> Int64? {
        if unitsPerSecond <= 1_000_000 {
            let (micros, overflow) = value.multipliedReportingOverflow(
                by: 1_000_000 / unitsPerSecond)
            return overflow ? nil : micros
        }
        let per = unitsPerSecond / 1_000_000
        let quotient = value / per
        return value % per < 0 ? quotient - 1 : quotient
    }

    private func integer(
        _ p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, _ field: Int,
        _ value: inout Int64, _ scan: inout JSONScan
    ) -> UnsafePointer<UInt8>? {
        let isNegative = p.pointee == 0x2d
        let first = isNegative ? p + 1 : p
        var q = first
        var magnitude: UInt64 = 0
        while q.pointee &- 0x30 < 10 {
            magnitude = magnitude &* 10 &+ UInt64(q.pointee &- 0x30)
            q += 1
        }
        let digits = q - first
        // Up to 18 digits cannot overflow, and the common number needs no second look.
        if digits > 0 && digits <= 18 && (digits == 1 || first.pointee != 0x30)
            && q.pointee != 0x2e && q.pointee | 0x20 != 0x65
        {
            value = isNegative ? -Int64(magnitude) : Int64(magnitude)
            return q
        }
        var isInteger = true
        guard let next = scan.number(p, end, isInteger: &isInteger) else { return nil }
        let text = UnsafeBufferPointer(start: p, count: next - p)
        guard let exact = ExactInteger.read(text) else {
            faultyField = field
            return scan.fail(isInteger ? .outOfRange : .notInteger, at: p)
        }
        value = exact
        return next
    }

    private func double(
        _ p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, _ field: Int,
        _ value: inout Double, _ scan: inout JSONScan
    ) -> UnsafePointer<UInt8>? {
        var isInteger = true
        guard let next = scan.number(p, end, isInteger: &isInteger) else { return nil }
        guard let exact = ExactDouble.read(UnsafeBufferPointer(start: p, count: next - p)) else {
            faultyField = field
            return scan.fail(.outOfRange, at: p)
        }
        value = exact
        return next
    }
}
