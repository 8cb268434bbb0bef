import Config
import Operators

/// Which schemas a topic may have one after the other, and how rows of an older one are read.
///
/// Columns may be added, and widened where every value stays what it was. Whatever else changes would
/// break readers that stand on rows written before.
package enum SchemaEvolution {
    /// The schema of a topic that has `present` and is to take rows of `wanted`.
    ///
    /// - Returns: `present` with what `wanted` adds and widens, or what forbids it, in words.
    package static func merge(_ present: Schema, _ wanted: Schema) -> Result<Schema, Refusal> {
        var fields = present.fields
        for (index, field) in present.fields.enumerated() {
            guard let place = wanted.index(of: field.name) else {
                return .failure(
                    Refusal(column: field.name, "column '\(field.name)' would go"))
            }
            let type = wanted[place].type
            if type == field.type { continue }
            guard isWidening(from: field.type, to: type) else {
                return .failure(
                    Refusal(
                        column: field.name,
                        "column '\(field.name)' would change from \(field.type.name) to "
                            + "\(type.name)"))
            }
            fields[index] = Field(field.name, type)
        }
        for field in wanted.fields where present.index(of: field.name) == nil {
            fields.append(field)
        }
        return .success(Schema(fields))
    }

    /// Whether a topic of these columns has all that `wanted` names, in its types or wider ones.
    package static func covers(_ present: Schema, _ wanted: Schema) -> Bool {
        wanted.fields.allSatisfy { field in
            present.index(of: field.name).map {
                isWidening(from: field.type, to: present[$0].type)
            } ?? false
        }
    }

    package struct Refusal: Error, Equatable {
        package let column: String
        package let reason: String

        init(column: String, _ reason: String) {
            self.column = column
            self.reason = reason
        }
    }

    /// Whether every value of one type is a value of the other. A bigint beyond 2^53 is no double, and
    /// fails when it is read so.
    package static func isWidening(from old: ColumnType, to new: ColumnType) -> Bool {
        switch (old, new) {
        case (.bigint, .double): return true
        case (.bigint, .decimal(let precision, let scale)): return precision - scale >= 19
        case (.decimal(let oldPrecision, let oldScale), .decimal(let precision, let scale)):
            return scale >= oldScale && precision - scale >= oldPrecision - oldScale
        default: return old == new
        }
    }

    /// The column with its values in a wider type.
    ///
    /// - Returns: nil where a value has no exact place there, or the types do not fit.
    static func widen(_ column: Column, to type: ColumnType) -> Column? {
        if column.type == type { return column }
        let values = Buffer(capacity: column.count * type.stride)
        switch (column.type, type) {
        case (.bigint, .double):
            let source = column.integers
            let target = values.pointer(to: Double.self)
            var isExact = true
            for row in 0..<column.count {
                let value = Double(source[row])
                target[row] = value
                isExact = isExact && Int64(exactly: value) == source[row]
            }
            guard isExact else { return nil }
        case (.bigint, .decimal(_, let scale)):
            let source = column.integers
            let target = values.pointer(to: Int128.self)
            let factor = power(scale)
            for row in 0..<column.count { target[row] = Int128(source[row]) * factor }
        case (.decimal(_, let oldScale), .decimal(_, let scale)) where scale >= oldScale:
            let source = column.decimals
            let target = values.pointer(to: Int128.self)
            let factor = power(scale - oldScale)
            for row in 0..<column.count {
                let (value, overflow) = source[row].multipliedReportingOverflow(by: factor)
                guard !overflow else { return nil }
                target[row] = value
            }
        default: return nil
        }
        return Column(
            type: type, count: column.count, values: values, validity: column.validity)
    }

    private static func power(_ exponent: Int) -> Int128 {
        (0..<exponent).reduce(Int128(1)) { value, _ in value * 10 }
    }
}
