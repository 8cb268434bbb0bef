import Operators

extension LoadContext {
    /// Whether a node is `generate: {nexmark: …}`, whatever else is wrong with it.
    func isNexmark(_ node: FieldReader) -> Bool { nexmarkEntry(node) != nil }

    private func nexmarkEntry(_ node: FieldReader) -> LocatedEntry? {
        guard case .mapping(let entries)? = node.rawValue("generate")?.content else { return nil }
        return entries.first { $0.key.text == "nexmark" }
    }

    /// The columns that `nexmark` brings; none are known when its value is none of the three.
    func readNexmarkSchema(_ node: FieldReader) -> ReadSchema {
        for name in ["schema", "timezone"] where node.has(name) {
            report(
                .isNot(
                    name, "does not go with 'nexmark', which brings its columns",
                    at: location(node.keyRange(name)), help: "remove it"))
        }
        guard case .scalar(let scalar)? = nexmarkEntry(node)?.value.content,
            let kind = NexmarkOptions.Kind(rawValue: scalar.text)
        else { return ReadSchema(isOpen: true) }
        return ReadSchema(fields: kind.fields)
    }

    /// Reads `generate: {nexmark: …}`; nil when reported.
    func readNexmark(_ node: FieldReader) -> NexmarkOptions? {
        guard let generate = node.mapping("generate", SpecFields.generate) else { return nil }
        for name in ["count", "columns"] where generate.has(name) {
            report(
                .isNot(
                    name,
                    "does not go with 'nexmark', which counts 'events' and brings its columns",
                    at: location(generate.keyRange(name)),
                    help: name == "count" ? "write events: 1000000" : "remove it"))
        }
        let kind = generate.choice("nexmark", NexmarkOptions.Kind.self)
        let seed = generate.integer("seed", in: Int64.min...Int64.max)
        let rate =
            generate.has("rate")
            ? generate.integer("rate", in: 1...1_000_000_000) : NexmarkOptions.defaultRate
        let start =
            generate.has("start")
            ? readNexmarkStart(generate) : NexmarkOptions.defaultStartMicros
        var events: Int64?
        if generate.has("events") {
            events = generate.integer("events", in: 0...Int64.max)
            if let count = events, count > NexmarkOptions.eventsMax {
                report(
                    .outOfRange(
                        "events", "must be at most \(NexmarkOptions.eventsMax)",
                        at: location(generate.keyRange("events"))))
                events = nil
            }
        } else if let field = SpecFields.generate["events"] {
            report(.missingField(field, owner: "'generate'", at: location(generate.start)))
        }
        guard let kind, let seed, let rate, let start, let events else { return nil }
        let options = NexmarkOptions(
            kind: kind, seed: UInt64(bitPattern: seed), events: events, rate: rate,
            startMicros: start)
        if options.latestMicros > Timestamp.max {
            report(
                .outOfRange(
                    "events", "at this rate reach beyond the year 9999",
                    at: location(generate.keyRange("events"))))
        }
        return options
    }

    private func readNexmarkStart(_ generate: FieldReader) -> Int64? {
        guard let text = generate.text("start") else { return nil }
        if let micros = parseTimestamp(text.value) {
            if micros % 1000 == 0 { return micros }
            report(
                .outOfRange(
                    "start", "must be a whole millisecond", at: location(text.scalar)))
            return nil
        }
        report(
            .badValue(
                text.written, isSubstituted: text.isSubstituted, of: "start",
                expecting: "a time such as 2026-01-01T00:00:00Z", at: location(text.scalar)))
        return nil
    }
}
