import Operators

extension LoadContext {
    /// The options of format regex, checked against the columns.
    ///
    /// - Parameter schema: The columns that the groups fill.
    /// - Returns: nil when something was reported.
    func readRegex(
        _ reader: FieldReader, schema: ReadSchema, columns: LocatedValue?, timezone: String
    ) -> RegexOptions? {
        let null = reader.text("null")
        guard let text = reader.text("pattern") else { return nil }
        let pattern: RegexPattern
        do throws(RegexProblem) {
            pattern = try RegexPattern(Array(text.value.utf8))
        } catch {
            report(
                Diagnostic(
                    text.isSubstituted
                        ? "cannot read the pattern that this stands for"
                        : "cannot read the pattern: \(error.message)",
                    at: place(of: error.range, in: text)))
            return nil
        }
        var isSound = true
        for group in pattern.groups
        where !schema.fields.contains(where: { $0.group == group.name }) {
            // A column that was refused, or one beside it, may be meant.
            if schema.isOpen || !schema.doubtful.isEmpty { continue }
            isSound = false
            report(.groupWithoutColumn(group.name, at: place(of: group.range, in: text)))
        }
        for field in schema.fields
        where !pattern.groups.contains(where: { $0.name == field.group }) {
            isSound = false
            report(
                .columnWithoutGroup(
                    field.name, group: field.group, among: pattern.groups.map(\.name),
                    at: location(key(field.name, of: columns) ?? text.scalar.range)))
        }
        guard isSound else { return nil }
        var options = RegexOptions(pattern: text.value)
        options.null = Array((null?.value ?? "").utf8)
        options.timezone = timezone
        return options
    }

    /// Where a part of a text stands in the file.
    private func place(of range: Range<Int>, in text: SpecText) -> FileLocation {
        guard !text.isSubstituted, !range.isEmpty else { return location(text.scalar) }
        return location(filePositions(of: range, in: text.scalar, source))
    }

    /// Where a column of a schema is named.
    private func key(_ name: String, of columns: LocatedValue?) -> Range<Int>? {
        guard case .mapping(let entries)? = columns?.content else { return nil }
        return entries.first { $0.key.text == name }?.key.range
    }
}

extension FieldSpec {
    /// The group of a regular expression that fills it.
    fileprivate var group: String { path.first ?? name }
}

extension Diagnostic {
    static func groupWithoutColumn(_ group: String, at place: FileLocation) -> Diagnostic {
        Diagnostic(
            "no column takes the group '\(group)'", at: place,
            help: "add '\(group): string' to 'schema', or write the group without a name, (…)")
    }

    static func columnWithoutGroup(
        _ column: String, group: String, among groups: [String], at place: FileLocation
    ) -> Diagnostic {
        Diagnostic(
            "the pattern has no group '\(group)', which would fill the column '\(column)'",
            at: place,
            help: suggestion(for: group, among: groups).map { "did you mean '\($0)'?" }
                ?? "write (?<\(group)>…) in the pattern, or leave the column out")
    }

    static func formatOnlyReads(_ format: String, at place: FileLocation) -> Diagnostic {
        Diagnostic(
            "format \(format) cannot be written", at: place, label: "it is for sources",
            help: "write format: json")
    }
}
