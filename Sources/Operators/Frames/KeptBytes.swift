/// Bytes for each of some rows in frames, known by a small number.
struct KeptBytes {
    private(set) var views = GroupArray<StringView>(.empty)
    private var arena = ByteArena()
    private var liveBytes = 0
    /// Bytes of rows that are gone are kept until there are this many, and as many as of others.
    private static let deadBytesMin = 1 << 16

    var memoryBytes: Int { arena.byteCount + views.count * 16 }

    /// What the bytes lie in now.
    var blocks: [Buffer] { arena.blocks }

    mutating func store(_ bytes: StringView, slot: Int32) {
        views.reserve(Int(slot) + 1)
        liveBytes += bytes.count - views.base[Int(slot)].count
        views.base[Int(slot)] = arena.store(bytes.base, count: bytes.count)
    }

    mutating func release(_ slots: [Int32]) {
        for slot in slots where Int(slot) < views.count {
            liveBytes -= views.base[Int(slot)].count
            views.reset(Int(slot))
        }
        guard arena.byteCount - liveBytes > max(KeptBytes.deadBytesMin, liveBytes) else { return }
        var fresh = ByteArena()
        for slot in 0..<views.count where views.base[slot].count > 0 {
            let view = views.base[slot]
            views.base[slot] = fresh.store(view.base, count: view.count)
        }
        arena = fresh
    }

    mutating func clear() {
        views = GroupArray(.empty)
        arena = ByteArena()
        liveBytes = 0
    }
}
