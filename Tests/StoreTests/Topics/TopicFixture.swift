import Testing

@testable import Store

/// A topic store on a simulated disk, with rows that are numbers: block payloads of eight bytes a row.
struct TopicFixture {
    let disk: SimulatedFileSystem
    let state: StateDirectory
    let store: TopicStore

    /// What writers' checkpoints say, by `WRITER TOPIC`.
    typealias Tokens = [String: [UInt8]]

    init(
        _ disk: SimulatedFileSystem = SimulatedFileSystem(), tokens: Tokens = [:],
        segmentBytes: Int64 = 700
    ) throws(StoreError) {
        self.disk = disk
        state = try StateDirectory.open(
            path: "/s", fileSystem: disk, processID: 1, reserveBytes: 100)
        var options = TopicOptions(clock: { 1000 })
        options.segmentBytesMax = segmentBytes
        options.random = { 1 }
        do throws(StoreError) {
            store = try TopicStore.open(
                state: state, options: options,
                token: { (writer, topic) throws(StoreError) in tokens["\(writer) \(topic)"] })
        } catch {
            state.close()
            throw error
        }
    }

    func close() {
        store.close()
        state.close()
    }

    /// The topic `t`, made if it is not there.
    func topic() throws(StoreError) -> Topic {
        try store.create("t", definition: [1], schema: [2])
    }

    /// Blocks of rows whose content and time is `first`, `first + 1`, ….
    static func blocks(_ rows: [Range<Int>]) -> BlockBuffer {
        var blocks = BlockBuffer()
        for range in rows where !range.isEmpty {
            blocks.appendRows(
                count: range.count, minTime: Int64(range.lowerBound),
                maxTime: Int64(range.upperBound - 1)
            ) { bytes in
                for value in range { bytes.append(littleEndian: UInt64(value)) }
            }
        }
        return blocks
    }

    /// The committed rows from an offset on.
    static func rows(_ partition: Partition, from offset: UInt64 = 0) throws(StoreError) -> [Int] {
        let cursor = PartitionCursor(partition, at: offset)
        return try rows(cursor)
    }

    /// What a cursor still has.
    static func rows(_ cursor: PartitionCursor) throws(StoreError) -> [Int] {
        var result: [Int] = []
        var memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 1, alignment: 16)
        defer { memory.deallocate() }
        while true {
            let wanted = cursor.nextOffset
            let step = try cursor.next { count in
                memory.deallocate()
                memory = .allocate(byteCount: count, alignment: 16)
                return memory
            }
            guard case .block(let block) = step else { return result }
            let payload = UnsafeRawBufferPointer(rebasing: memory[block.payload])
            for row in 0..<block.rowCount {
                if block.firstOffset + UInt64(row) < wanted { continue }
                result.append(Int(payload.load(UInt64.self, at: row * 8)))
            }
        }
    }
}
