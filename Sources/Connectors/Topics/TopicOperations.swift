/// What a row of a topic does, by the byte that is stored with it.
package enum TopicOperations {
    /// The words of `_op`, by code.
    package static let words: [String] = (0...RowOperation.upsert.rawValue).map { code in
        RowOperation(rawValue: code)?.word.description ?? ""
    }
    /// The code of rows that are stored without one.
    package static let insert = Int(RowOperation.insert.rawValue)
}
