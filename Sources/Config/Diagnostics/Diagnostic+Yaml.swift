/// What can be wrong with a file before it is looked at as a spec.
extension Diagnostic {
    static func unreadableYaml(
        _ cause: String, at place: FileLocation?, help: String? = nil, related: [Related] = []
    ) -> Diagnostic {
        Diagnostic("cannot read YAML: \(cause)", at: place, help: help, related: related)
    }

    static func fileTooLarge(byteCount: Int, file: String) -> Diagnostic {
        Diagnostic(
            "cannot read \(file): it has \(byteCount) bytes, a spec file may have "
                + "\(YamlLimits.fileBytesMax)",
            at: nil, help: "split it into several files")
    }

    static func unsupportedTag(at place: FileLocation) -> Diagnostic {
        Diagnostic(
            "YAML tags are not supported", at: place, label: "begins with a tag",
            help: "remove it; types come from the field, quotes make text")
    }

    static func unknownAnchor(
        _ name: String, isOpen: Bool, suggestion: String?, at place: FileLocation
    ) -> Diagnostic {
        Diagnostic(
            isOpen ? "anchor '\(name)' contains itself" : "unknown anchor '\(name)'", at: place,
            help: suggestion.map { "did you mean '*\($0)'?" }
                ?? (isOpen ? nil : "write '&\(name)' before the value it stands for, above"))
    }

    static func nestedTooDeeply(at place: FileLocation) -> Diagnostic {
        Diagnostic(
            "values are nested more than \(YamlLimits.depthMax) deep", at: place,
            label: "one too deep")
    }

    static func tooManyNodes(at place: FileLocation) -> Diagnostic {
        Diagnostic(
            "the file holds more than \(YamlLimits.nodesMax) values, aliases expanded", at: place,
            label: "too many from here on", help: "write fewer aliases, or several files")
    }

    static func keyIsNoText(at place: FileLocation) -> Diagnostic {
        Diagnostic("a key must be text", at: place)
    }

    static func mergeIsNoMapping(at place: FileLocation) -> Diagnostic {
        Diagnostic(
            "'<<' takes a mapping or a list of mappings", at: place,
            help: "write '<<: *anchor', with the anchor on a mapping")
    }

    static func duplicateKey(
        _ key: String, at place: FileLocation, first: FileLocation
    ) -> Diagnostic {
        Diagnostic(
            "duplicate key '\(key)'", at: place, label: "written a second time",
            related: [.init(message: "first written here", location: first)])
    }

    /// - Parameter key: Whose value it is; nil for a list's item.
    static func cutAtComma(key: String?, text: String, at place: FileLocation) -> Diagnostic {
        if text.lowercased().hasPrefix("map<") {
            return .mapType(text, at: place)
        }
        let line = key.map { "'\($0)'" } ?? "it"
        return Diagnostic(
            "YAML cut this text at its comma", at: place,
            label: "braces and brackets end text at ','",
            help:
                "quote it, \(key.map { "\($0): " } ?? "")\"\(text)\", or give \(line) a line of its "
                + "own")
    }

    static func missingBlank(key: String, text: String, at place: FileLocation) -> Diagnostic {
        let value = text.dropFirst(key.count + 1)
        return Diagnostic(
            "a blank is missing after ':'", at: place,
            label: "for YAML this is one text and no key with a value",
            help: "write \(key): \(value)")
    }

    static func cutAtComment(at place: FileLocation) -> Diagnostic {
        Diagnostic(
            "YAML cut this text at ' #', within an open quote", at: place,
            label: "the rest of the line was read as a comment",
            help: "put the whole expression in quotes, or write it below '|'")
    }
}
