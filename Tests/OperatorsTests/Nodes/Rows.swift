import TestSupport

@testable import Operators

/// A row as tests write and read it.
struct Row: Hashable, CustomStringConvertible {
    var values: [Literal]
    var time: Int64
    var weight: Int32 = 1
    /// The watermark of its split before it; `Int64.min` where no test cares.
    var watermark: Int64 = .min

    var description: String {
        let texts = values.map(\.plainText)
        return "\(weight > 0 ? "+" : "")\(weight) [\(texts.joined(separator: ", "))] @\(time)"
    }
}

extension Literal {
    var plainText: String {
        switch self {
        case .null: return "null"
        case .boolean(let value): return "\(value)"
        case .bigint(let value), .timestamp(let value), .interval(let value): return "\(value)"
        case .double(let value): return "\(value)"
        case .decimal(let unscaled, let scale): return "\(unscaled)e-\(scale)"
        case .string(let bytes): return "'\(String(decoding: bytes, as: UTF8.self))'"
        }
    }

    static func text(_ value: String) -> Literal { .string(Array(value.utf8)) }
}

extension Schema {
    /// Fields from alternating names and types.
    static func of(_ fields: KeyValuePairs<String, ColumnType>) -> Schema {
        Schema(fields.map { Field($0.key, $0.value) })
    }
}

extension Batch {
    /// A batch of rows; with `padding`, rows that do not count stand between those that do.
    init(_ rows: [Row], _ schema: Schema, padding: Bool = false) {
        var physical: [Row] = []
        var selected: [Int32] = []
        for (index, row) in rows.enumerated() {
            if padding && index % 2 == 0 {
                var other = row
                other.time = row.time &+ 1_000_003
                other.values = rows[(index + 1) % rows.count].values
                physical.append(other)
            }
            selected.append(Int32(physical.count))
            physical.append(row)
        }
        let columns = schema.fields.indices.map { index in
            ExpressionFixture.column(schema[index].type, physical.map { $0.values[index] })
        }
        let rowtime = ExpressionFixture.column(
            .timestamp, physical.map { .timestamp($0.time) })
        self.init(columns: columns, rowtime: rowtime, rowCount: physical.count)
        if padding {
            let buffer = Buffer(capacity: selected.count * 4)
            for (index, row) in selected.enumerated() {
                buffer.pointer(to: Int32.self)[index] = row
            }
            selection = Selection(rows: buffer, count: selected.count)
        }
        if rows.contains(where: { $0.weight != 1 }) {
            let buffer = Buffer(capacity: physical.count * 4)
            for (index, row) in physical.enumerated() {
                buffer.pointer(to: Int32.self)[index] = row.weight
            }
            weights = buffer
        }
        if rows.contains(where: { $0.time < $0.watermark }) {
            let buffer = Buffer(capacity: physical.count * 8)
            for (index, row) in physical.enumerated() {
                buffer.pointer(to: Int64.self)[index] = row.watermark
            }
            rowWatermarks = buffer
        }
        watermark = rows.first?.watermark ?? .min
    }

    /// The rows that count.
    var rows: [Row] {
        let dense = columns.indices.map { column($0) }
        let times = self.times
        let weights = denseWeights
        let weight = weights?.pointer(to: Int32.self)
        return (0..<count).map { row in
            Row(
                values: dense.map { ExpressionFixture.literal($0, row) },
                time: times.integers[row], weight: weight?[row] ?? 1)
        }
    }
}

/// Collects what an operator gives.
final class Collected: OperatorOutput {
    var rows: [Row] = []
    var batchCount = 0
    var late: [Row] = []
    var fired: [Row] = []
    /// Late rows that are only counted.
    var lateCount = 0
    var unmatched: [Row] = []
    var rejected: [Row] = []
    var reasons: [String] = []

    func emit(_ batch: Batch) {
        batchCount += 1
        rows += batch.rows
    }

    func emitLate(_ batch: Batch, wasInTime: Bool) {
        if wasInTime { fired += batch.rows } else { late += batch.rows }
    }

    func countLate(_ count: Int, wasInTime: Bool) { lateCount += count }

