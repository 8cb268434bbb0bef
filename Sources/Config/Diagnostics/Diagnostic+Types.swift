import Operators

/// What can be wrong with the types of a schema that are made of others.
extension Diagnostic {
    static func typeTooDeep(at place: FileLocation) -> Diagnostic {
        Diagnostic(
            "type is nested more than \(ColumnType.depthMax) levels deep", at: place,
            help: "use json for what lies deeper")
    }

    static func badArrayType(of name: String, at place: FileLocation) -> Diagnostic {
        Diagnostic(
            "an array has one type of elements", at: place,
            help: "write \(name): [string], or \(name): 'array<string>'")
    }

    static func mapType(_ text: String, at place: FileLocation) -> Diagnostic {
        .notSupported(
            "type '\(text)'", at: place,
            help: "declare it as json, and read its values with column ->> 'key'")
    }

    static func badStructType(of name: String, at place: FileLocation) -> Diagnostic {
        Diagnostic(
            "a struct has 1 to \(SpecLimits.columnsMax) fields", at: place,
            help: "write \(name): {id: bigint, name: string}")
    }
}
