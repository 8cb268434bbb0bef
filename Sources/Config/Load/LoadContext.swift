import Operators

/// What reading one document shares: the file, what may be seen of the machine, and everything
/// found wrong so far. Lives for one load, on one thread.
final class LoadContext {
    let source: SourceText
    let environment: SpecEnvironment
    let options: SpecLoadOptions
    let allowedPaths: AllowedPaths
    /// What the document is, seen beforehand.
    let outline: DocumentOutline
    let topics: TopicKnowledge
    private(set) var diagnostics: [Diagnostic] = []
    private(set) var hasErrors = false
    private var columnsLeft = SpecLimits.columnsInAllMax
    /// Overrides of parameters that a document declares.
    var usedOverrides: Set<String> = []

    init(
        source: SourceText, environment: SpecEnvironment, options: SpecLoadOptions,
        allowedPaths: AllowedPaths, outline: DocumentOutline = DocumentOutline(),
        topics: TopicKnowledge = TopicKnowledge()
    ) {
        self.source = source
        self.environment = environment
        self.options = options
        self.allowedPaths = allowedPaths
        self.outline = outline
        self.topics = topics
    }

    /// Adds a diagnostic; past ``SpecLimits/diagnosticsMax`` it is not even made.
    func report(_ diagnostic: @autoclosure () -> Diagnostic) {
        let isFull = diagnostics.count >= SpecLimits.diagnosticsMax
        if isFull && hasErrors { return }
        let made = diagnostic()
        if made.severity == .error { hasErrors = true }
        if !isFull { diagnostics.append(made) }
    }

    /// Counts the columns of one more node.
    ///
    /// - Returns: false, reported once, when the pipeline has too many in all.
    func spendColumns(_ count: Int, at range: Range<Int>) -> Bool {
        let hadSome = columnsLeft > 0
        columnsLeft -= count
        if columnsLeft > 0 { return true }
        if hadSome { report(.tooManyColumnsInAll(at: location(range))) }
        return false
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
