import Operators

/// What reading one document shares: the file, what may be seen of the machine, and everything
/// found wrong so far. Lives for one load, on one thread.
final class LoadContext {
    /// How many diagnostics one document may give; a file of ten thousand mistakes is cut here.
    static let diagnosticsMax = 200

    let source: SourceText
    let environment: SpecEnvironment
    let options: SpecLoadOptions
    let allowedPaths: AllowedPaths
    private(set) var diagnostics: [Diagnostic] = []
    private(set) var hasErrors = false
    /// Overrides of parameters that a document declares.
    var usedOverrides: Set<String> = []

    init(source: SourceText, environment: SpecEnvironment, options: SpecLoadOptions) {
        self.source = source
        self.environment = environment
        self.options = options
        allowedPaths = AllowedPaths(environment)
    }

    func report(_ diagnostic: Diagnostic) {
        if diagnostic.severity == .error { hasErrors = true }
        if diagnostics.count < LoadContext.diagnosticsMax { diagnostics.append(diagnostic) }
    }

    func location(_ range: Range<Int>) -> FileLocation { source.location(range) }

    func location(_ value: LocatedValue) -> FileLocation {
        guard case .scalar(let scalar) = value.content else {
            // A collection is pointed at by its first character; its lines need no carets.
            return source.location(value.range.lowerBound..<value.range.lowerBound + 1)
        }
        return location(scalar)
    }

    func location(_ scalar: LocatedScalar) -> FileLocation {
        switch scalar.style {
        case .literal, .folded:
            return source.location(scalar.range.lowerBound..<scalar.range.lowerBound + 1)
        default: return source.location(scalar.range)
        }
    }
}

/// Text of a spec after `${…}` was put in.
struct SpecText {
    /// What is used. May hold a secret: never part of a message.
    let value: String
    /// What stands in the file.
    let written: String
    let scalar: LocatedScalar

    var isSubstituted: Bool { !value.utf8.elementsEqual(written.utf8) }
}
