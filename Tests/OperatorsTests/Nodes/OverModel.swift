import Testing

@testable import Operators

/// `over` with each result computed anew from all rows of the partition.
struct OverModel {
    /// What is computed besides ``Reference/compute``.
    static let rowCompute: KeyValuePairs<String, String> = [
        "s_first": "first(s)", "n_last": "last(n)", "s_at_most": "arg_max(s, n)",
        "n_at_least": "arg_min(n, d)", "n_spread": "stddev(n)", "d_spread": "stddev_pop(d)",
        "p_spread": "variance(p)", "b_all": "bool_and(b)", "b_any": "bool_or(b)",
        "texts": "string_agg(s, ',') FILTER (WHERE n > 0)",
        "d_once": "sum(DISTINCT d)", "n_once": "stddev(DISTINCT n)",
        "distance": "coalesce(n, 0) - count(*)", "before": "lag(n)",
        "long_before": "lag(s, 3, 'none')", "number": "row_number()",
    ]

    let form: OverForm
    /// Whether rows go by event time before the form's order.
    let isByTime: Bool
    private(set) var rows: [[Literal]: [ArrivedRow]] = [:]
    private var number = 0

    init(_ form: OverForm, isByTime: Bool = false) {
        self.form = form
        self.isByTime = isByTime
    }

    private func sorted(_ rows: [ArrivedRow]) -> [ArrivedRow] {
        guard isByTime else { return form.reference.sorted(rows) }
        return Dictionary(grouping: rows) { $0.row.time }.sorted { $0.key < $1.key }
            .flatMap { form.reference.sorted($0.value) }
    }

    private func key(_ row: Row) -> [Literal] { form.key.map { row.values[$0] } }

    mutating func add(_ row: Row, input: Int) {
        number += 1
        var plain = row
        plain.watermark = .min
        plain.weight = 1
        guard row.weight < 0 else {
            rows[key(row), default: []].append(
                ArrivedRow(row: plain, input: input, number: number))
            return
        }
        let partition = rows[key(row)] ?? []
        let same = partition.indices.filter { partition[$0].row.values == row.values }
        if let index = same.first(where: { partition[$0].row.time == row.time }) {
            rows[key(row)]?.remove(at: index)
        }
    }

    var all: [Row] { rows.values.flatMap { $0.map(\.row) } }

    /// The rows with their results, partition by partition.
    func results() -> [ArrivedRow] {
        rows.values.flatMap { partition in
            let sorted = sorted(partition)
            return sorted.indices.map { result(sorted, $0) }
        }
    }

    private func result(_ rows: [ArrivedRow], _ index: Int) -> ArrivedRow {
        var first = 0
        if let timeToLive = form.timeToLive {
            // Rows behind a longer gap begin anew.
            for place in stride(from: index, to: 0, by: -1)
            where rows[place].row.time - rows[place - 1].row.time > timeToLive {
                first = place
                break
            }
        }
        let seen = rows.indices.filter { place in
            guard place >= first, place != index || !form.excludesCurrent else { return false }
            switch form.frame {
            case .none: return false
            case .rows(let count): return place <= index && place >= index - count
            case .range(let range):
                let time = rows[place].row.time
                return time <= rows[index].row.time && time >= rows[index].row.time - range
            }
        }
        var result = rows[index]
        let frame = seen.map { rows[$0].row }
        if form.frame != .none {
            result.row.values += Reference.results(frame.map(\.values))
            result.row.values += OverModel.frameResults(frame, of: rows[index].row)
        }
        func lag(_ count: Int, _ column: Int, _ other: Literal) -> Literal {
            index - count >= first ? rows[index - count].row.values[column] : other
        }
        result.row.values += [
            lag(1, 2, .null), lag(3, 5, .text("none")), .bigint(Int64(index - first + 1)),
        ]
        return result
    }

    private static func frameResults(_ rows: [Row], of row: Row) -> [Literal] {
        let s = rows.map { $0.values[5] }.filter { $0 != .null }
        let n = rows.map { $0.values[2] }.filter { $0 != .null }
        let d = rows.map { $0.values[3] }.filter { $0 != .null }
        let p = rows.map { $0.values[4] }.filter { $0 != .null }
        let b = rows.map { $0.values[7] }.filter { $0 != .null }
        func pick(_ value: Int, by order: Int, isGreatest: Bool) -> Literal {
            var best: Row?
            for row in rows where row.values[value] != .null && row.values[order] != .null {
                guard let old = best else {
                    best = row
                    continue
                }
                let (a, b) = (old.values[order], row.values[order])
                if isGreatest ? Reference.isLess(a, b) : Reference.isLess(b, a) { best = row }
            }
            return best?.values[value] ?? .null
        }
        func isPositive(_ row: Row) -> Bool {
            if case .bigint(let n) = row.values[2] { return n > 0 }
            return false
        }
        let texts = rows.filter(isPositive).map { $0.values[5] }.filter { $0 != .null }
        let joined = texts.map { text -> [UInt8] in
            if case .string(let bytes) = text { return bytes }
            return []
        }.joined(separator: [UInt8(ascii: ",")])
        var own: Int64 = 0
        if case .bigint(let n) = row.values[2] { own = n }
        let unique = Set(d).map(number)
        return [
            s.first ?? .null, n.last ?? .null, pick(5, by: 2, isGreatest: true),
            pick(2, by: 3, isGreatest: false), spread(n, sample: true, root: true),
            spread(d, sample: false, root: true), spread(p, sample: true, root: false),
            b.isEmpty ? .null : .boolean(!b.contains(.boolean(false))),
            b.isEmpty ? .null : .boolean(b.contains(.boolean(true))),
            texts.isEmpty ? .null : .string(Array(joined)),
            unique.isEmpty ? .null : .double(unique.reduce(0, +)),
            spread(Array(Set(n)), sample: true, root: true),
            .bigint(own - Int64(rows.count)),
        ]
    }

