/// The rows of partitions, each partition's in order.
///
/// A partition is known by a small number. Rows are those of a ``RowStore``.
// SAFETY: the lists' memory is owned by this class and reached by one thread at a time.
final class RankedRows {
    private struct List: BitwiseCopyable {
        var rows: UnsafeMutablePointer<Int32>?
        var count: Int32
        var capacity: Int32
    }

    let store: RowStore
    /// How many rows of a partition are shown.
    let limit: Int
    /// Whether all rows are shown that tie with the last one of these.
    let showsTies: Bool
    /// Whether rows that are not shown are kept, since those before them may go.
    let keepsAll: Bool
    private let lists = GroupArray<List>(List(rows: nil, count: 0, capacity: 0))
    private var free: [Int32] = []
    private(set) var partitionCount = 0

    init(store: RowStore, limit: Int, showsTies: Bool, keepsAll: Bool) {
        self.store = store
        self.limit = limit
        self.showsTies = showsTies
        self.keepsAll = keepsAll
    }

    deinit {
        for partition in 0..<lists.count { lists.base[partition].rows?.deallocate() }
    }

    /// A new partition without rows.
    func allocate() -> Int32 {
        if let partition = free.popLast() { return partition }
        partitionCount += 1
        lists.reserve(partitionCount)
        return Int32(partitionCount - 1)
    }

    /// Forgets a partition, whose rows have been removed from the store.
    func release(_ partition: Int32) {
        lists.base[Int(partition)].rows?.deallocate()
        lists.reset(Int(partition))
        free.append(partition)
    }

    func rows(_ partition: Int32) -> UnsafeBufferPointer<Int32> {
        let list = lists.base[Int(partition)]
        return UnsafeBufferPointer(start: list.rows, count: Int(list.count))
    }

    /// The rows that are shown.
    func shown(_ partition: Int32) -> UnsafeBufferPointer<Int32> {
        let all = rows(partition)
        var count = min(all.count, limit)
        if showsTies && count > 0 {
            let last = store.places.base[Int(all[count - 1])]
            while count < all.count
                && OrderCodec.isTie(last, store.places.base[Int(all[count])])
            {
                count += 1
            }
        }
        return UnsafeBufferPointer(rebasing: all[..<count])
    }

    /// Whether a row at `place` would be neither shown nor kept.
    @inline(__always)
    func isBeyond(_ place: StringView, in partition: Int32) -> Bool {
        let list = lists.base[Int(partition)]
        guard !keepsAll, Int(list.count) >= limit, let rows = list.rows else { return false }
        let last = store.places.base[Int(rows[limit - 1])]
        return StringView.compare(place, last) > 0 && !(showsTies && OrderCodec.isTie(place, last))
    }

    /// Puts a row in its place.
    ///
    /// - Complexity: O(log rows), and moves the rows behind it.
    func insert(_ row: Int32, into partition: Int32) {
        let place = store.places.base[Int(row)]
        let index = lowerBound(of: place, bytes: place.count, in: partition)
        if lists.base[Int(partition)].count == lists.base[Int(partition)].capacity {
            grow(partition)
        }
        guard let rows = lists.base[Int(partition)].rows else { return }
        let count = Int(lists.base[Int(partition)].count)
        (rows + index + 1).update(from: rows + index, count: count - index)
        rows[index] = row
        lists.base[Int(partition)].count += 1
    }

    private func grow(_ partition: Int32) {
        let list = lists.base[Int(partition)]
        let capacity = max(1, list.capacity * 2)
        let rows = UnsafeMutablePointer<Int32>.allocate(capacity: Int(capacity))
        if let old = list.rows {
            rows.update(from: old, count: Int(list.count))
            old.deallocate()
        }
        lists.base[Int(partition)] = List(rows: rows, count: list.count, capacity: capacity)
    }

    /// Takes the row at `index` out of its partition; the store still has it.
    func remove(at index: Int, from partition: Int32) -> Int32 {
        let list = lists.base[Int(partition)]
        guard let rows = list.rows else { preconditionFailure("no row \(index)") }
        let row = rows[index]
        (rows + index).update(from: rows + index + 1, count: Int(list.count) - index - 1)
        lists.base[Int(partition)].count -= 1
        return row
    }

    /// Takes out the last row if it is not to be kept.
    func removeBeyond(from partition: Int32) -> Int32? {
        guard !keepsAll else { return nil }
        let all = rows(partition)
        guard all.count > shown(partition).count else { return nil }
        return remove(at: all.count - 1, from: partition)
    }

    /// Where a row stands that has the same values, best of all one with the same event time too.
    ///
    /// - Complexity: O(log rows), and O(rows that tie with it).
    func index(ofPlace place: StringView, values: StringView, in partition: Int32) -> Int? {
        let items = place.count - OrderCodec.tailBytes
        for bytes in [items + OrderCodec.timeBytes, items] {
            let prefix = OrderCodec.prefix(place, bytes)
            let all = rows(partition)
            var index = lowerBound(of: place, bytes: bytes, in: partition)
            while index < all.count {
                let other = store.places.base[Int(all[index])]
                guard other.count == place.count,
                    StringView.compare(OrderCodec.prefix(other, bytes), prefix) == 0
                else { break }
                if store.values.base[Int(all[index])] == values { return index }
                index += 1
            }
        }
        return nil
    }

    /// How many rows stand before the first `bytes` of a place.
    private func lowerBound(of place: StringView, bytes: Int, in partition: Int32) -> Int {
        let list = lists.base[Int(partition)]
        guard let rows = list.rows else { return 0 }
        let prefix = OrderCodec.prefix(place, bytes)
        var low = 0
        var high = Int(list.count)
        while low < high {
            let middle = (low + high) / 2
            if StringView.compare(store.places.base[Int(rows[middle])], prefix) < 0 {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low
    }
}