    func emitUnmatched(_ batch: Batch) { unmatched += batch.rows }

    func reject(_ batch: Batch, schema: Schema, reasons: [String]) {
        precondition(batch.count == reasons.count, "\(batch.count) rows, \(reasons.count) reasons")
        precondition(
            batch.columns.map(\.type) == schema.fields.map(\.type), "rejected columns and schema")
        rejected += batch.rows
        self.reasons += reasons
    }
}

/// Expressions and plans from their texts.
enum Plans {
    static func bind(_ text: String, _ schema: Schema) -> BoundExpression {
        switch ExpressionBinder.bind(text, in: ExpressionScope(owner: "input", schema: schema)) {
        case .success(let bound): return bound
        case .failure(let failure): preconditionFailure("\(text): \(failure.all[0].message)")
        }
    }

    static func named(_ items: KeyValuePairs<String, String>, _ schema: Schema) -> [NamedExpression]
    {
        items.map { NamedExpression(name: $0.key, expression: bind($0.value, schema)) }
    }

    static func aggregate(
        _ schema: Schema, by groups: KeyValuePairs<String, String>,
        compute: KeyValuePairs<String, String>, window: AggregatePlan.Window? = nil,
        grace: Int64 = 0
    ) -> AggregatePlan {
        let groups = named(groups, schema)
        var fields = groups.map { Field($0.name, $0.expression.type) }
        if window != nil {
            fields += [Field("window_start", .timestamp), Field("window_end", .timestamp)]
        }
        var calls: [AggregateCall] = []
        var items: [NamedExpression] = []
        for (name, text) in compute {
            let scope = ExpressionScope(owner: "input", schema: schema)
            switch ExpressionBinder.bindAggregate(text, in: scope, groupColumns: fields) {
            case .failure(let failure): preconditionFailure("\(text): \(failure.all[0].message)")
            case .success(let bound):
                var map: [Int: Int] = [:]
                for (index, call) in bound.calls.enumerated() {
                    map[fields.count + index] = fields.count + calls.count
                    calls.append(call)
                }
                items.append(NamedExpression(name: name, expression: bound.result.remapped(map)))
            }
        }
        return AggregatePlan(
            inputSchema: schema, groups: groups, calls: calls, compute: items, window: window,
            graceMicros: grace)
    }
}

/// What a journal keeps of one operator: its changes applied in order.
struct KeptState {
    struct Name: Hashable {
        let part: UInt8
        let time: Int64
        let key: [UInt8]
    }
    private(set) var entries: [Name: [UInt8]] = [:]

    mutating func remove(where isGone: (Name) -> Bool) {
        entries = entries.filter { !isGone($0.key) }
    }

    mutating func apply(_ changes: StateChanges) {
        for item in changes.items {
            let key = Array(changes.bytes[item.keyStart..<item.valueStart])
            let name = Name(part: item.part, time: item.time, key: key)
            switch item.change {
            case .put: entries[name] = changes.value(of: item)
            case .delete: entries[name] = nil
            case .deleteBelow:
                entries = entries.filter { $0.key.part != item.part || $0.key.time >= item.time }
            }
        }
    }

    /// Gives the entries to a fresh operator, in an order of the test's choice.
    func restore(
        into target: any Operator, watermark: Int64, using random: inout SeededRandom
    ) throws {
        for (name, value) in entries.shuffled(using: &random) {
            try name.key.withUnsafeBufferPointer { key in
                try value.withUnsafeBufferPointer { value in
                    try target.restore(
                        StateEntry(part: name.part, time: name.time, key: key, value: value))
                }
            }
        }
        target.restore(watermark: watermark)
    }
}

/// Every way to cut `count` things into runs, as the lengths of the runs.
func everySplit(of count: Int) -> [[Int]] {
    guard count > 0 else { return [[]] }
    return (0..<(1 << (count - 1))).map { cuts in
        var lengths: [Int] = []
        var length = 1
        for place in 0..<(count - 1) {
            if cuts & (1 << place) != 0 {
                lengths.append(length)
                length = 1
            } else {
                length += 1
            }
        }
        return lengths + [length]
    }
}
