/// One document of a file, and what is wrong with it as YAML.
package struct YamlDocument: Sendable {
    package var root: LocatedValue
    package var diagnostics: [Diagnostic]
}

/// What a file of YAML gave: its documents, or why not.
package struct YamlFile: Sendable {
    /// In the order of the file. Empty when the file is broken: no part of it is to be used.
    package var documents: [YamlDocument]
    /// Why it cannot be read as YAML at all; nil when it can.
    package var problem: Diagnostic?
}

/// Reads a file of one or more YAML documents into located values.
///
/// Opens nothing and never traps on bad input. Sizes, depth and alias expansion are bounded by
/// ``YamlLimits``.
/// - Complexity: O(bytes + expanded nodes).
package func parseYaml(_ source: SourceText) -> YamlFile {
    if let problem = unreadableText(in: source) {
        return YamlFile(documents: [], problem: problem)
    }
    var builder = YamlBuilder(source: source)
    do {
        return YamlFile(documents: try builder.read(), problem: nil)
    } catch {
        return YamlFile(documents: [], problem: error)
    }
}

/// Turns libyaml's events into located values, by recursive descent over at most
/// ``YamlLimits/depthMax`` levels.
private struct YamlBuilder {
    /// A finished anchor: its value, and what an alias to it costs.
    private struct Anchor {
        var value: LocatedValue
        var nodeCount: Int
        var height: Int
    }

    /// A value and what it costs to expand.
    private struct Built {
        var value: LocatedValue
        var nodeCount: Int
        /// Levels of collections in it: 0 for a scalar.
        var height: Int
    }

    let source: SourceText
    /// Of the document that is being read.
    private var diagnostics: [Diagnostic] = []
    private let offsets: CharacterOffsets
    private var anchors: [String: Anchor] = [:]
    private var openAnchors: Set<String> = []
    private var nodesLeft = YamlLimits.nodesMax

    init(source: SourceText) {
        self.source = source
        offsets = CharacterOffsets(source.bytes)
    }

    mutating func read() throws(Diagnostic) -> [YamlDocument] {
        var events = YamlEvents(source: source, offsets: offsets)
        defer { events.close() }
        var documents: [YamlDocument] = []
        while true {
            let event = try events.next()
            switch event.kind {
            case .streamEnd: return documents
            case .documentStart:
                anchors = [:]
                openAnchors = []
                diagnostics = []
                let root = try value(events.next(), depth: 0, &events).value
                // An empty document, such as a file of comments, holds nothing to read.
                if !root.isNull {
                    documents.append(YamlDocument(root: root, diagnostics: diagnostics))
                }
            default: continue
            }
        }
    }

    private mutating func value(
        _ event: YamlEvent, depth: Int, _ events: inout YamlEvents
    ) throws(Diagnostic) -> Built {
        if event.hasTag {
            throw .unsupportedTag(at: source.location(event.range))
        }
        if case .alias(let name) = event.kind { return try expand(name, event.range, depth: depth) }
        var cost = 1
        if case .scalar(let scalar) = event.kind {
            cost += scalar.text.utf8.count / YamlLimits.textBytesPerNode
        }
        try spend(cost, at: event.range)
        if let anchor = event.anchor { openAnchors.insert(anchor) }
        let built: Built
        switch event.kind {
        case .scalar(let scalar):
            built = Built(
                value: LocatedValue(content: .scalar(scalar), range: event.range),
                nodeCount: cost, height: 0)
        case .sequenceStart:
            built = try sequence(from: event, depth: depth, &events)
        case .mappingStart:
            built = try mapping(from: event, depth: depth, &events)
        default:
            throw .unreadableYaml("a value is missing here", at: source.location(event.range))
        }
        if let anchor = event.anchor {
            openAnchors.remove(anchor)
            anchors[anchor] = Anchor(
                value: built.value, nodeCount: built.nodeCount, height: built.height)
        }
        return built
    }

