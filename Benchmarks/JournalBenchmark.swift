import Store

/// Commits to a journal: each a record of 1,000 entries of 60 bytes, synced.
enum JournalBenchmark {
    static func measure(folder: String, records: Int) throws(BenchmarkError) -> Measurement {
        do {
            let journal = try Journal.open(
                directory: "\(folder)/journal", identity: Array("benchmark".utf8),
                fileSystem: SystemFileSystem())
            defer { journal.close() }
            let entries = 1000
            let key = [UInt8](repeating: 0x61, count: 36)
            let value = [UInt8](repeating: 0x62, count: 16)
            let start = monotonicSeconds()
            var bytes = 0
            for number in 0..<records {
                var record = JournalRecordBuilder()
                for entry in 0..<entries {
                    var name = key
                    name[0] = UInt8(truncatingIfNeeded: entry)
                    name[1] = UInt8(truncatingIfNeeded: entry >> 8)
                    record.put(
                        node: Array("counts".utf8), key: name, time: Int64(number % 8),
                        value: value)
                }
                record.setMeta([1, 2, 3])
                bytes += record.byteCount
                try journal.commit(&record)
            }
            let seconds = monotonicSeconds() - start
            let milliseconds = fixed(seconds * 1000 / Double(records), 2)
            return Measurement(
                name: "journal-append", unit: "entries", amount: Double(records * entries),
                seconds: seconds,
                note: "\(milliseconds) ms a commit, \(fixed(Double(bytes) / seconds / 1e6, 0)) MB/s"
            )
        } catch {
            throw BenchmarkError(message: "\(error)")
        }
    }
}
