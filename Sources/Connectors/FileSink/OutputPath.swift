import Operators

/// Where a file sink's rows go: a path that may hold letters of their event time, and folders for
/// the days of some columns.
struct OutputPath {
    /// What decides the file of a row: the count of the path's time units since the epoch, then
    /// the day of each partition column (``noDay`` for null).
    typealias Key = [Int64]
    static let noDay = Int64.min

    private enum Piece: Equatable {
        case text(String)
        case letter(UInt8)
    }

    /// The folders above the file, and the file's name up to and from its extension on.
    private let folder: [Piece]
    private let stem: [Piece]
    let ending: String
    private let partitionNames: [String]
    let partitionColumns: [Int]
    /// The shortest time that the path tells apart; nil when it holds no time.
    let unitMicros: Int64?

    /// - Throws: ``ConnectorError``, terminal, for a letter that is not known.
    init(_ path: String, partitionColumns: [Int], schema: Schema) throws(ConnectorError) {
        let slash = path.utf8.lastIndex(of: 0x2f)
        let folderText = slash.map { String(path[...$0]) } ?? ""
        let name = slash.map { String(path[path.index(after: $0)...]) } ?? path
        // The extension begins at the first point behind the name's first byte and its letters.
        let lastLetter = name.utf8.lastIndex(of: 0x25)
        let dots = name.utf8.indices.filter { name.utf8[$0] == 0x2e && $0 > name.startIndex }
        let dot = dots.first { index in lastLetter.map { index > $0 } ?? true }
        folder = try Self.pieces(folderText, path)
        stem = try Self.pieces(dot.map { String(name[..<$0]) } ?? name, path)
        ending = dot.map { String(name[$0...]) } ?? ""
        self.partitionColumns = partitionColumns
        partitionNames = partitionColumns.map { schema[$0].name }
        var unit: Int64?
        for case .letter(let letter) in folder + stem {
            let micros: Int64 =
                switch letter {
                case 0x48: 3_600_000_000
                case 0x4d: 60_000_000
                case 0x53: 1_000_000
                default: 86_400_000_000
                }
            unit = min(unit ?? micros, micros)
        }
        unitMicros = unit
    }

    /// The option that stands for just this path, whatever letters it holds.
    static func literal(_ path: String) -> String {
        path.split(separator: "%", omittingEmptySubsequences: false).joined(separator: "%%")
    }

    var isDynamic: Bool { unitMicros != nil || !partitionColumns.isEmpty }

    /// The folder that is the same for all files.
    var baseFolder: String {
        var text = ""
        for piece in folder {
            guard case .text(let fixed) = piece else { break }
            text += fixed
        }
        guard let slash = text.utf8.lastIndex(of: 0x2f) else { return "." }
        return slash == text.startIndex ? "/" : String(text[..<slash])
    }

    /// How many folders below ``baseFolder`` the files lie.
    var dynamicDepth: Int {
        var isFixed = true
        var depth = partitionColumns.count
        for piece in folder {
            if case .letter = piece { isFixed = false }
            if case .text(let text) = piece, !isFixed {
                depth += text.utf8.count { $0 == 0x2f }
            }
        }
        return depth
    }

    /// A name for the sink's lock: the pattern with what cannot stand in a name replaced.
    var lockName: String {
        let pattern = (folder + stem).map { piece -> String in
            switch piece {
            case .text(let text): text
            case .letter(let letter): "%" + String(UnicodeScalar(letter))
            }
        }.joined()
        let below = pattern.dropFirst(baseFolder == "." ? 0 : baseFolder.count)
        let name = (below.drop { $0 == "/" } + ending).map { $0 == "/" ? "," : $0 }
        return "." + String(name) + ".lock"
    }

