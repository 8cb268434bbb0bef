import TestSupport

@testable import Operators

/// Joins of two streams over plain arrays of rows, as slow and as simple as possible.
struct JoinModel {
    static let left = Schema.of([
        "k": .string, "g": .bigint, "n": .bigint, "opens": .timestamp, "closes": .timestamp,
    ])
    static let right = Schema.of(["rk": .string, "rg": .bigint, "m": .bigint])
    static let pair = Schema(left.fields + right.fields)

    var kind = StreamJoinKind.inner
    /// Positions of the match columns, the same on both sides.
    var key = [0]
    var hasCondition = false

    var plan: StreamJoinPlan {
        func match(_ schema: Schema) -> [BoundExpression] {
            key.map { .column($0, schema[$0]) }
        }
        return StreamJoinPlan(
            kind: kind, left: .init(schema: Self.left, match: match(Self.left)),
            right: .init(schema: Self.right, match: match(Self.right)),
            condition: hasCondition ? Plans.bind("n <= m", Self.pair) : nil,
            pairSchema: Self.pair,
            // The key that is there, one column of each side, and what else is on the right.
            columns: [.either(left: 0, right: 0), .left(2), .right(1), .right(2)])
    }

    func matches(_ left: Row, _ right: Row) -> Bool {
        for index in key
        where left.values[index] == .null || left.values[index] != right.values[index] {
            return false
        }
        guard hasCondition else { return true }
        guard case .bigint(let n) = left.values[2], case .bigint(let m) = right.values[2] else {
            return false
        }
        return n <= m
    }

    func joined(_ left: Row, _ right: Row) -> Row {
        Row(
            values: [left.values[0], left.values[2], right.values[1], right.values[2]],
            time: max(left.time, right.time))
    }

    func alone(left: Row) -> Row {
        Row(values: [left.values[0], left.values[2], .null, .null], time: left.time)
    }

    func alone(right: Row) -> Row {
        Row(values: [right.values[0], .null, right.values[1], right.values[2]], time: right.time)
    }

    /// The rows that a join of some rows has, and the left ones without a partner.
    func result(
        _ left: [Row], _ right: [Row], isNear: (Row, Row) -> Bool = { _, _ in true }
    ) -> (rows: [Row], unmatched: [Row]) {
        var rows: [Row] = []
        var unmatched: [Row] = []
        for l in left {
            let partners = right.filter { isNear(l, $0) && matches(l, $0) }
            rows += partners.map { joined(l, $0) }
            if partners.isEmpty {
                unmatched.append(l)
                if kind.keepsLeft { rows.append(alone(left: l)) }
            }
        }
        for r in right where kind.keepsRight {
            if !left.contains(where: { isNear($0, r) && matches($0, r) }) {
                rows.append(alone(right: r))
            }
        }
        return (rows, unmatched)
    }

    /// A row of either side; few keys and small numbers, so that rows meet.
    static func row(
        _ side: JoinSide, time: Int64, using random: inout some RandomNumberGenerator
    ) -> Row {
        func maybe(_ value: Literal) -> Literal {
            Int.random(in: 0..<6, using: &random) == 0 ? .null : value
        }
        let words = [
            "", "a", "ab", "a\u{0}b", "longer than eight bytes", "longer than eight bytez",
        ]
        var values = [
            maybe(.text(words.randomElement(using: &random)!)),
            maybe(.bigint(Int64.random(in: 0...1, using: &random))),
            maybe(.bigint(Int64.random(in: -3...3, using: &random))),
        ]
        if side == .left {
            values.append(maybe(.timestamp(time + Int64.random(in: 0...4, using: &random))))
            values.append(maybe(.timestamp(time + Int64.random(in: -2...9, using: &random))))
        }
        return Row(values: values, time: time)
    }
}

/// The rows of one side of a join with the watermark that its split has before each.
struct JoinFeed {
    var rows: [Row] = []
    private var watermark = SplitWatermark(
        maxOutOfOrdernessMicros: 3, maxFutureMicros: .max)

    init(_ side: JoinSide, count: Int, using random: inout some RandomNumberGenerator) {
        var clock: Int64 = 0
        for _ in 0..<count {
            clock += Int64.random(in: 0...2, using: &random)
            // Some are far behind.
            let back = Int.random(in: 0..<10, using: &random) == 0 ? 12 : Int64(3)
            let time = clock - Int64.random(in: 0...back, using: &random)
            var row = JoinModel.row(side, time: time, using: &random)
            row.watermark = watermark.value
            _ = withUnsafePointer(to: time) { watermark.advance($0, count: 1, now: 0) }
            rows.append(row)
        }
    }

    /// What the split's watermark is once `count` rows have come.
    func watermark(after count: Int) -> Int64 {
        if count == rows.count { return .max }
        return rows[count].watermark
    }

    var timely: [Row] { rows.filter { $0.time >= $0.watermark } }
    var late: [Row] { rows.filter { $0.time < $0.watermark } }
}

extension Array where Element == Row {
    /// How often each row is there, by what it shows.
    var counted: [String: Int] {
        reduce(into: [:]) { counts, row in
            counts["\(row.values.map(\.plainText)) @\(row.time)", default: 0] += Int(row.weight)
        }.filter { $0.value != 0 }
    }
}
