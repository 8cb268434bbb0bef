import Operators

/// Writes plain values as bytes that are equal exactly when the values mean the same: every text
/// with its length, every choice by name. The encoding is versioned by who begins it; goldens hold
/// it, because fingerprints outlive the program that made them.
struct CanonicalEncoder {
    private(set) var bytes: [UInt8] = []

    /// Lower-case hexadecimal of the SHA-256 of what was written.
    var digest: String {
        sha256(bytes).map { byte in
            let digits = String(byte, radix: 16)
            return digits.utf8.count < 2 ? "0" + digits : digits
        }.joined()
    }

    mutating func write(_ bytes: [UInt8]) {
        write(Int64(bytes.count))
        self.bytes += bytes
    }

    mutating func write(_ text: String) { write(Array(text.utf8)) }

    mutating func write(_ number: Int64) {
        for shift in stride(from: 0, to: 64, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: number >> Int64(shift)))
        }
    }

    mutating func write(_ flag: Bool) { write(Int64(flag ? 1 : 0)) }

    /// Nothing, or one value.
    mutating func write<Value>(
        _ value: Value?, _ body: (inout CanonicalEncoder, Value) -> Void
    ) {
        write(value != nil)
        if let value { body(&self, value) }
    }

    mutating func write<Value>(
        _ values: [Value], _ body: (inout CanonicalEncoder, Value) -> Void
    ) {
        write(Int64(values.count))
        for value in values { body(&self, value) }
    }

    // MARK: Operators' vocabulary

    mutating func write(_ field: Field) {
        write(field.name)
        write(field.type.name)
    }

    mutating func write(_ schema: Schema) { write(schema.fields) { $0.write($1) } }

    mutating func write(_ literal: Literal) {
        switch literal {
        case .null: write("null")
        case .boolean(let flag):
            write("boolean")
            write(flag)
        case .bigint(let number):
            write("bigint")
            write(number)
        case .double(let number):
            write("double")
            write(Int64(bitPattern: number.bitPattern))
        case .string(let text):
            write("string")
            write(text)
        case .timestamp(let micros):
            write("timestamp")
            write(micros)
        case .decimal(let unscaled, let scale):
            write("decimal")
            write(String(unscaled))
            write(Int64(scale))
        case .interval(let micros):
            write("interval")
            write(micros)
        }
    }

    /// The plan, not the text: `a+b` and `a + b` mean the same.
    mutating func write(_ expression: BoundExpression) { write(expression.canonical) }

    mutating func write(_ item: NamedExpression) {
        write(item.name)
        write(item.expression)
    }

    mutating func write(_ call: AggregateCall) { write(call.canonical) }
}
