/// The sessions of each group's key, in order of time: where they begin and end, and which one a row is
/// in. Sessions are known by the numbers that their owner gives them.
final class SessionLists {
    private let gap: Int64
    private let longest: Int64?
    /// Keys; the value is a place in `heads`.
    private var table = KeyTable()
    /// The first session of each key, −1 where it has none, and the last one.
    private var heads: [Int32] = []
    private var tails: [Int32] = []
    private var idleKeys = 0

    // By session. Those of a key are a list in order of time and do not overlap.
    private let starts = GroupArray<Int64>(0)
    private let lasts = GroupArray<Int64>(0)
    private let nexts = GroupArray<Int32>(-1)
    private let owners = GroupArray<Int32>(-1)

    /// - Parameters:
    ///   - gapMicros: Above 0.
    ///   - maxMicros: Above 0; nil where sessions may be of any length.
    init(gapMicros: Int64, maxMicros: Int64?) {
        gap = gapMicros
        longest = maxMicros
    }

    /// What the keys lie in.
    var blocks: [Buffer] { table.arena.blocks }
    var memoryBytes: Int { table.memoryBytes + heads.count * 72 }

    /// Whether a session with a row at `time` ends within 64 bits.
    func canHold(_ time: Int64) -> Bool { !time.addingReportingOverflow(gap).overflow }

    func start(_ session: Int32) -> Int64 { starts.base[Int(session)] }

    func end(_ session: Int32) -> Int64 {
        // No row is let in for which this is beyond 64 bits.
        let end = lasts.base[Int(session)] &+ gap
        guard let longest else { return end }
        let (bound, overflow) = starts.base[Int(session)].addingReportingOverflow(longest)
        return overflow ? end : min(end, bound)
    }

    // MARK: Keys

    /// The number of a key, which may be another one after ``dropIdleKeys(_:)``.
    func key(_ bytes: StringView) -> Int32 {
        let hash = bytes.hash
        let known = table.find(bytes, hash: hash)
        if known >= 0 { return known }
        table.insert(bytes, hash: hash, value: Int32(heads.count))
        heads.append(-1)
        tails.append(-1)
        idleKeys += 1
        return Int32(heads.count - 1)
    }

    func keyBytes(of session: Int32) -> StringView {
        table.entries[Int(owners.base[Int(session)])].key
    }

    /// Makes the table anew without keys that have no session, when they are many.
    ///
    /// - Parameter moved: Gets each session with its key's new place.
    func dropIdleKeys(_ moved: (Int32, StringView) -> Void) {
        guard idleKeys > 64, idleKeys * 2 > heads.count else { return }
        let old = (table: table, heads: heads, tails: tails)
        table = KeyTable(capacity: heads.count - idleKeys)
        heads.removeAll()
        tails.removeAll()
        idleKeys = 0
        for index in old.heads.indices where old.heads[index] >= 0 {
            let entry = old.table.entries[index]
            let key = Int32(heads.count)
            table.insert(entry.key, hash: entry.hash, value: key)
            heads.append(old.heads[index])
            tails.append(old.tails[index])
            var session = old.heads[index]
            while session >= 0 {
                owners.base[Int(session)] = key
                moved(session, table.entries[Int(key)].key)
                session = nexts.base[Int(session)]
            }
        }
    }

    // MARK: Sessions

    /// The session that a row at `time` is in, grown to hold it; nil where none is near.
    ///
    /// - Complexity: O(1) for a row of the last session or behind it, otherwise O(sessions of the key).
    func find(_ key: Int32, at time: Int64) -> Int32? {
        let tail = tails[Int(key)]
        var session = heads[Int(key)]
        if tail >= 0, starts.base[Int(tail)] <= time { session = tail }
        while session >= 0 {
            let index = Int(session)
            if time < starts.base[index] {
                guard starts.base[index] < time &+ gap else { return nil }
                starts.base[index] = time
                return session
            }
            if time < end(session) {
                lasts.base[index] = max(lasts.base[index], time)
                return session
            }
            session = nexts.base[index]
        }
        return nil
    }

    /// The key's first session of which that is true.
    func first(of key: Int32, where isWanted: (Int32) -> Bool) -> Int32? {
        var session = heads[Int(key)]
        while session >= 0 {
            if isWanted(session) { return session }
            session = nexts.base[Int(session)]
        }
        return nil
    }

    /// The key's next session, when this one reaches it.
    func follower(of session: Int32) -> Int32? {
        let next = nexts.base[Int(session)]
        return next >= 0 && starts.base[Int(next)] < end(session) ? next : nil
    }

    /// Puts a session of one row in its place in the key's list.
    func add(_ session: Int32, to key: Int32, at time: Int64) {
        let index = Int(session)
        for array in [starts, lasts] { array.reserve(index + 1) }
        for array in [nexts, owners] { array.reserve(index + 1) }
        starts.base[index] = time
        lasts.base[index] = time
        owners.base[index] = key
        if heads[Int(key)] < 0 { idleKeys -= 1 }
        var before: Int32 = -1
        var after = heads[Int(key)]
        let tail = tails[Int(key)]
        if tail >= 0, starts.base[Int(tail)] < time { (before, after) = (tail, -1) }
        while after >= 0 && starts.base[Int(after)] < time {
            before = after
            after = nexts.base[Int(after)]
        }
        nexts.base[index] = after
        if after < 0 { tails[Int(key)] = session }
        if before < 0 { heads[Int(key)] = session } else { nexts.base[Int(before)] = session }
    }

    /// Takes a session out of its key's list.
    func unlink(_ session: Int32) {
        let key = Int(owners.base[Int(session)])
        let after = nexts.base[Int(session)]
        if heads[key] == session {
            heads[key] = after
            if after < 0 {
                tails[key] = -1
                idleKeys += 1
            }
            return
        }
        var before = heads[key]
        while nexts.base[Int(before)] != session { before = nexts.base[Int(before)] }
        nexts.base[Int(before)] = after
        if after < 0 { tails[key] = before }
    }

    /// Makes a session and the one that it has reached one.
    func absorb(_ next: Int32, into session: Int32) {
        lasts.base[Int(session)] = max(lasts.base[Int(session)], lasts.base[Int(next)])
        let after = nexts.base[Int(next)]
        nexts.base[Int(session)] = after
        if after < 0 { tails[Int(owners.base[Int(session)])] = session }
    }

    // MARK: State

    func write(_ session: Int32, to bytes: inout [UInt8]) {
        bytes.append(littleEndian: starts.base[Int(session)])
        bytes.append(littleEndian: lasts.base[Int(session)])
    }

    /// - Parameter anchor: A time within the session.
    func read(_ session: Int32, anchor: Int64, from reader: inout ByteReader) -> Bool {
        guard let start = reader.read(Int64.self), let last = reader.read(Int64.self),
            start <= anchor, anchor <= last, canHold(last)
        else { return false }
        starts.base[Int(session)] = start
        lasts.base[Int(session)] = last
        return true
    }
}
