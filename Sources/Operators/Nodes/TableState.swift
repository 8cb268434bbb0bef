/// A table's rows by key, as columns: what enrichment joins look into. Immutable; a refresh makes a
/// new one.
package final class TableState: Sendable {
    package let schema: Schema
    /// One row a key, in the order in which the keys first came.
    package let columns: [Column]
    package let count: Int
    // SAFETY: written before the state is shared and only read afterwards.
    private nonisolated(unsafe) let index: KeyTable

    private init(schema: Schema, columns: [Column], count: Int, index: KeyTable) {
        self.schema = schema
        self.columns = columns
        self.count = count
        self.index = index
    }

    /// The rows of keys, −1 where a key is not in the table.
    package func find(
        _ keys: UnsafePointer<StringView>, count: Int, into rows: UnsafeMutablePointer<Int32>
    ) {
        index.find(keys, rows: 0..<count, into: rows)
    }

    package static func empty(schema: Schema) -> TableState {
        TableBuilder(schema: schema, key: []).finish()
    }

    package var memoryBytes: Int {
        index.memoryBytes + columns.reduce(0) { $0 + $1.count * $1.type.stride }
    }

    /// Collects rows, the last one of a key winning.
    package final class TableBuilder {
        private let schema: Schema
        private let keyCodec: KeyCodec
        private let rowCodec: KeyCodec
        private let key: [Int]
        private let index = KeyTable(capacity: 64)
        private var arena = ByteArena()
        /// The encoded row of each key, nil once it was removed.
        private var rows: [StringView?] = []
        /// The event time of each key's row; `.min` where it is not known.
        private var times: [Int64] = []

        /// - Parameter key: Positions of the key's columns in the schema.
        package init(schema: Schema, key: [Int]) {
            self.schema = schema
            self.key = key
            keyCodec = KeyCodec(types: key.map { schema[$0].type })
            rowCodec = KeyCodec(types: schema.fields.map(\.type))
        }

        /// Adds rows. A row that `isDeletion` marks (one byte a row) removes its key.
        ///
        /// - Parameters:
        ///   - rowtimes: One a row, of rows that come from several places: an older row than the one
        ///     that stands changes nothing. nil: the last one wins.
        ///   - changed: Called with the key and the encoded row (nil: removed) of what was taken.
        package func add(
            _ columns: [Column], count: Int, isDeletion: UnsafePointer<UInt8>? = nil,
            rowtimes: UnsafePointer<Int64>? = nil,
            changed: ((_ key: StringView, _ row: StringView?) -> Void)? = nil
        ) {
            let keys = keyCodec.encode(key.map { columns[$0] }, count: count)
            let values = rowCodec.encode(columns, count: count)
            for row in 0..<count {
                let isRemoved = isDeletion.map { $0[row] != 0 } ?? false
                let value: StringView? = isRemoved ? nil : values.strings[row]
                if set(keys.strings[row], to: value, at: rowtimes?[row] ?? .min) {
                    changed?(keys.strings[row], value)
                }
            }
        }

        /// Sets one row in the form of ``forEachRow(_:)``. Returns false where a newer one stands.
        @discardableResult
        package func set(_ key: StringView, to row: StringView?, at time: Int64 = .min) -> Bool {
            let hash = key.hash
            let known = index.find(key, hash: hash)
            if known >= 0 {
                guard time >= times[Int(known)] || time == .min else { return false }
                rows[Int(known)] = row.map { arena.store($0.base, count: $0.count) }
                times[Int(known)] = time
            } else {
                index.insert(key, hash: hash, value: Int32(rows.count))
                rows.append(row.map { arena.store($0.base, count: $0.count) })
                times.append(time)
            }
            return true
        }

        /// Sets one row out of a checkpoint.
        package func restore(_ key: StringView, row: StringView) throws(StateError) {
            guard keyCodec.isKey(key), rowCodec.isKey(row) else { throw .damagedEntry }
            set(key, to: row)
        }

        /// Every key and its encoded row, in the order in which the keys first came.
        package func forEachRow(_ body: (_ key: StringView, _ row: StringView) -> Void) {
            for entry in 0..<index.count {
                if let row = rows[entry] { body(index.entries[entry].key, row) }
            }
        }

        /// The encoded row of a key, nil if there is none.
        package func row(_ key: StringView) -> StringView? {
            let known = index.find(key)
            return known < 0 ? nil : rows[Int(known)]
        }

        package func finish() -> TableState {
            let dense = KeyTable(capacity: rows.count)
            var views: [StringView] = []
            forEachRow { key, row in
                dense.insert(key, hash: key.hash, value: Int32(views.count))
                views.append(row)
            }
            guard let columns = rowCodec.decode(views, retained: arena.blocks) else {
                preconditionFailure("rows of a table do not decode")
            }
            return TableState(
                schema: schema, columns: columns, count: views.count, index: dense)
        }
    }
}
