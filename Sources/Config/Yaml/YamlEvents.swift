import CYaml

/// One event of libyaml, copied out of its memory.
struct YamlEvent {
    enum Kind {
        case streamEnd, documentStart, sequenceStart, sequenceEnd, mappingStart, mappingEnd
        case scalar(LocatedScalar)
        case alias(String)
        case other
    }
    var kind: Kind
    /// Byte offsets in the file.
    var range: Range<Int>
    var anchor: String?
    var hasTag = false
    /// Whether a collection is written in brackets.
    var isFlow = false
}

/// libyaml's parser as a sequence of events. Owns C memory: ``close()`` ends it.
struct YamlEvents: ~Copyable {
    private let source: SourceText
    private let offsets: CharacterOffsets
    /// On the heap because libyaml keeps pointers into its own parser.
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let input: UnsafeMutableBufferPointer<UInt8>
    private let isReady: Bool

    init(source: SourceText, offsets: CharacterOffsets) {
        self.source = source
        self.offsets = offsets
        // SAFETY: both are freed in `close`, and the input outlives the parser that reads it.
        parser = .allocate(capacity: 1)
        parser.initialize(to: yaml_parser_t())
        input = .allocate(capacity: source.bytes.count + 1)
        _ = input.update(fromContentsOf: source.bytes + [0])
        isReady = yaml_parser_initialize(parser) == 1
        if isReady {
            yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
            yaml_parser_set_input_string(parser, input.baseAddress, source.bytes.count)
        }
    }

    /// Frees the parser. No event may be asked for afterwards.
    mutating func close() {
        // SAFETY: called once, by the owner's `defer`; an uninitialised parser is all zeros.
        if isReady { yaml_parser_delete(parser) }
        parser.deinitialize(count: 1)
        parser.deallocate()
        input.deallocate()
    }

    mutating func next() throws(Diagnostic) -> YamlEvent {
        guard isReady else { throw .unreadableYaml("there is no memory to read it", at: nil) }
        var event = yaml_event_t()
        // SAFETY: the parser is initialised; the event is deleted once its text has been copied.
        guard yaml_parser_parse(parser, &event) == 1 else { throw problem() }
        defer { yaml_event_delete(&event) }
        return translate(event)
    }

    private func translate(_ event: yaml_event_t) -> YamlEvent {
        let start = offsets.byteOffset(ofCharacter: event.start_mark.index)
        let end = offsets.byteOffset(ofCharacter: event.end_mark.index)
        var result = YamlEvent(kind: .other, range: start..<max(start, end))
        switch event.type {
        case YAML_STREAM_END_EVENT: result.kind = .streamEnd
        case YAML_DOCUMENT_START_EVENT: result.kind = .documentStart
        case YAML_SEQUENCE_END_EVENT: result.kind = .sequenceEnd
        case YAML_MAPPING_END_EVENT: result.kind = .mappingEnd
        case YAML_ALIAS_EVENT:
            result.kind = .alias(text(event.data.alias.anchor) ?? "")
        case YAML_SEQUENCE_START_EVENT:
            let data = event.data.sequence_start
            result.kind = .sequenceStart
            result.anchor = text(data.anchor)
            result.hasTag = data.tag != nil
            result.isFlow = data.style == YAML_FLOW_SEQUENCE_STYLE
        case YAML_MAPPING_START_EVENT:
            let data = event.data.mapping_start
            result.kind = .mappingStart
            result.anchor = text(data.anchor)
            result.hasTag = data.tag != nil
            result.isFlow = data.style == YAML_FLOW_MAPPING_STYLE
        case YAML_SCALAR_EVENT:
            let data = event.data.scalar
            // The event begins at the anchor; the text of the scalar begins after it.
            result.range = afterProperties(result.range)
            // SAFETY: libyaml gives `length` bytes at `value` until the event is deleted.
            let bytes = UnsafeBufferPointer(start: data.value, count: data.length)
            result.kind = .scalar(
                LocatedScalar(
                    text: String(decoding: bytes, as: UTF8.self), style: style(data.style),
                    range: result.range))
            result.anchor = text(data.anchor)
            result.hasTag = data.tag != nil
        default: break
        }
        return result
    }

    /// The range of a scalar without `&anchor` before it.
    private func afterProperties(_ range: Range<Int>) -> Range<Int> {
        guard range.count > 1, source.bytes[range.lowerBound] == UInt8(ascii: "&") else {
            return range
        }
        var offset = range.lowerBound
        while offset < range.upperBound, !isYamlSpace(source.bytes[offset]) { offset += 1 }
        while offset < range.upperBound, isYamlSpace(source.bytes[offset]) { offset += 1 }
        return offset..<range.upperBound
    }

    private func style(_ style: yaml_scalar_style_t) -> LocatedScalar.Style {
        switch style {
        case YAML_SINGLE_QUOTED_SCALAR_STYLE: return .singleQuoted
        case YAML_DOUBLE_QUOTED_SCALAR_STYLE: return .doubleQuoted
        case YAML_LITERAL_SCALAR_STYLE: return .literal
        case YAML_FOLDED_SCALAR_STYLE: return .folded
        default: return .plain
        }
    }

    private func text(_ pointer: UnsafeMutablePointer<yaml_char_t>?) -> String? {
        // SAFETY: libyaml ends names with a zero byte and keeps them until the event is deleted.
        pointer.map { String(cString: $0) }
    }

    /// What libyaml stumbled over, in our words.
    private func problem() -> Diagnostic {
        // SAFETY: problem and context are static texts of libyaml, or nil.
        let state = parser.pointee
        let problem = state.problem.map { String(cString: $0) } ?? ""
        let context = state.context.map { String(cString: $0) } ?? ""
        let offset = offsets.byteOffset(ofCharacter: state.problem_mark.index)
        let opening =
            context.isEmpty ? nil : offsets.byteOffset(ofCharacter: state.context_mark.index)
        return yamlProblem(
            YamlProblem(problem: problem, context: context, offset: offset, opening: opening),
            in: source)
    }
}

/// Where each character of the file begins: libyaml counts characters, we count bytes.
struct CharacterOffsets {
    /// nil when every character is one byte.
    private let starts: [Int32]?
    private let byteCount: Int

    init(_ bytes: [UInt8]) {
        byteCount = bytes.count
        guard bytes.contains(where: { $0 >= 0x80 }) else {
            starts = nil
            return
        }
        var starts: [Int32] = []
        starts.reserveCapacity(bytes.count)
        for (offset, byte) in bytes.enumerated() where (byte & 0xc0) != 0x80 {
            starts.append(Int32(truncatingIfNeeded: offset))
        }
        self.starts = starts
    }

    func byteOffset(ofCharacter index: Int) -> Int {
        guard let starts else { return min(max(index, 0), byteCount) }
        return index >= 0 && index < starts.count ? Int(starts[index]) : byteCount
    }
}

func isYamlSpace(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\n")
        || byte == UInt8(ascii: "\r")
}
