import Config
import Connectors
import Operators

/// The rows that stand in a sink after all changes, while history is read for a rebuild: a sink that
/// writes nothing.
///
/// With a key, as sinks in upsert mode: a row replaces the one of its key, and a deletion goes by the
/// key. Otherwise rows count.
///
/// - Complexity: Holds what stands.
final class StandingRows: Sink {
    private struct Standing {
        var row: [UInt8]
        var time: Int64
        var count: Int
    }
    private let schema: Schema
    private let key: [Int]?
    private let rowCodec: KeyCodec
    private let keyCodec: KeyCodec
    /// By the bytes of the key, or of the whole row.
    private var rows: [[UInt8]: Standing] = [:]
    private(set) var written = SinkProgress(rows: 0, bytes: 0)

    init(_ sink: SinkSpec) {
        schema = sink.inputSchema
        if case .upsert(let key) = sink.mode { self.key = key } else { key = nil }
        rowCodec = KeyCodec(types: schema.fields.map(\.type))
        keyCodec = KeyCodec(types: (key ?? []).map { sink.inputSchema[$0].type })
    }

    func write(_ batch: Batch) throws(ConnectorError) {
        let batch = batch.compacted()
        let encoded = rowCodec.encode(batch.columns, count: batch.rowCount)
        let keys = key.map { key in
            keyCodec.encode(key.map { batch.columns[$0] }, count: batch.rowCount)
        }
        let weights = batch.weights?.pointer(to: Int32.self)
        let times = batch.rowtime.integers
        for row in 0..<batch.rowCount {
            let bytes = Array(encoded.strings[row].bytes)
            let weight = Int(weights?[row] ?? 1)
            if let keys {
                let key = Array(keys.strings[row].bytes)
                rows[key] = weight > 0 ? Standing(row: bytes, time: times[row], count: 1) : nil
            } else {
                count(bytes, weight, times[row])
            }
        }
        withExtendedLifetime((encoded, keys, batch)) {}
    }

    private func count(_ row: [UInt8], _ weight: Int, _ time: Int64) {
        var standing = rows[row] ?? Standing(row: row, time: time, count: 0)
        standing.count += weight
        if weight > 0 { standing.time = time }
        rows[row] = standing.count == 0 ? nil : standing
    }

    /// What has to be written where `former` stands so that this stands there: by key, what goes
    /// before what comes in its place.
    ///
    /// Rows of `former` are given in this schema: columns that it does not have are null.
    func changes(from former: StandingRows?) -> [Batch] {
        let changes = RowChanges(schema: schema)
        let isSameForm = former?.schema == schema && former?.key == key
        let before = isSameForm ? former?.rows ?? [:] : former?.translated(to: self) ?? [:]
        let all = Set(rows.keys).union(before.keys).sorted { $0.lexicographicallyPrecedes($1) }
        func add(_ standing: Standing, _ count: Int) {
            standing.row.withUnsafeBufferPointer { bytes in
                for _ in 0..<abs(count) {
                    changes.append(
                        StringView(bytes), time: standing.time, weight: count > 0 ? 1 : -1)
                }
            }
        }
        for key in all {
            let (old, new) = (before[key], rows[key])
            if let old, let new, old.row == new.row, isSameForm {
                if old.count != new.count { add(new, new.count - old.count) }
                continue
            }
            if let old { add(old, -old.count) }
            if let new { add(new, new.count) }
        }
        return changes.take()
    }

    /// The rows with the columns, and under the keys, of another sink.
    private func translated(to other: StandingRows) -> [[UInt8]: Standing] {
        let all = Array(rows.values)
        var arena = ByteArena()
        let views = all.map { standing in
            standing.row.withUnsafeBufferPointer { bytes in
                arena.store(StringView(bytes).base, count: bytes.count)
            }
        }
        guard !all.isEmpty, let known = rowCodec.decode(views, retained: arena.blocks) else {
            return [:]
        }
        let columns = other.schema.fields.map { field -> Column in
            if let index = schema.index(of: field.name), schema[index].type == field.type {
                return known[index]
            }
            var nulls = ColumnBuilder(type: field.type, capacity: all.count)
            for _ in all { nulls.appendNull() }
            return nulls.finish()
        }
        let encoded = other.rowCodec.encode(columns, count: all.count)
        let keys = other.key.map { key in
            other.keyCodec.encode(key.map { columns[$0] }, count: all.count)
        }
        var result: [[UInt8]: Standing] = [:]
        for (row, standing) in all.enumerated() {
            let bytes = Array(encoded.strings[row].bytes)
            let key = keys.map { Array($0.strings[row].bytes) } ?? bytes
            var translated = standing
            translated.row = bytes
            if other.key == nil { translated.count += result[key]?.count ?? 0 }
            result[key] = translated
        }
        withExtendedLifetime((encoded, keys, known)) {}
        return result
    }

    func recover(token: [UInt8]?) throws(ConnectorError) {}
    func cut(epoch: UInt64) throws(ConnectorError) -> any SinkCut { UnwrittenCut() }
    func close() {}
}

/// A sink that takes rows and forgets them.
final class SuppressedSink: Sink {
    let written = SinkProgress(rows: 0, bytes: 0)
    func recover(token: [UInt8]?) throws(ConnectorError) {}
    func write(_ batch: Batch) throws(ConnectorError) {}
    func cut(epoch: UInt64) throws(ConnectorError) -> any SinkCut { UnwrittenCut() }
    func close() {}
}

private final class UnwrittenCut: SinkCut {
    let token: [UInt8] = []
    func sync() throws(ConnectorError) {}
    func commit() throws(ConnectorError) {}
}
