/// What a spec file may ask of its reader before it is refused. Held against alias and nesting
/// bombs; a spec of a thousand steps stays far below.
package enum YamlLimits {
    package static let fileBytesMax = 1 << 20
    /// Collections within each other, aliases followed.
    package static let depthMax = 64
    /// Values and keys in all documents of a file, each alias counted as what it stands for; a
    /// text counts once more for every `textBytesPerNode`.
    package static let nodesMax = 100_000
    package static let textBytesPerNode = 64
}

/// What one pipeline may ask of its reader.
enum SpecLimits {
    /// Columns of one node.
    static let columnsMax = 2000
    /// Columns of all nodes together: each step holds a list of its own.
    static let columnsInAllMax = 200_000
    /// Windows of a time zone: 10,000 days, in microseconds.
    static let zonedWindowMicrosMax: Int64 = 864_000_000_000_000
    /// What one document, or the YAML of one file, may have wrong before the rest is passed over.
    static let diagnosticsMax = 200
    /// A misspelt name is compared with so many others.
    static let candidatesMax = 500
}
