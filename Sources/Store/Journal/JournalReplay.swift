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
            header: reader.header, tip: reader.tip, baseLength: 0, lastRecordEnd: 0)
        // The blocks of a record whose last block has not been read yet.
        var pending: [(header: BlockHeader, payload: [UInt8])] = []
        var isOpen = false
        while let (header, payload) = try reader.next() {
            switch header.type {
            case .base, .changes:
                let isBase = header.type == .base
                guard isBase == (replay.baseLength == 0),
                    header.flags.contains(.begins) == !isOpen
                else { throw .damaged(reader.path, at: header.position, "a block is out of order") }
                isOpen = !header.flags.contains(.commits)
                if isStateWanted {
                    // Of a record nothing acts before all of it is known to be there. A base that
                    // is not whole is an error anyway, and a single block is whole.
                    if isBase || (!isOpen && pending.isEmpty) {
                        try replay.apply(header, payload, reader.path)
                    } else {
                        pending.append((header, [UInt8](payload)))
                    }
                }
                if isOpen { continue }
                for (header, payload) in pending {
                    try payload.span.bytes.withUnsafeBytes { bytes throws(StoreError) in
                        try replay.apply(header, bytes, reader.path)
                    }
                }
                pending.removeAll(keepingCapacity: true)
                if isBase { replay.baseLength = header.end }
                replay.lastRecordEnd = header.end
            case .mark where !isOpen: break
            case .mark, .footer, .rows, .index, .segmentHeader:
                throw .damaged(reader.path, at: header.position, "a block is out of order")
            }
            replay.tip = reader.tip
        }
        replay.torn = reader.torn
        if replay.torn == nil, isOpen {
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

    private mutating func apply(
        _ header: BlockHeader, _ payload: UnsafeRawBufferPointer, _ path: String
    ) throws(StoreError) {
        if let fault = state.apply(payload, rowCount: header.rowCount) {
            throw .damaged(path, at: header.position, fault)
        }
    }
}
