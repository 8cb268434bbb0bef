import Config
import Operators
import Store

/// `file:`: one file, or the files that a pattern matches, as a split each.
///
/// Bounded, it is the files that are there at the start; followed, also those that appear later.
final class FileSource: Source {
    private let options: FileSourceOptions
    private let settings: FileSplitSettings
    private var splits: [FileSplit] = []
    private var hasDiscovered = false

    init(_ options: FileSourceOptions, settings: FileSplitSettings) {
        self.options = options
        self.settings = settings
    }

    var isBounded: Bool { !options.isFollowed }

    var watchedPaths: [String] {
        guard options.isFollowed else { return [] }
        if options.isGlob { return [Glob.fixedFolder(options.path)] }
        return [directory(of: options.path)]
    }

    func restore(_ positions: [SplitPosition]) throws(ConnectorError) -> [any SourceSplit] {
        try reopen(positions, isReplay: false)
    }

    func replay(_ beginnings: [SplitPosition]) throws(ConnectorError) -> [any SourceSplit] {
        try reopen(beginnings, isReplay: true)
    }

    private func reopen(_ positions: [SplitPosition], isReplay: Bool) throws(ConnectorError)
        -> [FileSplit]
    {
        var restored: [FileSplit] = []
        for position in positions {
            guard let mark = FileMark(position.bytes) else { throw .unknownPosition(position.id) }
            restored.append(split(position.id, mark: mark, first: nil, isReplay: isReplay))
        }
        splits += restored
        return restored
    }

    func discover() throws(ConnectorError) -> [any SourceSplit] {
        if hasDiscovered && !options.isFollowed { return [] }
        let found = options.isGlob ? try discoverMatches() : try discoverFile()
        hasDiscovered = true
        splits += found
        return found
    }

    private func discoverFile() throws(ConnectorError) -> [FileSplit] {
        guard splits.isEmpty else { return [] }
        guard let status = try settings.files.status(path: options.path) else {
            if options.isFollowed { return [] }
            throw .noSuchFile(options.path)
        }
        guard status.kind == .regular else {
            throw .notAFile(options.path, isDirectory: status.kind == .directory)
        }
        let found = split(options.path, mark: nil, first: nil)
        found.lengthAtDiscovery = status.length
        return [found]
    }

    private func discoverMatches() throws(ConnectorError) -> [FileSplit] {
        let paths = try settings.files.glob(options.path)
        if paths.isEmpty && splits.isEmpty && !options.isFollowed { throw .noMatch(options.path) }
        var known = Set(splits.map(\.id))
        let roots = known.union(paths)
        var found: [FileSplit] = []
        for path in paths where !known.contains(path) {
            guard options.isFollowed else {
                let match = split(path, mark: nil, first: nil)
                match.lengthAtDiscovery = try settings.files.status(path: path)?.length
                found.append(match)
                continue
            }
            // What another match was renamed to is read in that one's split.
            if Self.hasOriginal(path, among: roots) { continue }
            guard let status = try settings.files.status(path: path) else { continue }
            if try isKnown(path, status.identity) { continue }
            known.insert(path)
            found.append(split(path, mark: nil, first: try oldestRotation(of: path, in: paths)))
        }
        return found
    }

    private func split(
        _ path: String, mark: FileMark?, first: RotatedFile?, isReplay: Bool = false
    ) -> FileSplit {
        FileSplit(path: path, settings: settings, mark: mark, first: first, isReplay: isReplay) {
            [weak self] identity in
            self?.splits.contains { $0.id != path && $0.identity == identity } ?? false
        }
    }

    /// Whether a split has the file, or had it before it was renamed.
    private func isKnown(_ path: String, _ identity: FileIdentity) throws(ConnectorError) -> Bool {
        for split in splits {
            if split.identity == identity { return true }
            if try split.isFinished(path, identity) { return true }
        }
        return false
    }

    private static func hasOriginal(_ path: String, among paths: Set<String>) -> Bool {
        let name = FileSplit.name(path)
        let folder = directory(of: path)
        return paths.contains {
            $0 != path && directory(of: $0) == folder
                && RotatedNames.isRotation(name, of: FileSplit.name($0))
        }
    }

    /// The oldest of the matches that `path` was renamed to; nil where there is none.
    private func oldestRotation(of path: String, in paths: [String]) throws(ConnectorError)
        -> RotatedFile?
    {
        var oldest: RotatedFile?
        let original = FileSplit.name(path)
        for candidate in paths
        where directory(of: candidate) == directory(of: path)
            && RotatedNames.isRotation(FileSplit.name(candidate), of: original)
        {
            guard let status = try settings.files.status(path: candidate) else { continue }
            let file = RotatedFile(
                path: candidate, identity: status.identity,
                modifiedMicros: status.modifiedMicros,
                number: RotatedNames.number(FileSplit.name(candidate), of: original))
            if oldest.map({ file.isOlder(than: $0) }) ?? true { oldest = file }
        }
        return oldest
    }
}
