import Config
import Connectors
import Glibc
import Operators

/// Tables that are read to their end, and perhaps again.
extension TableNode {
    private var refreshMicros: Int64? {
        if case .file(let options) = spec.connector { return options.refreshMicros }
        return nil
    }

    func loadFiles(now: Int64) throws(ConnectorError) {
        let clock = TableClock("", of: spec, now: now)
        clock.watermark.highest = savedTimes[""] ?? .min
        clock.hasEnded = refreshMicros == nil
        clocks = [clock]
        refreshesAt = refreshMicros.map { now + $0 }
        let present = currentSignature()
        if hasRows && present == signature {
            publish(builder.finish())
            return
        }
        try replace(now: now, signature: present)
    }

    func refreshFiles(now: Int64, isAsked: Bool) throws(ConnectorError) {
        guard let interval = refreshMicros else { return }
        refreshesAt = now + interval
        let present = currentSignature()
        if isAsked || present != signature { try replace(now: now, signature: present) }
    }

    private func replace(now: Int64, signature: [UInt8]) throws(ConnectorError) {
        let fresh = TableNode.makeBuilder(spec)
        let source = try open()
        for (place, split) in try source.discover().enumerated() {
            try read(split, place: UInt64(place), into: fresh, now: now)
        }
        let old = builder
        builder = fresh
        takeDifference(from: old)
        history?.removeAbsent(at: now) { fresh.row($0) != nil }
        hasRows = true
        self.signature = signature
        publish(fresh.finish())
    }

    /// Notes and gives what the fresh rows change.
    private func takeDifference(from old: TableState.TableBuilder) {
        let fresh = builder
        var unchanged: [(key: StringView, entry: TableState.TableBuilder.Entry)] = []
        fresh.forEachRow { key, row in
            let known = old.entry(key)
            let origin = fresh.entry(key)?.origin ?? .none
            if let known, known.row == row {
                // It happened when it was first seen, and is taken back as such.
                if known.origin != origin { unchanged.append((key, known)) }
                return
            }
            note(key, row: row, from: origin)
            guard spec.isStreamed else { return }
            if let known { changes.append(known.row, time: known.origin.time, weight: -1) }
            changes.append(row, time: origin.time, weight: 1)
        }
        if spec.isStreamed {
            for (key, entry) in unchanged { fresh.set(key, to: entry.row, from: entry.origin) }
        }
        old.forEachRow { key, row in
            guard fresh.row(key) == nil else { return }
            pending.delete(time: 0, key: key.bytes)
            guard spec.isStreamed, let entry = old.entry(key) else { return }
            changes.append(row, time: entry.origin.time, weight: -1)
        }
    }

    private func read(
        _ split: any SourceSplit, place: UInt64, into builder: TableState.TableBuilder, now: Int64
    ) throws(ConnectorError) {
        while case .rows(let rows) = try split.read(now: now) {
            guard let batch = timed(rows, split: split.id, now: now) else { continue }
            let flags = deletions(in: batch, now: now)
            let flag = flags.map { UnsafePointer($0.pointer(to: UInt8.self)) }
            builder.add(
                batch.columns, count: batch.rowCount, isDeletion: flag,
                rowtimes: keepsOrigins ? UnsafePointer(batch.rowtime.integers) : nil)
            history?.add(
                batch.columns, times: batch.rowtime, count: batch.rowCount, isDeletion: flag,
                place: place)
            withExtendedLifetime((flags, batch)) {}
            clocks[0].take(batch, now: now)
        }
    }

    /// Path, device, inode, size and time of change of the files that the table is made of; empty
    /// for what is not made of files.
    private func currentSignature() -> [UInt8] {
        guard case .file(let options) = spec.connector else { return [] }
        var paths = [options.path]
        if options.isGlob {
            var found = glob_t()
            defer { globfree(&found) }
            guard glob(options.path, 0, nil, &found) == 0 else { return [] }
            paths = (0..<Int(found.gl_pathc)).compactMap { index in
                found.gl_pathv[index].map { String(cString: $0) }
            }
        }
        var text = ""
        for path in paths {
            var status = stat()
            guard stat(path, &status) == 0 else { continue }
            text +=
                "\(path) \(status.st_dev) \(status.st_ino) \(status.st_size) "
                + "\(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)\n"
        }
        return Array(text.utf8)
    }
}