    /// The file of a key.
    ///
    /// - Parameter number: Which of several files of one key, nil for the one without a number.
    func path(_ key: Key, number: Int?) -> String {
        let time = unitMicros.map { key[0].multipliedReportingOverflow(by: $0).partialValue } ?? 0
        var text = Self.text(folder, time)
        for (index, name) in partitionNames.enumerated() {
            let day = key[index + (unitMicros == nil ? 0 : 1)]
            text += "\(name)=" + (day == Self.noDay ? "null" : Self.date(day)) + "/"
        }
        text += Self.text(stem, time)
        if let number { text += "-" + Self.padded(Int64(number), 6) }
        return text + ending
    }

    /// The name that a file has before the commit of the epoch in which it was begun.
    static func pendingPath(_ path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: 0x2f) else { return ".\(path).pending" }
        return "\(path[...slash]).\(path[path.index(after: slash)...]).pending"
    }

    /// Whether the name is that of an unfinished file of this sink.
    func isPending(_ name: String) -> Bool {
        let suffix = ending + ".pending"
        guard name.hasPrefix("."), name.hasSuffix(suffix) else { return false }
        var rest = Substring(name.dropFirst().dropLast(suffix.count))
        for piece in stem {
            switch piece {
            case .text(let text):
                guard rest.hasPrefix(text) else { return false }
                rest = rest.dropFirst(text.count)
            case .letter:
                let digits = rest.prefix { $0.isNumber || $0 == "-" || $0 == "+" }
                guard let first = digits.first, first.isNumber || digits.count > 1 else {
                    return false
                }
                // A year's digits and those behind it cannot be told apart without a separator.
                rest = rest.drop { $0.isNumber }
            }
        }
        return rest.isEmpty || (rest.first == "-" && rest.dropFirst().allSatisfy { $0.isNumber })
    }

    private static func pieces(_ text: String, _ path: String) throws(ConnectorError) -> [Piece] {
        var pieces: [Piece] = []
        var fixed = ""
        var scalars = text.unicodeScalars.makeIterator()
        while let scalar = scalars.next() {
            guard scalar == "%" else {
                fixed.unicodeScalars.append(scalar)
                continue
            }
            switch scalars.next() {
            case "%": fixed += "%"
            case let letter? where "YmdHMSj".unicodeScalars.contains(letter):
                if !fixed.isEmpty { pieces.append(.text(fixed)) }
                fixed = ""
                pieces.append(.letter(UInt8(letter.value)))
            case let other:
                throw .unknownPathLetter(path, other.map { String($0) } ?? "")
            }
        }
        if !fixed.isEmpty { pieces.append(.text(fixed)) }
        return pieces
    }

    private static func text(_ pieces: [Piece], _ time: Int64) -> String {
        let (days, micros) = floorDivide(time, 86_400_000_000)
        let date = CivilDate(daysSinceEpoch: Int(days))
        return pieces.map { piece -> String in
            guard case .letter(let letter) = piece else {
                if case .text(let fixed) = piece { return fixed }
                return ""
            }
            switch letter {
            case 0x59: return padded(Int64(date.year), 4)
            case 0x6d: return padded(Int64(date.month), 2)
            case 0x64: return padded(Int64(date.day), 2)
            case 0x48: return padded(micros / 3_600_000_000, 2)
            case 0x4d: return padded(micros / 60_000_000 % 60, 2)
            case 0x53: return padded(micros / 1_000_000 % 60, 2)
            default: return padded(Int64(date.dayOfYear), 3)
            }
        }.joined()
    }

    private static func date(_ day: Int64) -> String {
        let date = CivilDate(daysSinceEpoch: Int(day))
        return
            "\(padded(Int64(date.year), 4))-\(padded(Int64(date.month), 2))-\(padded(Int64(date.day), 2))"
    }

    private static func padded(_ value: Int64, _ digits: Int) -> String {
        let text = String(value.magnitude)
        let zeros = String(repeating: "0", count: max(0, digits - text.utf8.count))
        return (value < 0 ? "-" : "") + zeros + text
    }
}
