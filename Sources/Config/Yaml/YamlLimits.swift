/// What a spec file may ask of its reader before it is refused. Held against alias and nesting
/// bombs; a spec of a thousand steps stays far below.
package enum YamlLimits {
    package static let fileBytesMax = 1 << 20
    /// Collections within each other, aliases followed.
    package static let depthMax = 64
    /// Values and keys in all documents of a file, each alias counted as what it stands for.
    package static let nodesMax = 100_000
}
