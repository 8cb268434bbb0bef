import Operators

extension LoadContext {
    /// Reads `format:` of a source, table, sink or `parse`; nil when absent or reported.
    ///
    /// - Parameter schema: The columns that are read; nil for a sink.
    func readFormat(
        _ node: FieldReader, timezone: String, schema: ReadSchema? = nil
    ) -> FormatSpec? {
        guard let value = node.value("format") else { return nil }
        let name: LocatedScalar
        var options: LocatedValue
        switch value.content {
        case .scalar(let scalar):
            name = scalar
            options = LocatedValue(content: .mapping([]), range: value.range)
        case .mapping(let entries) where entries.count == 1:
            name = entries[0].key
            options = entries[0].value
            if options.isNull { options.content = .mapping([]) }
        default:
            report(
                .wrongKind(
                    "'format' takes a name, or {NAME: options}", found: value.kindName,
                    help: "write format: json", at: location(value)))
            return nil
        }
        switch name.text {
        case "json":
            guard let reader = FieldReader(options, SpecFields.json, owner: "format json", self)
            else { return nil }
            var json = JSONOptions()
            json.onMissing = reader.choice("on_missing", JSONOptions.OnMissing.self) ?? .null
            json.timezone = timezone
            return .json(json)
        case "csv":
            guard let reader = FieldReader(options, SpecFields.csv, owner: "format csv", self)
            else { return nil }
            return readCSV(reader, timezone: timezone).map { .csv($0) }
        case "lines":
            return isWithoutOptions(name.text, options) ? .lines : nil
        case "regex", "logfmt":
            guard let schema else {
                report(.formatOnlyReads(name.text, at: location(name)))
                return nil
            }
            if name.text == "logfmt" {
                var logfmt = LogfmtOptions()
                logfmt.timezone = timezone
                return isWithoutOptions(name.text, options) ? .logfmt(logfmt) : nil
            }
            guard let reader = FieldReader(options, SpecFields.regex, owner: "format regex", self)
            else { return nil }
            return readRegex(
                reader, schema: schema, columns: node.rawValue("schema"), timezone: timezone
            ).map { .regex($0) }
        default:
            let names = SpecFields.format.fields.map(\.name)
            if SpecFields.format.laterNames.contains(name.text) {
                report(.notSupported("format '\(name.text)'", at: location(name)))
            } else {
                report(
                    .unknownChoice(name.text, of: "format", choices: names, at: location(name)))
            }
        }
        return nil
    }

    private func isWithoutOptions(_ name: String, _ options: LocatedValue) -> Bool {
        if case .mapping(let entries) = options.content, entries.isEmpty { return true }
        report(
            .wrongKind(
                "format \(name) takes no options", found: options.kindName,
                help: "write format: \(name)", at: location(options)))
        return false
    }

    private func readCSV(_ reader: FieldReader, timezone: String) -> CSVOptions? {
        var csv = CSVOptions()
        var isSound = true
        func byte(_ name: String, isOptional: Bool) -> UInt8? {
            guard let text = reader.text(name) else {
                isSound = false
                return nil
            }
            let bytes = Array(text.value.utf8)
            if bytes.isEmpty, isOptional { return nil }
            if let first = bytes.first, bytes.count == 1, first < 0x80, first != 0x0a, first != 0x0d
            {
                return first
            }
            isSound = false
            report(
                .isNot(
                    name, "takes one ASCII character", at: location(text.scalar),
                    help: name == "delimiter" ? "write \"\\t\" for a tab" : nil))
            return nil
        }
        csv.delimiter = byte("delimiter", isOptional: false) ?? csv.delimiter
        csv.quote = byte("quote", isOptional: true)
        if isSound, csv.quote == csv.delimiter {
            report(
                .isNot(
                    "quote", "is the same as 'delimiter'", at: location(reader.keyRange("quote"))))
            isSound = false
        }
        csv.hasHeader = reader.flag("header") ?? true
        csv.null = Array((reader.text("null")?.value ?? "").utf8)
        csv.onMissing = reader.choice("missing", CSVOptions.OnMissing.self) ?? .invalid
        csv.onExtra = reader.choice("extra", CSVOptions.OnExtra.self) ?? .invalid
        csv.timezone = timezone
        return isSound ? csv : nil
    }

    /// `timezone:`; UTC when absent or reported.
    func readTimezone(_ node: FieldReader) -> String {
        guard let text = node.text("timezone") else { return "UTC" }
        do throws(TimeZoneError) {
            _ = try TimeZoneRules.named(text.value)
            return text.value
        } catch {
            let message = text.isSubstituted ? "unknown time zone" : error.message
            report(Diagnostic(message, at: location(text.scalar), help: error.help))
            return "UTC"
        }
    }
}
