/// A named, typed column of a node's output.
package struct Field: Hashable, Sendable {
    package let name: String
    package let type: ColumnType

    package init(_ name: String, _ type: ColumnType) {
        self.name = name
        self.type = type
    }
}

/// The columns of a node's output, in order. Names are unique and compared as bytes.
package struct Schema: Hashable, Sendable {
    package var fields: [Field]

    package init(_ fields: [Field]) { self.fields = fields }

    package var count: Int { fields.count }

    package subscript(index: Int) -> Field { fields[index] }

    /// The position of a column, or nil. Compares bytes, so that "é" in two spellings is two names.
    package func index(of name: String) -> Int? {
        fields.firstIndex { $0.name.utf8.elementsEqual(name.utf8) }
    }
}
