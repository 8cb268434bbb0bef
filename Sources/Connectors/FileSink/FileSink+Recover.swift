import Store

// Recovery: SEMANTICS 4 and 6. It can be repeated, and killed at any point.
extension FileSink {
    package func recover(token bytes: [UInt8]?) throws(ConnectorError) {
        close()
        begun = []
        isFresh = bytes == nil
        let base = path.baseFolder
        try createFolders(base)
        let lockPath = base == "." ? path.lockName : base + "/" + path.lockName
        intent = try AppendIntent(lockPath, for: options.path, fileSystem)
        guard let bytes else {
            try removePending(base, depth: path.dynamicDepth)
            if !path.isDynamic { try claimExisting() }
            return
        }
        guard let token = FileSinkToken(bytes) else { throw .unknownToken(options.path) }
        for file in token.files { try recover(file) }
        try removePending(base, depth: path.dynamicDepth)
        do throws(StoreError) { try intent?.drop() } catch { throw ConnectorError(error) }
    }

    /// Makes one file what the token says: its length cut back, its name given.
    private func recover(_ entry: FileSinkToken.File) throws(ConnectorError) {
        let pending = OutputPath.pendingPath(entry.path)
        let isNamed = try status(entry.path)?.identity == entry.identity
        if !isNamed, try status(pending)?.identity != entry.identity {
            // A finished file may have been taken away since its commit.
            if entry.isSealed { return }
            throw .outputGone(entry.path)
        }
        let (file, status) = try open(isNamed ? entry.path : pending, .write)
        let tail: [UInt8]
        do throws(ConnectorError) {
            guard status.identity == entry.identity else { throw .outputGone(entry.path) }
            tail = try self.tail(file, entry.path, status, entry.length, entry.tail)
            try cutBack(file, status, to: entry.length)
            if !isNamed {
                try FileSink.give(
                    entry.identity, itsName: entry.path, replacing: entry.replaces, fileSystem)
                try syncFolder(of: entry.path)
            }
        } catch {
            fileSystem.close(file)
            throw error
        }
        let handle = OutputHandle(
            fileSystem, file, identity: entry.identity, path: entry.path, isNamed: true)
        if entry.isSealed { return }
        files[entry.key] = OutputFile(
            handle, key: entry.key, number: entry.number, createdMicros: entry.createdMicros,
            replaces: false, length: entry.length, tail: tail, hasChanged: false)
    }

    /// The last bytes before `length`, if they are what they should be.
    private func tail(
        _ file: OpenFile, _ path: String, _ status: FileStatus, _ length: Int64,
        _ print: ContentPrint
    ) throws(ConnectorError) -> [UInt8] {
        guard status.length >= length else {
            throw .outputShort(path, length: status.length, expected: length)
        }
        let bytes: [UInt8]
        do throws(StoreError) {
            bytes = try fileSystem.readBytes(
                file, at: length - Int64(print.count), count: print.count)
        } catch {
            throw ConnectorError(error)
        }
        guard ContentPrint(bytes) == print else { throw .outputChanged(path, length: length) }
        return bytes
    }

    private func cutBack(_ file: OpenFile, _ status: FileStatus, to length: Int64)
        throws(ConnectorError)
    {
        guard status.length > length else { return }
        do throws(StoreError) {
            try fileSystem.truncate(file, to: length)
            try fileSystem.sync(file)
        } catch {
            throw ConnectorError(error)
        }
    }

    private func syncFolder(of path: String) throws(ConnectorError) {
        do throws(StoreError) { try fileSystem.syncDirectory(directory(of: path)) } catch {
            throw ConnectorError(error)
        }
    }

    /// Without a checkpoint: what is done with a file that is there.
    private func claimExisting() throws(ConnectorError) {
        if isRolled {
            let numbered = try numberedFiles([])
            guard let first = numbered.first else { return }
            switch existing {
            case .refuse: throw .outputExists(first.path)
            case .append: return
            case .overwrite:
                for file in numbered { try unlink(file.path) }
                return
            }
        }
        let output = path.path([], number: nil)
        guard let there = try status(output) else { return }
        guard there.kind == .regular else {
            throw .outputNotAFile(output, isDirectory: there.kind == .directory)
        }
        switch existing {
        case .refuse: throw .outputExists(output)
        case .overwrite: return
        case .append: try appendTo(output)
        }
    }

    /// Goes on behind what is in the file now. That length is noted first, so that a crash before
    /// the first commit can be undone.
    private func appendTo(_ output: String) throws(ConnectorError) {
        let (file, status) = try open(output, .write)
        var length = status.length
        var tail: [UInt8] = []
        var isNoted = false
        do throws(ConnectorError) {
            do throws(StoreError) {
                if let (noted, print) = try intent?.length(of: status.identity), noted <= length {
                    let bytes = try fileSystem.readBytes(
                        file, at: noted - Int64(print.count), count: print.count)
                    isNoted = ContentPrint(bytes) == print
                    if isNoted { length = noted }
                }
                let count = Int(min(length, Int64(ContentPrint.bytesMax)))
                tail = try fileSystem.readBytes(file, at: length - Int64(count), count: count)
                // A note that holds is left alone: rewriting it could lose it.
                if !isNoted {
                    try intent?.note(status.identity, length: length, tail: ContentPrint(tail))
                }
            } catch {
                throw ConnectorError(error)
            }
            try cutBack(file, status, to: length)
        } catch {
            fileSystem.close(file)
            throw error
        }
        let handle = OutputHandle(
            fileSystem, file, identity: status.identity, path: output, isNamed: true)
        let opened = OutputFile(
            handle, key: [], number: nil, createdMicros: clock(), replaces: false, length: length,
            tail: tail, hasChanged: false)
        if length == 0 { opened.buffer.append(header) }
        if let last = tail.last, last != 0x0a { opened.buffer.append(0x0a) }
        files[[]] = opened
        begun.insert([])
    }

    /// Removes the unfinished files that a crash has left: no checkpoint names them.
    private func removePending(_ folder: String, depth: Int) throws(ConnectorError) {
        for name in try list(folder) {
            let entry = folder == "." ? name : folder + "/" + name
            if depth > 0 {
                guard !name.hasPrefix("."), try status(entry)?.kind == .directory else { continue }
                try removePending(entry, depth: depth - 1)
            } else if path.isPending(name) {
                try unlink(entry)
            }
        }
    }
}
