import Store

// How files come to be.
extension FileSink {
    /// Begins a file under its temporary name.
    func begin(_ key: OutputPath.Key) throws(ConnectorError) -> OutputFile {
        let plain = path.path(key, number: nil)
        try createFolders(directory(of: plain))
        var number: Int?
        var replaces = false
        if isRolled {
            number = try freeNumber(key)
        } else if try status(plain) != nil {
            // Only what nobody has a checkpoint of may be somebody else's.
            let isForeign = isFresh && !begun.contains(key)
            switch existing {
            case .refuse where isForeign: throw .outputExists(plain)
            case .overwrite where isForeign: replaces = true
            default: number = try freeNumber(key)
            }
        }
        begun.insert(key)
        let final = path.path(key, number: number)
        let (file, status) = try open(OutputPath.pendingPath(final), .replace)
        let output = OutputFile(
            OutputHandle(fileSystem, file, identity: status.identity, path: final, isNamed: false),
            key: key, number: number, createdMicros: clock(), replaces: replaces, length: 0,
            tail: [], hasChanged: true)
        output.buffer.append(header)
        return output
    }

    func status(_ path: String) throws(ConnectorError) -> FileStatus? {
        do { return try fileSystem.status(path: path) } catch { throw ConnectorError(error) }
    }

    func open(_ path: String, _ access: FileAccess) throws(ConnectorError)
        -> (OpenFile, FileStatus)
    {
        do throws(StoreError) {
            let file = try fileSystem.open(path, access, permissions: 0o666)
            do throws(StoreError) {
                return (file, try fileSystem.status(file))
            } catch {
                fileSystem.close(file)
                throw error
            }
        } catch {
            throw ConnectorError(error)
        }
    }

    /// Makes the folder and those above it; they become durable with the next cut.
    func createFolders(_ path: String) throws(ConnectorError) {
        if path == "." || path == "/" || path.isEmpty { return }
        if try status(path) != nil { return }
        let parent = directory(of: path)
        try createFolders(parent)
        do throws(StoreError) {
            try fileSystem.createDirectory(path, permissions: 0o777)
        } catch {
            throw ConnectorError(error)
        }
        changedFolders.insert(parent)
    }

    /// The number behind the highest one in the folder, from 1.
    private func freeNumber(_ key: OutputPath.Key) throws(ConnectorError) -> Int {
        (try numberedFiles(key).map(\.number).max() ?? 0) + 1
    }

    /// The files of a key that have a number, also unfinished ones.
    func numberedFiles(_ key: OutputPath.Key) throws(ConnectorError)
        -> [(path: String, number: Int)]
    {
        let plain = path.path(key, number: nil)
        let folder = directory(of: plain)
        let name = FileSplit.name(plain)
        let prefix = name.dropLast(path.ending.count) + "-"
        var result: [(String, Int)] = []
        for entry in try list(folder) {
            var candidate = Substring(entry)
            if path.isPending(entry) {
                candidate = candidate.dropFirst().dropLast(".pending".count)
            }
            guard candidate.hasPrefix(prefix), candidate.hasSuffix(path.ending) else { continue }
            let digits = candidate.dropFirst(prefix.count).dropLast(path.ending.count)
            guard digits.utf8.count >= 6, let number = Int(digits), number > 0, number < 1 << 40
            else { continue }
            result.append((folder == "." ? entry : folder + "/" + entry, number))
        }
        return result
    }

    func list(_ folder: String) throws(ConnectorError) -> [String] {
        do { return try fileSystem.list(folder) } catch { throw ConnectorError(error) }
    }

    func unlink(_ path: String) throws(ConnectorError) {
        do throws(StoreError) { try fileSystem.unlink(path) } catch { throw ConnectorError(error) }
    }
}
