import Operators

/// One of `tests:`, checked against the pipeline that it tests: what happens, and what must come of it.
package struct TestSpec: Sendable {
    package var name: String
    /// Where the name stands.
    package var location: FileLocation
    /// The pipeline as the test begins with it: with the test's own parameters.
    package var pipeline: PipelineSpec
    /// What the clock says at first; nil where nothing is said: the epoch, and no event time is then
    /// too far in the future.
    package var clockMicros: Int64?
    /// What tables hold from the start.
    package var tables: [(table: String, portion: TestPortion)]
    package var steps: [TestStep]
    /// What must stand at the end.
    package var expectations: [TestExpectation]
}

/// One of a test's `steps:`. Times and durations in microseconds.
package enum TestStep: Sendable {
    /// Rows for sources and tables, in the order of the file.
    case send([(node: String, portion: TestPortion)])
    case advance(micros: Int64)
    case advanceTo(micros: Int64)
    /// A last checkpoint, a stop, and a start from the journal.
    case restart
    /// The same, and another version of the spec goes on.
    case upgrade(PipelineSpec)
    /// What must have come so far.
    case expect([TestExpectation])
}

/// What one source or table is given at once.
package enum TestPortion: Sendable {
    case rows([TestRow])
    /// Text of the source's own format, without line ends.
    case lines([String])
}

/// One row of a `send`.
package struct TestRow: Sendable {
    package var values: [(column: String, value: TestValue)]
    /// Topics: when the row happened; nil for when it arrives.
    package var rowtimeMicros: Int64?
    /// Topics: whether the row takes one back, or is the deletion of its key.
    package var isLeaving: Bool

    package init(
        values: [(column: String, value: TestValue)], rowtimeMicros: Int64?, isLeaving: Bool
    ) {
        self.values = values
        self.rowtimeMicros = rowtimeMicros
        self.isLeaving = isLeaving
    }

    /// As a JSON object; times are integers, microseconds.
    package var jsonText: String {
        let members = values.map {
            "\(jsonString($0.column)):\($0.value.jsonText(isNested: false))"
        }
        return "{\(members.joined(separator: ","))}"
    }
}

/// What one node must have given.
package struct TestExpectation: Sendable {
    package enum Rows: Sendable {
        /// Any order, the columns that are written; of rows that change those that stand.
        case rows([ExpectedRow])
        /// In order, all columns.
        case exactly([ExpectedRow])
        /// Every change in order, the columns that are written.
        case changes([ExpectedRow])
        case count(Int)
    }
    /// As it is written: a sink, a source, a step, or a port.
    package var name: String
    package var target: Target
    /// Where it stands.
    package var location: FileLocation
    package var rows: Rows

    package enum Target: Hashable, Sendable {
        case sink(String)
        case port(NodeReference)
    }

    package init(name: String, target: Target, location: FileLocation, rows: Rows) {
        self.name = name
        self.target = target
        self.location = location
        self.rows = rows
    }
}

package struct ExpectedRow: Sendable {
    package var values: [(column: String, value: TestValue)]
    /// `_op`, as sinks write it.
    package var operation: String?
    package var location: FileLocation

    package init(
        values: [(column: String, value: TestValue)], operation: String?, location: FileLocation
    ) {
        self.values = values
        self.operation = operation
        self.location = location
    }
}

/// A value of a test's row, of its column's type.
package enum TestValue: Hashable, Sendable {
    case null
    case boolean(Bool)
    case integer(Int64)
    case double(Double)
    /// Digits as they were written.
    case decimal(String)
    /// Strings, and dates and bytes as JSON has them.
    case text(String)
    /// Microseconds since the epoch.
    case timestamp(Int64)
    /// JSON text.
    case json(String)
    case list([TestValue])
    case fields([Field])

    package struct Field: Hashable, Sendable {
        package var name: String
        package var value: TestValue

        package init(name: String, value: TestValue) {
            self.name = name
            self.value = value
        }
    }

    /// - Parameter isNested: Times in a column of their own are integers, others text.
    package func jsonText(isNested: Bool) -> String {
        switch self {
        case .null: return "null"
        case .boolean(let flag): return flag ? "true" : "false"
        case .integer(let number): return "\(number)"
        case .double(let number): return "\(number)"
        case .decimal(let digits): return digits
        case .text(let text): return jsonString(text)
        case .timestamp(let micros):
            return isNested ? jsonString(Timestamp.text(micros)) : "\(micros)"
        case .json(let text): return text
        case .list(let values):
            return "[\(values.map { $0.jsonText(isNested: true) }.joined(separator: ","))]"
        case .fields(let fields):
            let members = fields.map {
                "\(jsonString($0.name)):\($0.value.jsonText(isNested: true))"
            }
            return "{\(members.joined(separator: ","))}"
        }
    }
}
