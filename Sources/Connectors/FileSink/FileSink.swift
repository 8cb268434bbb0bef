import Config
import Operators
import Store

/// Writes rows to files, exactly once (SEMANTICS 6).
///
/// A file that is begun in an epoch has a temporary name in the same folder until that epoch's
/// commit; from then on rows are appended to it and a crash is mended by cutting it back to the
/// length in the checkpoint's token. With `roll`, or when a path's file is no longer known, further
/// files have a number behind their name.
package final class FileSink: Sink {
    /// When a buffer is written out.
    static let flushBytes = 256 * 1024
    /// How many files are kept open, and so in the token, over an epoch's end.
    static let openFilesMax = 64

    let options: FileSinkOptions
    let path: OutputPath
    let existing: ExistingOutput
    let fileSystem: any FileSystem
    let clock: @Sendable () -> Int64
    private let encoder: any RowEncoder
    /// What every file begins with.
    var header: [UInt8] { encoder.header }
    private let mode: SinkSpec.Mode
    private let inputKey: [Int]?

    /// The files that rows go to.
    var files: [OutputPath.Key: OutputFile] = [:]
    /// Files that were finished in this epoch.
    var sealed: [OutputFile] = []
    /// Folders in which folders were made in this epoch.
    var changedFolders: Set<String> = []
    /// Keys whose files were begun by this sink since it was opened without a checkpoint.
    var begun: Set<OutputPath.Key> = []
    /// Whether there was no checkpoint: files that are there are somebody else's.
    var isFresh = true
    var intent: AppendIntent?
    private var uses: UInt64 = 0
    private var lastFile: OutputFile?
    package private(set) var written = SinkProgress(rows: 0, bytes: 0)

    /// - Parameter clock: Microseconds since the epoch; for `roll: {every}`.
    /// - Throws: ``ConnectorError``, terminal, for a path or format that cannot be.
    package init(
        _ options: FileSinkOptions, schema: Schema, format: FormatSpec,
        mode: SinkSpec.Mode = .append, inputKey: [Int]? = nil, existing: ExistingOutput,
        fileSystem: any FileSystem, clock: @escaping @Sendable () -> Int64
    ) throws(ConnectorError) {
        self.options = options
        self.existing = existing
        self.fileSystem = fileSystem
        self.clock = clock
        self.mode = mode
        self.inputKey = inputKey
        path = try OutputPath(
            options.path, partitionColumns: options.partitionColumns, schema: schema)
        encoder = try RowEncoderFactory.make(format, schema: schema, mode: mode)
    }

    var isRolled: Bool { options.rollBytes != nil || options.rollMicros != nil }

    /// Encodes the rows. When it throws, none of them was taken and the call may be repeated.
    package func write(_ batch: Batch) throws(ConnectorError) {
        guard batch.count > 0 else { return }
        for file in files.values where file.buffer.count >= FileSink.flushBytes {
            try flush(file)
        }
        if isRolled { try sealFullFiles() }
        let rows = batch.compacted()
        let runs = try runs(rows)
        encoder.begin(
            rows, operations: RowOperation.operations(rows, mode: mode, inputKey: inputKey))
        for (range, file) in runs {
            let before = file.buffer.count
            written.rows += Int64(encoder.encode(rows: range, into: &file.buffer))
            written.bytes += Int64(file.buffer.count - before)
        }
        encoder.end()
    }

    package func cut(epoch: UInt64) throws(ConnectorError) -> any SinkCut {
        // An output that is to be new and that nothing was written to is an empty file, neither a
        // missing one nor the one of an earlier run.
        if isFresh, existing != .append, !path.isDynamic, !isRolled, files.isEmpty {
            _ = try file([])
        }
        for file in files.values { try flush(file) }
        if isRolled { try sealFullFiles() }
        try sealUnused()
        let all = (files.values + sealed).sorted {
            $0.handle.path.utf8.lexicographicallyPrecedes($1.handle.path.utf8)
        }
        let token = FileSinkToken(
            files: all.map { file in
                FileSinkToken.File(
                    path: file.handle.path, identity: file.handle.identity, length: file.length,
                    tail: file.tailPrint, isSealed: file.isSealed, replaces: file.replaces,
                    number: file.number, createdMicros: file.createdMicros, key: file.key)
            })
        let result = FileSinkCut(
            token: token.encoded(),
            entries: all.map {
                FileSinkCut.Entry(
                    handle: $0.handle, hasChanged: $0.hasChanged, replaces: $0.replaces)
            }, folders: Array(changedFolders), fileSystem: fileSystem, intent: intent)
        for file in all { file.hasChanged = false }
        sealed = []
        changedFolders = []
        return result
    }

    package func close() {
        files = [:]
        sealed = []
        lastFile = nil
        intent?.release()
        intent = nil
    }

    private func flush(_ file: OutputFile) throws(ConnectorError) {
        do throws(StoreError) { try file.flush(fileSystem) } catch { throw ConnectorError(error) }
    }

    /// Takes files that are large or old enough out of use.
    private func sealFullFiles() throws(ConnectorError) {
        let now = options.rollMicros == nil ? 0 : clock()
        for (key, file) in files {
            let isFull = options.rollBytes.map { file.endLength >= Int64($0) } ?? false
            let isOld = options.rollMicros.map { now - file.createdMicros >= $0 } ?? false
            if isFull || isOld { try seal(key, file) }
        }
    }

    /// Takes the files out of use that were not written to for longest.
    private func sealUnused() throws(ConnectorError) {
        let excess = files.count - FileSink.openFilesMax
        guard excess > 0 else { return }
        for (key, file) in files.sorted(by: { $0.value.lastUse < $1.value.lastUse }).prefix(excess)
        {
            try seal(key, file)
        }
    }

    private func seal(_ key: OutputPath.Key, _ file: OutputFile) throws(ConnectorError) {
        try flush(file)
        file.isSealed = true
        sealed.append(file)
        files[key] = nil
        if lastFile === file { lastFile = nil }
    }

    /// The files of the rows, in runs of neighbours that go to the same one; all are open then.
    private func runs(_ batch: Batch) throws(ConnectorError) -> [(Range<Int>, OutputFile)] {
        guard path.isDynamic else { return [(0..<batch.rowCount, try file([]))] }
        let days = path.partitionColumns.map { batch.columns[$0] }
        let times = batch.rowtime.integers
        var runs: [(Range<Int>, OutputFile)] = []
        var key: OutputPath.Key = []
        var start = 0
        for row in 0..<batch.rowCount {
            var next: OutputPath.Key = []
            if let unit = path.unitMicros { next.append(floorDivide(times[row], unit).quotient) }
            for column in days {
                next.append(
                    column.isNull(row)
                        ? OutputPath.noDay
                        : floorDivide(column.integers[row], 86_400_000_000).quotient)
            }
            if row > 0, next == key { continue }
            if row > start { runs.append((start..<row, try file(key))) }
            (key, start) = (next, row)
        }
        runs.append((start..<batch.rowCount, try file(key)))
        return runs
    }

    /// The file of a key, begun if there is none.
    private func file(_ key: OutputPath.Key) throws(ConnectorError) -> OutputFile {
        uses += 1
        if let lastFile, lastFile.key == key {
            lastFile.lastUse = uses
            return lastFile
        }
        let file: OutputFile
        if let open = files[key] { file = open } else { file = try begin(key) }
        files[key] = file
        file.lastUse = uses
        lastFile = file
        return file
    }
}
