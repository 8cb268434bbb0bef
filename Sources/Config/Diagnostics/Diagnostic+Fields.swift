/// What can be wrong with a field by itself.
extension Diagnostic {
    static func unknownKey(
        _ key: String, owner: String, known: [String], later: [String], at place: FileLocation
    ) -> Diagnostic {
        Diagnostic(
            "unknown key '\(key)'", at: place,
            label: "\(owner) takes \(known.joined(separator: ", "))",
            help: suggestion(for: key, among: known + later).map {
                "did you mean '\($0)'?"
            })
    }

    /// `what` is how the thing is written, in quotes where it is a word of the language.
    static func notSupported(
        _ what: String, at place: FileLocation, help: String? = nil
    ) -> Diagnostic {
        Diagnostic("\(what) is not supported by this version", at: place, help: help)
    }

    static func missingField(
        _ field: SpecField, owner: String, at place: FileLocation
    ) -> Diagnostic {
        Diagnostic(
            "\(owner) has no '\(field.name)'", at: place, help: "add \(field.example)")
    }

    static func emptyField(_ field: SpecField, at place: FileLocation) -> Diagnostic {
        Diagnostic(
            "'\(field.name)' has no value", at: place, help: "write \(field.example)")
    }

    static func emptyEntry(_ key: String, at place: FileLocation) -> Diagnostic {
        Diagnostic("'\(key)' has no value", at: place)
    }

    static func wrongKind(
        _ message: String, found: String, help: String?, at place: FileLocation
    ) -> Diagnostic {
        Diagnostic(message, at: place, label: "this is \(found)", help: help)
    }

    static func badValue(
        _ written: String, isSubstituted: Bool, of name: String, expecting words: String,
        at place: FileLocation
    ) -> Diagnostic {
        Diagnostic(
            "'\(name)' takes \(words)", at: place,
            label: isSubstituted ? "what this stands for is none" : "'\(written)' is none")
    }

    static func unknownChoice(
        _ written: String, of name: String, choices: [String], at place: FileLocation
    ) -> Diagnostic {
        Diagnostic(
            "unknown \(name) '\(written)'", at: place,
            label: "one of \(choices.joined(separator: ", "))",
            help: suggestion(for: written, among: choices).map {
                "did you mean '\($0)'?"
            })
    }

    static func outOfRange(
        _ name: String, _ cause: String, at place: FileLocation
    ) -> Diagnostic {
        Diagnostic("'\(name)' \(cause)", at: place)
    }

    static func unclosedSubstitution(at place: FileLocation) -> Diagnostic {
        Diagnostic(
            "'${' is never closed", at: place, help: "write ${NAME}, or $${ for the text '${'")
    }

    static func badSubstitution(at place: FileLocation) -> Diagnostic {
        Diagnostic(
            "this is no substitution", at: place,
            help: "write ${NAME}, ${NAME:-default} or ${file:PATH}")
    }

    static func unsetVariable(_ name: String, at place: FileLocation) -> Diagnostic {
        Diagnostic(
            "environment variable '\(name)' is not set", at: place,
            help: "set it, or write ${\(name):-default}")
    }

    static func unreadableSecret(
        _ path: String, cause: String, at place: FileLocation
    ) -> Diagnostic {
        Diagnostic("cannot read '\(path)': \(cause)", at: place)
    }

    static func pathNotAllowed(
        _ path: String, folder: String, at place: FileLocation
    ) -> Diagnostic {
        Diagnostic(
            "'\(path)' is outside the folders that specs may use", at: place,
            label: "not below the working directory",
            help: "start with --allow-path \(folder) if it may be used")
    }

    static func substitutionInExpression(at place: FileLocation) -> Diagnostic {
        Diagnostic(
            "an expression cannot hold ${…}", at: place,
            help: "write it as a parameter, parameters: {name: ${NAME}}, and read it as $name")
    }

    static func badName(
        _ name: String, what: String, at place: FileLocation
    ) -> Diagnostic {
        let help =
            switch what {
            case "pipeline":
                "use lower-case letters, digits and '-', at most 63, not beginning with '-'"
            case "topic":
                "use lower-case letters, digits, '.', '_' and '-', at most 127, beginning with a "
                    + "letter or digit"
            default:
                "use lower-case letters, digits and '_', at most 63, not beginning with a digit"
            }
        return Diagnostic("'\(name)' cannot be the name of a \(what)", at: place, help: help)
    }
}
