/// The names of types, as a schema may say them.
package enum TypeNames {
    /// Those that are a word by themselves.
    package static let plain = [
        "boolean", "bigint", "double", "string", "bytes", "date", "timestamp", "json",
    ]
    /// Those that are made of others or have arguments, in lower case; read in any case.
    package static let composed = ["decimal", "array", "struct"]
    /// What integers of `timestamp(UNIT)` may count.
    package static let timestampUnits = ["s", "ms", "us", "ns"]
}
