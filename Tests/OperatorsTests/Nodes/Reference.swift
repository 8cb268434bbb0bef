@testable import Operators

/// Aggregates over plain arrays of rows, as slow and as simple as possible.
enum Reference {
    /// The columns of random rows.
    static let schema = Schema.of([
        "k": .string, "g": .bigint, "n": .bigint, "d": .double,
        "p": .decimal(precision: 10, scale: 2), "s": .string, "t": .timestamp, "b": .boolean,
    ])

    /// What append-only input may be asked for.
    static let compute: KeyValuePairs<String, String> = [
        "rows": "count(*)", "n_count": "count(n)", "n_sum": "sum(n)", "n_avg": "avg(n)",
        "n_min": "min(n)", "n_max": "max(n)", "d_sum": "sum(d)", "d_avg": "avg(d)",
        "d_min": "min(d)", "d_max": "max(d)", "p_sum": "sum(p)", "p_avg": "avg(p)",
        "p_min": "min(p)", "p_max": "max(p)", "s_min": "min(s)", "s_max": "max(s)",
        "t_min": "min(t)", "t_max": "max(t)", "s_distinct": "count(DISTINCT s)",
        "d_distinct": "count(DISTINCT d)", "filtered": "sum(n) FILTER (WHERE b)",
        "filtered_rows": "count(*) FILTER (WHERE n > 0)",
        "filtered_distinct": "count(DISTINCT n) FILTER (WHERE NOT b)",
    ]

    /// The results of ``compute`` for the rows of one group.
    static func results(_ rows: [[Literal]]) -> [Literal] {
        let n = column(rows, 2)
        let d = column(rows, 3)
        let p = column(rows, 4)
        let s = column(rows, 5)
        let t = column(rows, 6)
        let isTrue = rows.filter { $0[7] == .boolean(true) }
        let isFalse = rows.filter { $0[7] == .boolean(false) }
        let positive = rows.filter {
            if case .bigint(let n) = $0[2] { return n > 0 } else { return false }
        }
        return [
            .bigint(Int64(rows.count)), .bigint(Int64(n.count)), sum(n), average(n),
            extreme(n, isMaximum: false), extreme(n, isMaximum: true),
            sum(d), average(d), extreme(d, isMaximum: false), extreme(d, isMaximum: true),
            sum(p), average(p), extreme(p, isMaximum: false), extreme(p, isMaximum: true),
            extreme(s, isMaximum: false), extreme(s, isMaximum: true),
            extreme(t, isMaximum: false), extreme(t, isMaximum: true),
            .bigint(Int64(Set(s).count)), .bigint(Int64(Set(d).count)),
            sum(column(isTrue, 2)), .bigint(Int64(positive.count)),
            .bigint(Int64(Set(column(isFalse, 2)).count)),
        ]
    }

    /// What input with retractions may be asked for.
    static let weightedCompute: KeyValuePairs<String, String> = [
        "rows": "count(*)", "n_count": "count(n)", "n_sum": "sum(n)", "n_avg": "avg(n)",
        "d_sum": "sum(d)", "p_sum": "sum(p)", "p_avg": "avg(p)",
        "filtered": "sum(n) FILTER (WHERE b)",
    ]

    static func weightedResults(_ rows: [[Literal]]) -> [Literal] {
        let n = column(rows, 2)
        let p = column(rows, 4)
        return [
            .bigint(Int64(rows.count)), .bigint(Int64(n.count)), sum(n), average(n),
            sum(column(rows, 3)), sum(p), average(p),
            sum(column(rows.filter { $0[7] == .boolean(true) }, 2)),
        ]
    }

    /// The values of a column that are there.
    private static func column(_ rows: [[Literal]], _ index: Int) -> [Literal] {
        rows.map { $0[index] }.filter { $0 != .null }
    }

    private static func sum(_ values: [Literal]) -> Literal {
        var result: Literal = .null
        for value in values {
            switch (result, value) {
            case (.null, _): result = value
            case (.bigint(let a), .bigint(let b)): result = .bigint(a + b)
            case (.double(let a), .double(let b)): result = .double(a + b)
            case (.decimal(let a, let scale), .decimal(let b, _)):
                result = .decimal(unscaled: a + b, scale: scale)
            default: preconditionFailure("\(result) and \(value)")
            }
        }
        return result
    }

    private static func average(_ values: [Literal]) -> Literal {
        switch sum(values) {
        case .bigint(let sum): return .double(Double(sum) / Double(values.count))
        case .double(let sum): return .double(sum / Double(values.count))
        case .decimal(let sum, let scale):
            // 16 decimals, half away from zero.
            var wide = sum
            for _ in scale..<16 { wide *= 10 }
            let twice = wide.magnitude * 2 + UInt128(values.count)
            let rounded = Int128(twice / (2 * UInt128(values.count)))
            return .decimal(unscaled: sum < 0 ? -rounded : rounded, scale: 16)
        default: return .null
        }
    }