    private mutating func expand(
        _ name: String, _ range: Range<Int>, depth: Int
    ) throws(Diagnostic) -> Built {
        guard let anchor = anchors[name] else {
            throw .unknownAnchor(
                name, isOpen: openAnchors.contains(name),
                suggestion: suggestion(for: name, among: anchors.keys.sorted()),
                at: source.location(range))
        }
        try spend(anchor.nodeCount, at: range)
        if depth + anchor.height > YamlLimits.depthMax {
            throw .nestedTooDeeply(at: source.location(range))
        }
        return Built(value: anchor.value, nodeCount: anchor.nodeCount, height: anchor.height)
    }

    private mutating func sequence(
        from start: YamlEvent, depth: Int, _ events: inout YamlEvents
    ) throws(Diagnostic) -> Built {
        if depth >= YamlLimits.depthMax { throw .nestedTooDeeply(at: source.location(start.range)) }
        var items: [LocatedValue] = []
        var nodeCount = 1
        var height = 0
        while true {
            let event = try events.next()
            if case .sequenceEnd = event.kind {
                let range = start.range.lowerBound..<event.range.upperBound
                return Built(
                    value: LocatedValue(content: .sequence(items), range: range),
                    nodeCount: nodeCount, height: height + 1)
            }
            let item = try value(event, depth: depth + 1, &events)
            items.append(item.value)
            nodeCount += item.nodeCount
            height = max(height, item.height)
        }
    }

    private mutating func mapping(
        from start: YamlEvent, depth: Int, _ events: inout YamlEvents
    ) throws(Diagnostic) -> Built {
        if depth >= YamlLimits.depthMax { throw .nestedTooDeeply(at: source.location(start.range)) }
        var entries: [LocatedEntry] = []
        var merged: [LocatedEntry] = []
        var nodeCount = 1
        var height = 0
        while true {
            let event = try events.next()
            if case .mappingEnd = event.kind {
                let range = start.range.lowerBound..<event.range.upperBound
                if start.isFlow {
                    repairCommaCuts(&entries)
                    repairMissingBlanks(&entries)
                }
                var all = withoutDuplicates(entries)
                let names = Set(all.map { Array($0.key.text.utf8) })
                all += merged.filter { !names.contains(Array($0.key.text.utf8)) }
                return Built(
                    value: LocatedValue(content: .mapping(all), range: range),
                    nodeCount: nodeCount, height: height + 1)
            }
            let keyValue = try value(event, depth: depth + 1, &events)
            guard case .scalar(let key) = keyValue.value.content else {
                throw .keyIsNoText(at: source.location(keyValue.value.range))
            }
            let item = try value(events.next(), depth: depth + 1, &events)
            nodeCount += keyValue.nodeCount + item.nodeCount
            height = max(height, item.height)
            if key.style == .plain, key.text == "<<" {
                merged += try mergedEntries(item.value, besides: merged)
            } else {
                entries.append(LocatedEntry(key: key, value: item.value))
            }
        }
    }

    /// The entries that `<<` brings: of one mapping or of several, the earlier one first.
    private func mergedEntries(
        _ value: LocatedValue, besides present: [LocatedEntry]
    ) throws(Diagnostic) -> [LocatedEntry] {
        var names = Set(present.map { Array($0.key.text.utf8) })
        var result: [LocatedEntry] = []
        let mappings: [LocatedValue]
        if case .sequence(let items) = value.content {
            mappings = items
        } else {
            mappings = [value]
        }
        for mapping in mappings {
            guard case .mapping(let entries) = mapping.content else {
                throw .mergeIsNoMapping(at: source.location(value.range))
            }
            for entry in entries where names.insert(Array(entry.key.text.utf8)).inserted {
                result.append(entry)
            }
        }
        return result
    }

