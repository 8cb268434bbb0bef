/// One thing that is wrong, or worth knowing, with a spec.
///
/// A plain value that holds all it needs to be shown: the file need not be there any more. The
/// wording of each kind is in the `Diagnostic+….swift` files beside this one.
package struct Diagnostic: Error, Hashable, Sendable {
    package enum Severity: String, Hashable, Sendable {
        case error, warning, note
    }

    /// A second place that belongs to the story: `first written here`.
    package struct Related: Hashable, Sendable {
        package let message: String
        package let location: FileLocation

        package init(message: String, location: FileLocation) {
            self.message = message
            self.location = location
        }
    }

    package var severity: Severity
    /// One line, lower case, no full stop.
    package var message: String
    /// nil for what is not in a file, such as an override on the command line.
    package var location: FileLocation?
    /// What stands beside the caret.
    package var label: String?
    /// What to do about it. May have several lines, such as text to paste.
    package var help: String?
    package var related: [Related]

    package init(
        _ message: String, at location: FileLocation?, label: String? = nil,
        help: String? = nil, related: [Related] = [], severity: Severity = .error
    ) {
        self.severity = severity
        self.message = message
        self.location = location
        self.label = label
        self.help = help
        self.related = related
    }
}

extension [Diagnostic] {
    package var hasErrors: Bool { contains { $0.severity == .error } }

    /// In the order of the file: by line, then column; what has no place comes last.
    package func inFileOrder() -> [Diagnostic] {
        enumerated().sorted { left, right in
            switch (left.element.location, right.element.location) {
            case (let a?, let b?):
                return (a.line, a.column, left.offset) < (b.line, b.column, right.offset)
            case (.some, nil): return true
            case (nil, .some): return false
            case (nil, nil): return left.offset < right.offset
            }
        }.map(\.element)
    }
}
