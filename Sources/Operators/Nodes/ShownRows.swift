/// The result rows of groups as they were last given, so that each leaves as it came.
final class ShownRows {
    private let codec: KeyCodec
    private let columnCount: Int
    private var rows: [Int32: [UInt8]] = [:]
    private(set) var byteCount = 0

    /// - Parameter types: Of the rows' columns.
    init(types: [ColumnType]) {
        codec = KeyCodec(types: types + [.timestamp])
        columnCount = types.count
    }

    /// Gives the difference between what stands and what was given: for each group the old row with
    /// weight −1 and the new one with +1, next to each other.
    ///
    /// - Parameters:
    ///   - groups: Each once.
    ///   - rowOf: The row of the `n`-th group in `columns`, −1 when it has none.
    /// - Returns: The groups whose row has changed.
    func give(
        _ groups: [Int32], rowOf: [Int], columns: [Column], rowtime: Column,
        to output: any OperatorOutput
    ) -> [Int32] {
        let count = rowtime.count
        let encoded = codec.encode(columns + [rowtime], count: count)
        let views = encoded.strings
        var old = ByteArena()
        var keys: [StringView] = []
        /// Rows of the result: below `keys.count` old ones, new ones behind them.
        var order: [(isNew: Bool, row: Int)] = []
        var changed: [Int32] = []
        for (index, group) in groups.enumerated() {
            let known = rows[group]
            let row = rowOf[index]
            let isSame = known.map { bytes in
                row >= 0 && bytes.withUnsafeBufferPointer { StringView($0) == views[row] }
            }
            if isSame ?? (row < 0) { continue }
            changed.append(group)
            if let known {
                byteCount -= known.count
                order.append((false, keys.count))
                known.withUnsafeBufferPointer {
                    let view = StringView($0)
                    keys.append(old.store(view.base, count: view.count))
                }
            }
            if row >= 0 {
                order.append((true, row))
                byteCount += views[row].count
                rows[group] = Array(views[row].bytes)
            } else {
                rows[group] = nil
            }
        }
        guard !order.isEmpty else { return [] }
        guard let before = codec.decode(keys, retained: old.blocks) else {
            preconditionFailure("rows that were given do not decode")
        }
        let places = order.map { Int32($0.isNew ? keys.count + $0.row : $0.row) }
        let weights = Buffer(capacity: order.count * 4)
        for (index, place) in order.enumerated() {
            weights.pointer(to: Int32.self)[index] = place.isNew ? 1 : -1
        }
        let all = zip(before, columns + [rowtime]).map { old, new in
            Column.concatenating(old, new).gathered(places, count: places.count)
        }
        output.emit(
            Batch(
                columns: Array(all[..<columnCount]), rowtime: all[columnCount],
                rowCount: order.count, weights: weights))
        return changed
    }

    func has(_ group: Int32) -> Bool { rows[group] != nil }

    /// Forgets a group's row without taking it back.
    func forget(_ group: Int32) {
        if let row = rows.removeValue(forKey: group) { byteCount -= row.count }
    }

    func write(_ group: Int, to bytes: inout [UInt8]) {
        let row = rows[Int32(group)] ?? []
        bytes.append(littleEndian: UInt32(row.count))
        bytes.append(contentsOf: row)
    }

    func read(_ group: Int32, from reader: inout ByteReader) throws(StateError) {
        guard let count = reader.read(UInt32.self), let bytes = reader.readBytes(Int(count)) else {
            throw .damagedEntry
        }
        guard count > 0 else { return }
        guard codec.isKey(StringView(bytes)) else { throw .damagedEntry }
        rows[group] = Array(bytes)
        byteCount += bytes.count
    }
}