    /// Reports every key that stands twice and keeps its first place.
    private mutating func withoutDuplicates(_ entries: [LocatedEntry]) -> [LocatedEntry] {
        var places: [[UInt8]: Range<Int>] = [:]
        var result: [LocatedEntry] = []
        for entry in entries {
            let name = Array(entry.key.text.utf8)
            if let first = places[name] {
                report(
                    .duplicateKey(
                        entry.key.text, at: source.location(entry.key.range),
                        first: source.location(first)))
            } else {
                places[name] = entry.key.range
                result.append(entry)
            }
        }
        return result
    }

    /// Reports expressions that YAML cut at a comma, as in `{a: coalesce(a, b)}`, and takes the
    /// pieces out of the way of later checks.
    private mutating func repairCommaCuts(_ entries: inout [LocatedEntry]) {
        var index = 1
        while index < entries.count {
            let piece = entries[index]
            let isPiece =
                piece.isPiece
                && [")", "'", ">"].contains { piece.key.text.hasSuffix($0) }
            guard isPiece, let first = cutBeginning(before: index, in: entries) else {
                index += 1
                continue
            }
            // `f(g(a, b), c)`: the first piece that ends so is not always the last one.
            let value = entries[first].value.range
            let rest = entries[(first + 1)...].lazy.prefix { $0.isPiece }.map(\.key.range)
            let last = source.endOfCutText(value, rest).map { first + 1 + $0 } ?? index
            let range = value.lowerBound..<entries[last].key.range.upperBound
            report(
                .cutAtComma(
                    key: entries[first].key.text, text: source.text(range),
                    at: source.location(range)))
            entries[first].value = LocatedValue(content: .broken, range: range)
            entries.removeSubrange((first + 1)...last)
            index = first + 1
        }
    }

    /// Reports `{path:data/x.csv}`, of which YAML makes a key without a value.
    private mutating func repairMissingBlanks(_ entries: inout [LocatedEntry]) {
        for index in entries.indices {
            guard let key = keyWithoutBlank(entries[index]) else { continue }
            let written = entries[index].key
            report(
                .missingBlank(
                    key: key.text, text: written.text, at: source.location(written.range)))
            entries[index] = LocatedEntry(
                key: key, value: LocatedValue(content: .broken, range: written.range))
        }
    }

    /// The entry whose value lacks the closing mark that the piece at `index` ends with; only
    /// pieces without a value may stand between.
    private func cutBeginning(before index: Int, in entries: [LocatedEntry]) -> Int? {
        var candidate = index - 1
        while candidate >= 0, index - candidate <= CutText.piecesMax {
            let entry = entries[candidate]
            if case .scalar(let scalar) = entry.value.content, !scalar.text.isEmpty {
                return scalar.style == .plain && isCutText(scalar.text) ? candidate : nil
            }
            guard entry.value.isNull, entry.value.range.isEmpty else { return nil }
            candidate -= 1
        }
        return nil
    }

    private mutating func report(_ diagnostic: Diagnostic) {
        if diagnostics.count < SpecLimits.diagnosticsMax { diagnostics.append(diagnostic) }
    }

    private mutating func spend(_ count: Int, at range: Range<Int>) throws(Diagnostic) {
        nodesLeft -= count
        if nodesLeft < 0 { throw .tooManyNodes(at: source.location(range)) }
    }
}

extension LocatedEntry {
    /// Whether it is a text and nothing else, as a comma in braces leaves it.
    fileprivate var isPiece: Bool { key.style == .plain && value.isNull && value.range.isEmpty }
}

/// Whether an expression's text ends within a quote or a parenthesis.
package func hasOpenMark(_ text: String) -> Bool {
    var depth = 0
    var quote: UInt8?
    for byte in text.utf8 {
        if let open = quote {
            if byte == open { quote = nil }
        } else if byte == UInt8(ascii: "'") || byte == UInt8(ascii: "\"") {
            quote = byte
        } else if byte == UInt8(ascii: "(") {
            depth += 1
        } else if byte == UInt8(ascii: ")") {
            depth -= 1
        }
    }
    return quote != nil || depth > 0
}