    private static func number(_ literal: Literal) -> Double {
        switch literal {
        case .bigint(let value): return Double(value)
        case .double(let value): return value
        case .decimal(let value, _): return Double(value) / 100
        default: return .nan
        }
    }

    private static func spread(_ values: [Literal], sample: Bool, root: Bool) -> Literal {
        let numbers = values.map(number)
        guard numbers.count > (sample ? 1 : 0) else { return .null }
        let mean = numbers.reduce(0, +) / Double(numbers.count)
        let squares = numbers.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        let variance = squares / Double(numbers.count - (sample ? 1 : 0))
        return .double(root ? variance.squareRoot() : variance)
    }
}

/// One way to use `over`.
struct OverForm: Sendable {
    var name: String
    var key = [1]
    /// Columns with their directions; none for event time.
    var order: [(column: Int, isDescending: Bool, isNullFirst: Bool)] = []
    var frame: OverPlan.Frame
    var excludesCurrent = false
    var timeToLive: Int64?

    var reference: ReferenceOrder { ReferenceOrder(items: order) }

    /// - Parameter afterRowtime: Whether the order's columns decide among rows of one time.
    func plan(afterRowtime: Bool = false) -> OverPlan {
        let schema = Reference.schema
        var order = reference.order(schema)
        if afterRowtime {
            let time = BoundExpression(root: .rowtime, text: "rowtime")
            order.items.insert(
                RowOrder.Item(expression: time, isDescending: false, isNullFirst: false), at: 0)
        }
        var texts = Array(OverModel.rowCompute.suffix(3)).map { ($0.key, $0.value) }
        if frame != .none {
            texts =
                Reference.compute.map { ($0.key, $0.value) }
                + OverModel.rowCompute.map { ($0.key, $0.value) }
        }
        return Plans.over(
            schema, by: key, order: order, frame: frame, excludesCurrent: excludesCurrent,
            compute: texts, timeToLive: timeToLive)
    }
}

extension OverForm: CustomTestStringConvertible {
    var testDescription: String { name }
}

extension Plans {
    static func over(
        _ schema: Schema, by key: [Int], order: RowOrder, frame: OverPlan.Frame,
        excludesCurrent: Bool = false, compute: [(name: String, text: String)],
        timeToLive: Int64? = nil
    ) -> OverPlan {
        var calls: [AggregateCall] = []
        var rowCalls: [RowCall] = []
        var bound: [(name: String, result: BoundRowResult)] = []
        for (name, text) in compute {
            let scope = ExpressionScope(owner: "input", schema: schema)
            switch ExpressionBinder.bindRowResult(text, in: scope, columnCount: schema.count) {
            case .failure(let failure): preconditionFailure("\(text): \(failure.all[0].message)")
            case .success(let result):
                bound.append((name, result))
                calls += result.calls
                rowCalls += result.rowCalls
            }
        }
        var (call, rowCall) = (0, 0)
        let items = bound.map { name, result in
            var map: [Int: Int] = [:]
            for index in result.calls.indices {
                map[schema.count + index] = schema.count + call + index
            }
            for index in result.rowCalls.indices {
                map[schema.count + result.calls.count + index] =
                    schema.count + calls.count + rowCall + index
            }
            call += result.calls.count
            rowCall += result.rowCalls.count
            return NamedExpression(name: name, expression: result.result.remapped(map))
        }
        return OverPlan(
            inputSchema: schema, partition: key.map { .column($0, schema[$0]) }, order: order,
            frame: frame, excludesCurrent: excludesCurrent, calls: calls, rowCalls: rowCalls,
            compute: items, timeToLiveMicros: timeToLive)
    }
}

extension Row {
    /// With doubles rounded, so that sums in another order are equal.
    var rounded: Row {
        var result = self
        result.values = values.map { value in
            guard case .double(let number) = value, number.isFinite else { return value }
            // At no round number, near which values are that were computed in two ways.
            return .double((number * 731_719 + 0.377).rounded(.down) + 0)
        }
        return result
    }
}
