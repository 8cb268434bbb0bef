import Operators

/// `parse:`. `verbSchema` is the step's `inputSchema`, then the fields.
package struct ParseSpec: Hashable, Sendable {
    /// The string column of `inputSchema` that is parsed.
    package var column: Int
    /// One that reads a row without what stands before it.
    package var format: FormatSpec
    /// The columns that it gives.
    package var fields: [FieldSpec]

    package init(column: Int, format: FormatSpec, fields: [FieldSpec]) {
        self.column = column
        self.format = format
        self.fields = fields
    }
}
