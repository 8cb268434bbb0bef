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
        private var index = KeyTable(capacity: 64)
        private var arena = ByteArena()
        /// The encoded row of each key, nil once it was removed.
        private var rows: [StringView?] = []
        /// Of rows that come from several places: where and when each key's row came from.
        private var origins: [Origin] = []
        /// The bytes of ``arena`` that rows still stand in.
        private var liveBytes = 0
        /// How many keys have no row any more.
        private var removedCount = 0
        /// Whether it must be known when a row went, as an older one may come from another place.
        package var keepsRemoved = false
        /// Whether also of one place the later row counts, and of equal times the last.
        package var isByTime = false

        /// Where a row comes from, and when it happened: what decides between rows of one key.
        package struct Origin: Equatable, Sendable {
            /// Of one place the last row counts.
            package var place: UInt64
            /// Microseconds; between places the later row counts.
            package var time: Int64

            package init(place: UInt64, time: Int64) {
                self.place = place
                self.time = time
            }

            package static let none = Origin(place: 0, time: .min)

            /// Whether a row of this origin counts where one of `other` stands.
            fileprivate func supersedes(_ other: Origin, isByTime: Bool) -> Bool {
                if place == other.place { return !isByTime || time >= other.time }
                return (time, place) > (other.time, other.place)
            }
        }

        /// A row of a key that stands in place of another, or goes.
        package struct Change {
            /// Of the row among those that were added.
            package let index: Int
            package let key: StringView
            /// What stood under the key, nil if nothing did.
            package let before: Entry?
            /// The encoded row; nil when the key is removed.
            package let row: StringView?
            package let origin: Origin
        }

        /// The encoded row of a key and where it came from.
        package struct Entry {
            package let row: StringView
            package let origin: Origin
        }

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
        ///   - place: Where they come from, and `rowtimes` when each happened, for rows that come from
        ///     several places. nil: the last one wins.
        ///   - changed: Called with what was taken; the bytes are valid during the call only.
        package func add(
            _ columns: [Column], count: Int, isDeletion: UnsafePointer<UInt8>? = nil,
            place: UInt64 = 0, rowtimes: UnsafePointer<Int64>? = nil,
            changed: ((Change) -> Void)? = nil
        ) {
            let keys = keyCodec.encode(key.map { columns[$0] }, count: count)
            let values = rowCodec.encode(columns, count: count)
            for row in 0..<count {
                let isRemoved = isDeletion.map { $0[row] != 0 } ?? false
                let value: StringView? = isRemoved ? nil : values.strings[row]
                let origin = rowtimes.map { Origin(place: place, time: $0[row]) } ?? .none
                let before = changed == nil ? nil : entry(keys.strings[row])
                if set(keys.strings[row], to: value, from: origin) {
                    changed?(
                        Change(
                            index: row, key: keys.strings[row], before: before, row: value,
                            origin: origin))
                }
            }
            let isForgetting = !keepsRemoved && removedCount > max(rows.count / 2, 1024)
            if isForgetting || arena.byteCount > 2 * liveBytes + (1 << 20) { compact() }
        }

        /// Sets one row in the form of ``forEachRow(_:)``. Returns false where one stands that counts.
        @discardableResult
        package func set(_ key: StringView, to row: StringView?, from origin: Origin = .none)
            -> Bool
        {
            let hash = key.hash
            let known = index.find(key, hash: hash)
            if known >= 0 {
                guard origin.supersedes(origins[Int(known)], isByTime: isByTime) else {
                    return false
                }
                liveBytes -= rows[Int(known)]?.count ?? 0
                removedCount += (row == nil ? 1 : 0) - (rows[Int(known)] == nil ? 1 : 0)
                rows[Int(known)] = row.map { arena.store($0.base, count: $0.count) }
                origins[Int(known)] = origin
            } else {
                index.insert(key, hash: hash, value: Int32(rows.count))
                removedCount += row == nil ? 1 : 0
                rows.append(row.map { arena.store($0.base, count: $0.count) })
                origins.append(origin)
            }
            liveBytes += row?.count ?? 0
            return true
        }

        /// Lets go of rows that were replaced, and of keys that have none any more.
        private func compact() {
            var next = ByteArena()
            let keys = KeyTable(capacity: rows.count)
            var kept: [StringView?] = []
            var keptOrigins: [Origin] = []
            removedCount = 0
            for entry in rows.indices {
                let row = rows[entry]
                if row == nil && !keepsRemoved { continue }
                let key = index.entries[entry].key
                keys.insert(key, hash: key.hash, value: Int32(kept.count))
                kept.append(row.map { next.store($0.base, count: $0.count) })
                keptOrigins.append(origins[entry])
                removedCount += row == nil ? 1 : 0
            }
            rows = kept
            origins = keptOrigins
            index = keys
            arena = next
        }

        /// Sets one row out of a checkpoint; nil for a key whose row has gone.
        package func restore(_ key: StringView, row: StringView?, from origin: Origin = .none)
            throws(StateError)
        {
            guard keyCodec.isKey(key), row.map({ rowCodec.isKey($0) }) ?? true else {
                throw .damagedEntry
            }
            set(key, to: row, from: origin)
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

        /// How many keys have a row, and the bytes of memory, about.
        package var keyCount: Int { rows.count - removedCount }
        package var memoryBytes: Int { index.memoryBytes + arena.byteCount + rows.count * 48 }

        /// What stands under a key, nil if nothing does.
        package func entry(_ key: StringView) -> Entry? {
            let known = index.find(key)
            guard known >= 0, let row = rows[Int(known)] else { return nil }
            return Entry(row: row, origin: origins[Int(known)])
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
