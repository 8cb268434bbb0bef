/// Rows by the time at which they are due, the earliest first; rows of one time in no order.
///
/// - Complexity: O(log rows) to push and pop; rows that come in order of their time are pushed in
///   O(1).
struct DueHeap {
    private struct Item {
        var time: Int64
        var row: Int32
    }
    private var items: [Item] = []

    var isEmpty: Bool { items.isEmpty }

    /// The earliest time; nil when there are no rows.
    var earliest: Int64? { items.first?.time }

    /// The row of the earliest time.
    var earliestRow: Int32? { items.first?.row }

    mutating func removeAll() { items.removeAll() }

    mutating func push(_ row: Int32, at time: Int64) {
        items.append(Item(time: time, row: row))
        items.withUnsafeMutableBufferPointer { items in
            var place = items.count - 1
            while place > 0 {
                let parent = (place - 1) / 2
                guard items[place].time < items[parent].time else { return }
                items.swapAt(place, parent)
                place = parent
            }
        }
    }

    /// Takes out the earliest row if its time is below `bound`.
    mutating func pop(below bound: Int64) -> Int32? {
        guard let first = items.first, first.time < bound else { return nil }
        return popFirst()
    }

    /// Takes out the earliest row; nil when there are none.
    mutating func popFirst() -> Int32? {
        guard let first = items.first else { return nil }
        let last = items.removeLast()
        guard !items.isEmpty else { return first.row }
        items.withUnsafeMutableBufferPointer { items in
            var place = 0
            while true {
                var child = 2 * place + 1
                guard child < items.count else { break }
                if child + 1 < items.count, items[child + 1].time < items[child].time {
                    child += 1
                }
                guard items[child].time < last.time else { break }
                items[place] = items[child]
                place = child
            }
            items[place] = last
        }
        return first.row
    }
}
