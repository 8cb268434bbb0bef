import Config
import Operators

/// Reads every line that a regular expression matches as one row: a named group for each column.
///
/// The pattern is looked for in the line; it must match the whole of it only if it begins with `^`
/// and ends with `$`. A line without a match is invalid.
final class RegexRowParser: TextRowParser {
    private let fields: [FieldSpec]
    private let options: RegexOptions
    private let timestamps: [TimestampText?]
    private let defaults: [Column?]
    private let matcher: RegexMatcher
    private let groupCount: Int
    /// For each field the place of its group among those that are asked for.
    private let places: [Int]

    private let lines = TextLines()
    private let spans: UnsafeMutablePointer<RegexSpan>
    private let found: UnsafeMutablePointer<UInt8>
    private let cells: UnsafeMutablePointer<CSVCell>
    var state: [UInt8] = []

    /// - Throws: ``ConnectorError``, terminal, for a pattern that is none or lacks a field's group,
    ///   and for a time zone or a pattern of dates that is not known.
    init(fields: [FieldSpec], options: RegexOptions) throws(ConnectorError) {
        self.fields = fields
        self.options = options
        timestamps = try TimestampText.readers(of: fields, timezone: options.timezone)
        defaults = CSVColumns.defaults(of: fields)
        let pattern: RegexPattern
        do throws(RegexProblem) { pattern = try RegexPattern(Array(options.pattern.utf8)) } catch {
            throw .badRegexPattern(error.message)
        }
        var groups: [Int] = []
        var places: [Int] = []
        for field in fields {
            let name = field.path.first ?? field.name
            guard let group = pattern.groups.first(where: { $0.name == name }) else {
                throw .badRegexPattern("it has no group '\(name)'")
            }
            if let known = groups.firstIndex(of: group.index) {
                places.append(known)
            } else {
                places.append(groups.count)
                groups.append(group.index)
            }
        }
        self.places = places
        groupCount = groups.count
        matcher = RegexMatcher(pattern, groups: groups)
        spans = .allocate(capacity: max(1, groups.count) * TextLines.rowsMax)
        found = .allocate(capacity: TextLines.rowsMax)
        cells = .allocate(capacity: TextLines.rowsMax)
    }

    deinit {
        spans.deallocate()
        found.deallocate()
        cells.deallocate()
    }

    func parse(
        _ chunk: Buffer, _ range: Range<Int>, position: Int64, isLast: Bool
    ) -> (rows: SourceRows, consumed: Int) {
        var invalid: [InvalidRow] = []
        let consumed = lines.split(
            chunk, range, position: position, isLast: isLast, &invalid)
        let rows = rows(
            chunk, starts: lines.starts, ends: lines.ends, count: lines.count,
            origin: range.lowerBound, position: position, consumed: consumed, invalid: invalid)
        return (rows, consumed)
    }

    func rows(
        _ chunk: Buffer, starts: UnsafeMutablePointer<UInt32>, ends: UnsafeMutablePointer<UInt32>,
        count: Int, origin: Int, position: Int64, consumed: Int, invalid: [InvalidRow]
    ) -> SourceRows {
        let base = UnsafePointer(chunk.pointer(to: UInt8.self))
        matcher.match(
            base, starts: starts, ends: ends, count: count, into: spans,
            stride: TextLines.rowsMax, found: found)
        var invalid = invalid
        let kept = keepMatches(
            base, starts, ends, count, origin: origin, position: position, &invalid)
        var columns = CSVColumns(
            chunk: chunk, rowCount: kept, rowStarts: starts, null: options.null,
            checksUTF8: false, escapedBytesMax: 0)
        let converted = fields.indices.map { index in
            fillCells(places[index], kept, starts)
            return columns.column(
                fields[index], cells, timestamps: timestamps[index], fallback: defaults[index])
        }
        return columns.rows(
            converted, rowEnds: ends, origin: origin, position: position, consumed: consumed,
            invalid: invalid)
    }

    /// Moves what matched together, in place, and returns how many lines that are.
    private func keepMatches(
        _ base: UnsafePointer<UInt8>, _ starts: UnsafeMutablePointer<UInt32>,
        _ ends: UnsafeMutablePointer<UInt32>, _ count: Int, origin: Int, position: Int64,
        _ invalid: inout [InvalidRow]
    ) -> Int {
        var kept = 0
        for row in 0..<count {
            guard found[row] != 0 else {
                let start = Int(starts[row])
                invalid.append(
                    InvalidRow(
                        base + start, count: Int(ends[row]) - start,
                        error: "cannot read the row: the pattern does not match it",
                        position: position + Int64(start - origin)))
                continue
            }
            if kept < row {
                starts[kept] = starts[row]
                ends[kept] = ends[row]
                for group in 0..<groupCount {
                    let column = spans + group &* TextLines.rowsMax
                    column[kept] = column[row]
                }
            }
            kept &+= 1
        }
        return kept
    }

    private func fillCells(_ place: Int, _ count: Int, _ starts: UnsafePointer<UInt32>) {
        let column = spans + place &* TextLines.rowsMax
        for row in 0..<count {
            let span = column[row]
            cells[row] =
                span.count == RegexSpan.absent
                ? CSVCell(start: starts[row], lengthAndFlags: CSVCell.missing)
                : CSVCell(start: span.start, lengthAndFlags: span.count)
        }
    }
}
