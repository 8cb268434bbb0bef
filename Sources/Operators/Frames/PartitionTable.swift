/// The numbers of partitions by the bytes of their keys, where partitions come and go.
final class PartitionTable {
    /// The place of a key in `partitions`.
    private var table = KeyTable()
    /// By place; −1 for a key whose partition is gone.
    private var partitions: [Int32] = []
    private var goneCount = 0
    /// By partition; −1 for one that has no key.
    private let places = GroupArray<Int32>(-1)

    var memoryBytes: Int { table.memoryBytes + partitions.count * 8 }

    /// The partition of a key, or −1.
    func find(_ key: StringView) -> Int32 {
        let place = table.find(key)
        return place < 0 ? -1 : partitions[Int(place)]
    }

    /// Gives a key that has no partition one.
    func insert(_ key: StringView, _ partition: Int32) {
        places.reserve(Int(partition) + 1)
        let hash = key.hash
        var place = table.find(key, hash: hash)
        if place < 0 {
            place = Int32(partitions.count)
            table.insert(key, hash: hash, value: place)
            partitions.append(partition)
        } else {
            goneCount -= 1
            partitions[Int(place)] = partition
        }
        places.base[Int(partition)] = place
    }

    func has(_ partition: Int32) -> Bool {
        Int(partition) < places.count && places.base[Int(partition)] >= 0
    }

    /// The key of a partition that has one; valid until a partition is removed.
    func key(_ partition: Int32) -> StringView {
        table.entries[Int(places.base[Int(partition)])].key
    }

    func remove(_ partition: Int32) {
        partitions[Int(places.base[Int(partition)])] = -1
        places.reset(Int(partition))
        goneCount += 1
        guard goneCount > 64, goneCount * 2 > partitions.count else { return }
        let old = (table: table, partitions: partitions)
        table = KeyTable(capacity: partitions.count - goneCount)
        partitions.removeAll()
        goneCount = 0
        for (index, partition) in old.partitions.enumerated() where partition >= 0 {
            let entry = old.table.entries[index]
            table.insert(entry.key, hash: entry.hash, value: Int32(partitions.count))
            places.base[Int(partition)] = Int32(partitions.count)
            partitions.append(partition)
        }
    }
}
