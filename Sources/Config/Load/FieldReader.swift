/// One mapping of a spec, read against the declaration of its fields.
///
/// Reports what is unknown, missing or of the wrong kind; what cannot be read comes back as nil.
struct FieldReader {
    let group: FieldGroup
    /// Whose fields they are, for messages: `source 'events'`.
    let owner: String
    let range: Range<Int>
    let context: LoadContext
    private let entries: [LocatedEntry]

    /// Reports unknown keys at once.
    ///
    /// - Returns: nil, reported, when the value is no mapping.
    init?(_ value: LocatedValue, _ group: FieldGroup, owner: String, _ context: LoadContext) {
        guard case .mapping(let entries) = value.content else {
            if !value.isBroken {
                context.report(
                    .wrongKind(
                        "\(owner) takes a mapping", found: value.kindName,
                        help: Self.missingBlank(value, group)
                            ?? group.fields.first { $0.isRequired }.map { "write {\($0.example)}" },
                        at: context.location(value)))
            }
            return nil
        }
        self.group = group
        self.owner = owner
        self.context = context
        self.entries = entries
        range = value.range
        for entry in entries where group[entry.key.text] == nil {
            let place = context.location(entry.key)
            if group.laterNames.contains(entry.key.text) {
                context.report(.notSupported("'\(entry.key.text)'", at: place))
            } else {
                context.report(
                    .unknownKey(
                        entry.key.text, owner: owner,
                        known: group.fields.map(\.name),
                        later: group.laterNames, at: place))
            }
        }
    }

    /// What to write in place of `path:data/x.csv`.
    private static func missingBlank(_ value: LocatedValue, _ group: FieldGroup) -> String? {
        guard case .scalar(let scalar) = value.content, scalar.style == .plain,
            let colon = scalar.text.firstIndex(of: ":"),
            let field = group[String(scalar.text[..<colon])]
        else { return nil }
        let rest = scalar.text[colon...].dropFirst()
        return "write \(field.name): \(rest), with a blank after the ':'"
    }

    /// Whether the key is written, with whatever value.
    func has(_ name: String) -> Bool { entries.contains { $0.key.text == name } }

    /// Whether a name that the group does not read is written: the reader reported it, and what it
    /// would bring is not to be missed.
    var hasForeignKeys: Bool { entries.contains { group[$0.key.text] == nil } }

    func key(_ name: String) -> LocatedScalar? { entries.first { $0.key.text == name }?.key }

    /// The value of a field; nil when it is absent, or reported because it is empty or, being
    /// required, missing.
    func value(_ name: String) -> LocatedValue? {
        guard let field = group[name] else {
            preconditionFailure("\(group.name) declares no field \(name)")
        }
        guard let entry = entries.first(where: { $0.key.text == name }) else {
            if field.isRequired {
                context.report(
                    .missingField(field, owner: owner, at: context.location(start)))
            }
            return nil
        }
        if entry.value.isNull, !isChoice(entry.value, of: field) {
            context.report(.emptyField(field, at: context.location(entry.key)))
            return nil
        }
        return entry.value.isBroken ? nil : entry.value
    }

    /// Whether a plain `null` is one of the words that the field takes.
    private func isChoice(_ value: LocatedValue, of field: SpecField) -> Bool {
        guard case .choice(let names) = field.form, case .scalar(let scalar) = value.content
        else { return false }
        return names.contains(scalar.text)
    }

    /// Where a key stands; the mapping's beginning when it is absent.
    func keyRange(_ name: String) -> Range<Int> { key(name)?.range ?? start }

    /// The value of a field as it stands, empty ones too.
    func rawValue(_ name: String) -> LocatedValue? {
        entries.first { $0.key.text == name }?.value
    }

    /// Where the mapping begins: its first key, or its bracket.
    var start: Range<Int> { entries.first?.key.range ?? range.lowerBound..<range.lowerBound + 1 }

    /// The text of a field; its default when it is absent.
    func text(_ name: String) -> SpecText? {
        guard has(name) else {
            _ = value(name)
            return defaultText(name)
        }
        guard let value = value(name) else { return defaultText(name) }
        guard let scalar = context.scalar(value, group[name]) else { return nil }
        return context.substitute(scalar)
    }