    private static func extreme(_ values: [Literal], isMaximum: Bool) -> Literal {
        var best: Literal = .null
        for value in values {
            if best == .null || (isMaximum ? isLess(best, value) : isLess(value, best)) {
                best = value
            }
        }
        return best
    }

    /// The order of keys and of min and max.
    static func isLess(_ a: Literal, _ b: Literal) -> Bool {
        switch (a, b) {
        case (.null, .null): return false
        case (.null, _): return true
        case (_, .null): return false
        case (.bigint(let a), .bigint(let b)), (.timestamp(let a), .timestamp(let b)): return a < b
        case (.double(let a), .double(let b)): return a < b
        case (.decimal(let a, _), .decimal(let b, _)): return a < b
        case (.string(let a), .string(let b)): return a.lexicographicallyPrecedes(b)
        case (.boolean(let a), .boolean(let b)): return !a && b
        default: preconditionFailure("\(a) and \(b)")
        }
    }

    static func isLess(_ a: [Literal], _ b: [Literal]) -> Bool {
        for (x, y) in zip(a, b) where x != y { return isLess(x, y) }
        return false
    }

    /// A random row of ``schema``; few keys and small numbers, so that groups and values meet.
    static func row(time: Int64, using random: inout some RandomNumberGenerator) -> Row {
        func maybe(_ value: Literal) -> Literal {
            Int.random(in: 0..<6, using: &random) == 0 ? .null : value
        }
        let words = [
            "", "a", "ab", "a\u{0}b", "b", "é", "longer than eight bytes",
            "longer than eight bytez",
        ]
        let quarters = Int.random(in: -20...20, using: &random)
        let cents = Int128(Int.random(in: -2000...2000, using: &random))
        return Row(
            values: [
                maybe(.text(words[Int.random(in: 0..<words.count, using: &random)])),
                maybe(.bigint(Int64.random(in: -1...1, using: &random))),
                maybe(.bigint(Int64.random(in: -5...5, using: &random))),
                maybe(.double(Double(quarters) / 4)),
                maybe(.decimal(unscaled: cents, scale: 2)),
                maybe(.text(words[Int.random(in: 0..<words.count, using: &random)])),
                maybe(.timestamp(Int64.random(in: -9...9, using: &random))),
                maybe(.boolean(Bool.random(using: &random))),
            ],
            time: time)
    }
}

/// Windows over rows, one row at a time.
struct ReferenceWindows {
    enum Fate { case placed, late, fired }

    let size: Int64
    let every: Int64
    let offset: Int64
    let grace: Int64
    /// Positions of the group's columns.
    let key: [Int]
    private var open: [Int64: [[Literal]: [[Literal]]]] = [:]
    private(set) var watermark = Int64.min

    init(size: Int64, every: Int64, offset: Int64, grace: Int64, key: [Int]) {
        self.size = size
        self.every = every
        self.offset = offset
        self.grace = grace
        self.key = key
    }

    /// The starts of the windows that hold a time.
    func starts(_ time: Int64) -> [Int64] {
        (time - size + 1...time).filter { ($0 - offset) % every == 0 }
    }

    mutating func add(_ row: Row) -> Fate {
        var fate = Fate.late
        for start in starts(row.time) {
            let fires = start + size + grace
            if row.watermark >= fires { continue }
            if fires <= watermark {
                if fate == .late { fate = .fired }
                continue
            }
            fate = .placed
            open[start, default: [:]][key.map { row.values[$0] }, default: []].append(row.values)
        }
        return fate
    }

    /// The results of the windows that end by `watermark`, in order.
    mutating func advance(to watermark: Int64) -> [Row] {
        self.watermark = watermark
        var result: [Row] = []
        for start in open.keys.sorted() where start + size + grace <= watermark {
            for (key, rows) in (open[start] ?? [:]).sorted(by: { isFirst($0.key, $1.key) }) {
                let bounds: [Literal] = [.timestamp(start), .timestamp(start + size)]
                result.append(
                    Row(values: key + bounds + Reference.results(rows), time: start + size - 1))
            }
            open[start] = nil
        }
        return result
    }

    private func isFirst(_ a: [Literal], _ b: [Literal]) -> Bool {
        // A key of one string has null last, otherwise null is first.
        if key == [0], a != b, a[0] == .null || b[0] == .null { return b[0] == .null }
        return Reference.isLess(a, b)
    }
}
