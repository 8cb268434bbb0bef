/// Why an expression has no value for a row. The raw values are used in memory only.
package enum RowErrorCode: UInt8, CaseIterable, Error, Sendable {
    case bigintOverflow = 1
    case doubleOverflow
    case doubleUnderflow
    case decimalOverflow
    case timestampOutOfRange
    case intervalOutOfRange
    case divisionByZero
    case notBoolean, notBigint, notDouble, notDecimal, notTimestamp, notInterval
    case patternMismatch
    case squareRootOfNegative
    case logarithmOfNonPositive
    case powerUndefined
    case negativeLength
    case fieldNumberZero
    case likeEscapeAtEnd
    case likeEscapeNotOneCharacter
    case stringTooLong
    case argumentOutOfRange
    case dateOutOfRange, notDate, notJSON, notUTF8, notNested, notHexadecimal, notBase64
    case notCharacter, notArray

    /// One line for dead letters, lower case, without the row's value (which stands beside it).
    package var message: String {
        switch self {
        case .bigintOverflow: return "bigint overflow"
        case .doubleOverflow: return "double overflow"
        case .doubleUnderflow: return "double underflow"
        case .decimalOverflow: return "decimal overflow: more digits than the type holds"
        case .timestampOutOfRange: return "timestamp out of range: not in the years 0001 to 9999"
        case .intervalOutOfRange: return "interval out of range"
        case .divisionByZero: return "division by zero"
        case .notBoolean: return "cannot cast to boolean: the text is not one"
        case .notBigint: return "cannot cast to bigint: the value is not one or is out of range"
        case .notDouble: return "cannot cast to double: the text is not one or is out of range"
        case .notDecimal: return "cannot cast to decimal: the value is not one"
        case .notTimestamp: return "cannot cast to timestamp: the text is not one"
        case .notInterval: return "cannot cast to interval: the text is not one"
        case .patternMismatch: return "cannot read the timestamp: the text does not fit the pattern"
        case .squareRootOfNegative: return "square root of a negative number"
        case .logarithmOfNonPositive: return "logarithm of zero or a negative number"
        case .powerUndefined: return "power is not defined for these numbers"
        case .negativeLength: return "negative length for substring"
        case .fieldNumberZero: return "split_part counts its parts from 1; 0 is none"
        case .likeEscapeAtEnd: return "LIKE pattern ends with its escape character"
        case .likeEscapeNotOneCharacter: return "LIKE escape is not one character"
        case .argumentOutOfRange: return "the function is not defined for this argument"
        case .dateOutOfRange: return "date out of range: not in the years 0001 to 9999"
        case .notDate: return "cannot cast to date: the text is not one"
        case .notJSON: return "cannot cast to json: the text is not JSON"
        case .notUTF8: return "cannot cast to string: the bytes are not UTF-8"
        case .notNested: return "cannot cast to an array or struct: the JSON is of another type"
        case .notHexadecimal: return "cannot decode: the text is not hexadecimal"
        case .notBase64: return "cannot decode: the text is not base64"
        case .notCharacter: return "chr needs the number of a character, other than 0"
        case .notArray: return "json_array_length needs an array"
        case .stringTooLong: return "text longer than \(StringArena.resultBytesMax) bytes"
        }
    }
}

/// The rows of a result that failed, and why.
///
/// A failed row's value in the result is null; it is in here only if the whole expression failed
/// (an error in a branch that was not taken, or beside a `false` in an AND, is dropped).
package struct RowErrors: Sendable {
    /// One byte a row: 0, or the raw value of a ``RowErrorCode``.
    package let codes: Buffer
    package let count: Int

    package init(codes: Buffer, count: Int) {
        self.codes = codes
        self.count = count
    }

    /// Why a row failed; nil when it did not.
    package func code(_ row: Int) -> RowErrorCode? {
        RowErrorCode(rawValue: codes.pointer(to: UInt8.self)[row])
    }

    /// The failed rows in ascending order.
    package var failedRows: [Int] {
        let codes = codes.pointer(to: UInt8.self)
        return (0..<count).filter { codes[$0] != 0 }
    }
}