    /// A declared default, as if it had been written.
    private func defaultText(_ name: String) -> SpecText? {
        guard let text = group[name]?.defaultText else { return nil }
        let scalar = LocatedScalar(
            text: text, style: .plain, range: range.lowerBound..<range.lowerBound)
        return SpecText(value: text, written: text, scalar: scalar)
    }

    /// Microseconds; the default, or nil, when it is absent or reported.
    func duration(_ name: String) -> Int64? {
        parsed(
            name, expecting: "a duration such as 10s, 1h30m or 250ms, at most 36500d", parseDuration
        )
    }

    /// Bytes.
    func size(_ name: String) -> Int? { parsed(name, expecting: "a size such as 64MiB", parseSize) }

    func integer(_ name: String, in limits: ClosedRange<Int64>) -> Int64? {
        let bounds = limits == Int64.min...Int64.max ? "" : " from \(limits.lowerBound)"
        return parsed(name, expecting: "a whole number\(bounds)") { text in
            guard case .integer(let number) = CoreValue(plain: text), limits.contains(number) else {
                return nil
            }
            return number
        }
    }

    /// A number above zero.
    func positiveNumber(_ name: String) -> Double? {
        parsed(name, expecting: "a number above 0") { text in
            switch CoreValue(plain: text) {
            case .integer(let number): return number > 0 ? Double(number) : nil
            case .float(let number): return number > 0 && number.isFinite ? number : nil
            default: return nil
            }
        }
    }

    func flag(_ name: String) -> Bool? {
        parsed(name, expecting: "true or false") { text in
            guard case .boolean(let flag) = CoreValue(plain: text) else { return nil }
            return flag
        }
    }

    /// One of the field's declared choices.
    func choice<Choice: RawRepresentable<String>>(_ name: String, _: Choice.Type) -> Choice? {
        guard let text = text(name) else { return nil }
        if let choice = Choice(rawValue: text.value) { return choice }
        guard case .choice(let names)? = group[name]?.form else { return nil }
        context.report(
            .unknownChoice(
                text.written, of: name, choices: names, at: context.location(text.scalar)))
        return nil
    }

    /// A field that is a mapping with declared fields of its own.
    func mapping(_ name: String, _ group: FieldGroup, owner: String? = nil) -> FieldReader? {
        guard let value = value(name) else { return nil }
        return FieldReader(value, group, owner: owner ?? "'\(name)'", context)
    }

    /// The entries of a mapping whose keys are names that people choose; empty when reported.
    func namedEntries(_ name: String) -> [LocatedEntry] {
        guard let value = value(name) else { return [] }
        guard case .mapping(let entries) = value.content else {
            context.report(
                .wrongKind(
                    "'\(name)' takes a mapping of names", found: value.kindName,
                    help: group[name].map { "write \($0.example)" }, at: context.location(value)))
            return []
        }
        return entries
    }

    /// A list of plain names; nil when absent or reported.
    func names(_ name: String) -> [LocatedScalar]? {
        guard let value = value(name) else { return nil }
        guard case .sequence(let items) = value.content else {
            context.report(
                .wrongKind(
                    "'\(name)' takes a list", found: value.kindName,
                    help: group[name].map { "write \($0.example)" }, at: context.location(value)))
            return nil
        }
        let scalars = items.compactMap { context.scalar($0, group[name]) }
        return scalars.count == items.count ? scalars : nil
    }

    private func parsed<Value>(
        _ name: String, expecting words: String, _ parse: (String) -> Value?
    ) -> Value? {
        guard let text = text(name) else { return nil }
        if let value = parse(text.value) { return value }
        context.report(
            .badValue(
                text.written, isSubstituted: text.isSubstituted, of: name, expecting: words,
                at: context.location(text.scalar)))
        return nil
    }
}

extension LoadContext {
    /// A value that must be text; nil, reported, when it is a collection.
    func scalar(_ value: LocatedValue, _ field: SpecField?) -> LocatedScalar? {
        switch value.content {
        case .scalar(let scalar): return scalar
        case .broken: return nil
        case .sequence, .mapping:
            let name =
                field.map { "'\($0.name)' takes \($0.form.words)" } ?? "text is expected here"
            report(
                .wrongKind(
                    name, found: value.kindName, help: field.map { "write \($0.example)" },
                    at: location(value)))
            return nil
        }
    }
}
