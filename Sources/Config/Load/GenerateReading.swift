import Operators

extension LoadContext {
    /// Reads `generate:`; its columns follow the fields of the schema.
    func readGenerate(_ node: FieldReader, _ schema: ReadSchema) -> GenerateOptions? {
        guard let generate = node.mapping("generate", SpecFields.generate) else { return nil }
        let rate = generate.has("rate") ? generate.positiveNumber("rate") : nil
        let count = generate.has("count") ? generate.integer("count", in: 0...Int64.max) : nil
        let seed = generate.integer("seed", in: Int64.min...Int64.max) ?? 0
        for name in SpecFields.generateOfNexmark where generate.has(name) {
            report(
                .isNot(
                    name, "goes with 'nexmark'", at: location(generate.keyRange(name)),
                    help: name == "events"
                        ? "write count: 10000" : "give a column time: {start: …}"))
        }
        guard generate.has("columns") else {
            if let field = SpecFields.generate["columns"] {
                report(.missingField(field, owner: generate.owner, at: location(generate.start)))
            }
            return nil
        }
        let entries = generate.namedEntries("columns")

        let names = schema.fields.map(\.name)
        for entry in entries where !names.contains(entry.key.text) {
            guard !schema.isOpen, !schema.doubtful.contains(entry.key.text) else { continue }
            report(
                .unknownColumn(
                    entry.key.text, owner: "schema", columns: names, at: location(entry.key)))
        }
        let columns = schema.fields.compactMap { field -> GenerateOptions.Column? in
            guard let entry = entries.first(where: { $0.key.text == field.name }) else {
                report(.noGenerator(field.name, at: location(generate.keyRange("columns"))))
                return nil
            }
            return readGenerator(entry, field, rate: rate)
        }
        return GenerateOptions(
            seed: UInt64(bitPattern: seed), count: count, rate: rate, columns: columns)
    }

    /// `uuid`, `sequence`, `boolean` or `{NAME: options}`.
    private func readGenerator(
        _ entry: LocatedEntry, _ field: FieldSpec, rate: Double?
    ) -> GenerateOptions.Column? {
        var value = entry.value
        if case .scalar(let scalar) = value.content, !value.isNull {
            // The plain name stands for itself without options.
            let none = LocatedValue(
                content: .scalar(LocatedScalar(text: "", style: .plain, range: scalar.range)),
                range: value.range)
            value.content = .mapping([LocatedEntry(key: scalar, value: none)])
        }
        guard
            let reader = FieldReader(
                value, SpecFields.generateColumn, owner: "column '\(field.name)'", self)
        else { return nil }
        let written = SpecFields.generateColumn.fields.map(\.name).filter(reader.has)
        guard let name = written.first, written.count == 1 else {
            if !reader.hasForeignKeys || written.count > 1 {
                report(.noGenerator(field.name, at: location(entry.key)))
            }
            return nil
        }
        let place = location(reader.keyRange(name))
        guard let column = readGenerator(name, reader, field, rate: rate) else { return nil }
        let gives: [ColumnType]
        switch column {
        case .sequence, .integer: gives = [.bigint]
        case .double: gives = [.double]
        case .boolean: gives = [.boolean]
        case .choice, .key, .uuid: gives = [.string]
        case .time: gives = [.timestamp]
        }
        if !gives.contains(field.type) {
            report(
                .wrongGenerator(
                    name, column: field.name, type: field.type.name, gives: gives[0].name, at: place
                ))
            return nil
        }
        return column
    }

    private func readGenerator(
        _ name: String, _ reader: FieldReader, _ field: FieldSpec, rate: Double?
    ) -> GenerateOptions.Column? {
        let isPlain = reader.rawValue(name)?.isNull ?? true
        switch name {
        case "boolean": return takesNothing(name, reader) ? .boolean : nil
        case "uuid":
            if isPlain { return .uuid(count: nil) }
            return reader.integer(name, in: 1...Int64.max).map { .uuid(count: $0) }
        case "sequence":
            if isPlain { return .sequence(start: 0) }
            return reader.integer(name, in: Int64.min...Int64.max).map { .sequence(start: $0) }
        case "range": return readRange(reader, field)
        case "choice": return readChoices(reader)
        case "key":
            guard let key = reader.mapping(name, SpecFields.generateKey),
                let count = key.integer("count", in: 1...Int64.max)
            else { return nil }
            return .key(prefix: Array((key.text("prefix")?.value ?? "").utf8), count: count)
        default: return readTime(reader, isPlain: isPlain, rate: rate)
        }
    }

    private func readRange(_ reader: FieldReader, _ field: FieldSpec) -> GenerateOptions.Column? {
        guard let value = reader.value("range") else { return nil }
        var bounds: [CoreValue] = []
        if case .sequence(let items) = value.content {
            for case .scalar(let scalar) in items.map(\.content) { bounds.append(scalar.resolved) }
            if bounds.count != items.count { bounds = [] }
        }
        guard bounds.count == 2 else {
            report(
                .wrongKind(
                    "'range' takes two numbers", found: value.kindName, help: "write [1, 100]",
                    at: location(value)))
            return nil
        }
        if case .integer(let low) = bounds[0], case .integer(let high) = bounds[1],
            field.type != .double
        {
            if low <= high { return .integer(low: low, high: high) }
        } else if let low = number(bounds[0]), let high = number(bounds[1]), low <= high {
            return .double(low: low, high: high)
        }
        report(.outOfRange("range", "goes from a number to one not below it", at: location(value)))
        return nil
    }

    private func number(_ value: CoreValue) -> Double? {
        switch value {
        case .integer(let number): return Double(number)
        case .float(let number): return number.isFinite ? number : nil
        default: return nil
        }
    }

    private func readChoices(_ reader: FieldReader) -> GenerateOptions.Column? {
        guard let names = reader.names("choice") else { return nil }
        let texts = names.compactMap { substitute($0) }
        guard !texts.isEmpty else {
            if names.isEmpty {
                report(.emptyList("choice", at: location(reader.keyRange("choice"))))
            }
            return nil
        }
        return .choice(texts.map { Array($0.value.utf8) })
    }

    private func readTime(
        _ reader: FieldReader, isPlain: Bool, rate: Double?
    ) -> GenerateOptions.Column? {
        // By the rate, so that event time goes as fast as the clock.
        var step: Int64 = 1000
        if let rate { step = max(1, Int64(exactly: (1_000_000 / rate).rounded()) ?? Int64.max) }
        if isPlain { return .time(startMicros: nil, stepMicros: step, jitterMicros: 0) }
        guard let time = reader.mapping("time", SpecFields.generateTime) else { return nil }
        if time.has("step") { step = time.duration("step") ?? step }
        let jitter = time.duration("jitter") ?? 0
        var start: Int64?
        if time.has("start"), let text = time.text("start") {
            start = parseTimestamp(text.value)
            if start == nil {
                report(
                    .badValue(
                        text.written, isSubstituted: text.isSubstituted, of: "start",
                        expecting: "a time such as 2026-01-01T00:00:00Z",
                        at: location(text.scalar)))
            }
        }
        return .time(startMicros: start, stepMicros: step, jitterMicros: jitter)
    }
}
