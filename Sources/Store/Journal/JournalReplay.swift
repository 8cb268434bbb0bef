/// What reading one journal file from its beginning gives.
struct JournalReplay {
    var state = RecoveredState()
    var header: SegmentHeader
    /// Where the last whole record ends. Its synced length is what is certain without a sync.
    var tip: SegmentTip
    /// How far the file states that it was synced.
    var statedLength: Int64 = 0
    /// Where the base ends. A file gets its name only after its base was synced.
    var baseLength: Int64
    /// Where the last record that changed anything ends.
    var lastRecordEnd: Int64
    var recordCount: UInt64
    /// What follows the last whole record, if anything does.
    var torn: SegmentReader.Torn?

    /// Reads a file's base and its whole records.
    ///
    /// - Parameters:
    ///   - identity: The log's, which the file must name.
    ///   - number: The file's, by its name.
    ///   - isStateWanted: Whether to build the state, or only to find where the records end.
    /// - Throws: `.damaged`, `.foreign`, `.newerVersion`, `.io`.
    static func read(
        _ file: OpenFile, length: Int64, identity: [UInt8], number: UInt64, isStateWanted: Bool,
        fileSystem: any FileSystem
    ) throws(StoreError) -> JournalReplay {
        let reader = try SegmentReader(file, length: length, fileSystem: fileSystem)
        try reader.expect(.journal, identity: identity, number: number)
        var replay = JournalReplay(
            header: reader.header, tip: reader.tip, baseLength: 0, lastRecordEnd: 0, recordCount: 0)
        var pending = PendingRecord()
        while let (header, payload) = try reader.next() {
            switch header.type {
            case .base, .changes:
                let isBase = header.type == .base
                guard isBase == (replay.baseLength == 0),
                    header.flags.contains(.begins) == pending.isEmpty
                else { throw .damaged(reader.path, at: header.position, "a block is out of order") }
                pending.add(header, isStateWanted ? payload : nil)
                guard header.flags.contains(.commits) else { continue }
                try pending.apply(to: &replay.state, reader.path)
                if isBase {
                    replay.baseLength = header.end
                } else {
                    replay.recordCount += 1
                }
                replay.lastRecordEnd = header.end
            case .mark where pending.isEmpty: break
            case .mark, .footer, .rows, .segmentHeader:
                throw .damaged(reader.path, at: header.position, "a block is out of order")
            }
            replay.tip = reader.tip
        }
        replay.torn = reader.torn
        if replay.torn == nil, !pending.isEmpty {
            replay.torn = SegmentReader.Torn(
                position: replay.tip.length, cause: "the last record has no end")
        }
        guard replay.baseLength > 0 else {
            throw .damaged(
                reader.path, at: replay.torn?.position ?? length,
                replay.torn?.cause ?? "the file ends inside its base")
        }
        replay.statedLength = reader.confirmedLength
        replay.tip.syncedLength = max(replay.baseLength, replay.statedLength)
        return replay
    }
}

/// The blocks of a record whose last block has not been read yet. Nothing of a record acts before
/// all of it is known to be there.
private struct PendingRecord {
    private var blocks: [(header: BlockHeader, payload: [UInt8])] = []
    private(set) var isEmpty = true

    /// - Parameter payload: `nil` where the record is only looked for.
    mutating func add(_ header: BlockHeader, _ payload: UnsafeRawBufferPointer?) {
        isEmpty = false
        if let payload { blocks.append((header, [UInt8](payload))) }
    }

    /// Makes the record's changes and forgets it.
    mutating func apply(to state: inout RecoveredState, _ path: String) throws(StoreError) {
        for (header, payload) in blocks {
            let fault = payload.withUnsafeBytes { state.apply($0, rowCount: header.rowCount) }
            if let fault { throw .damaged(path, at: header.position, fault) }
        }
        blocks.removeAll(keepingCapacity: true)
        isEmpty = true
    }
}
