/// Reads the TZif format (RFC 8536), version 2 and later.
enum TimeZoneFile {
    /// Rules are laid out as spans to the end of this year; later moments are computed.
    private static let lastLaidOutYear = 2100

    /// - Returns: nil when the bytes are not such a file.
    static func rules(name: String, _ bytes: [UInt8]) -> TimeZoneRules? {
        guard let first = Header(bytes, at: 0), first.version >= UInt8(ascii: "2"),
            let header = Header(bytes, at: first.end(timeBytes: 4)),
            let spans = spans(bytes, header)
        else { return nil }
        let footerStart = header.end(timeBytes: 8)
        guard footerStart < bytes.count, bytes[footerStart] == 0x0a,
            let length = bytes[(footerStart + 1)...].firstIndex(of: 0x0a)
        else { return nil }
        let text = Array(bytes[(footerStart + 1)..<length])
        if text.isEmpty { return TimeZoneRules(name: name, spans: spans, footer: nil) }
        guard let footer = PosixZone(text) else { return nil }
        return rules(name: name, spans: spans, footer: footer)
    }

    /// Spans followed by what a footer says, as spans for as long as anybody looks often.
    static func rules(
        name: String, spans: [TimeZoneRules.Span], footer: PosixZone
    ) -> TimeZoneRules {
        var spans = spans
        if spans.isEmpty {
            spans = [
                TimeZoneRules.Span(
                    start: .min, offset: Int32(footer.offset(at: -1 << 40)),
                    abbreviation: footer.abbreviation(at: -1 << 40))
            ]
        }
        guard footer.hasDaylightTime else {
            return TimeZoneRules(name: name, spans: spans, footer: spans.isEmpty ? footer : nil)
        }
        let last = spans[spans.count - 1].start
        let firstYear =
            last == .min ? 1970 : CivilDate(daysSinceEpoch: Int(last / 86_400)).year
        for year in firstYear...max(firstYear, lastLaidOutYear) {
            for start in footer.transitions(year: year) where start > last {
                spans.append(
                    TimeZoneRules.Span(
                        start: start, offset: Int32(footer.offset(at: start)),
                        abbreviation: footer.abbreviation(at: start)))
            }
        }
        return TimeZoneRules(name: name, spans: spans, footer: footer)
    }

    private struct Header {
        let version: UInt8
        let start: Int
        let isUTCCount: Int
        let isStandardCount: Int
        let leapCount: Int
        let timeCount: Int
        let typeCount: Int
        let characterCount: Int

        init?(_ bytes: [UInt8], at start: Int) {
            guard start >= 0, start + 44 <= bytes.count,
                bytes[start..<start + 4].elementsEqual(Array("TZif".utf8))
            else { return nil }
            func count(_ index: Int) -> Int {
                Int(bigEndian(bytes, start + 20 + index * 4, 4) & 0xffff_ffff)
            }
            version = bytes[start + 4]
            self.start = start + 44
            isUTCCount = count(0)
            isStandardCount = count(1)
            leapCount = count(2)
            timeCount = count(3)
            typeCount = count(4)
            characterCount = count(5)
            let counts = [
                isUTCCount, isStandardCount, leapCount, timeCount, typeCount, characterCount,
            ]
            guard counts.allSatisfy({ $0 <= 1 << 16 }), typeCount > 0 else { return nil }
        }

        func end(timeBytes: Int) -> Int {
            start + timeCount * (timeBytes + 1) + typeCount * 6 + characterCount
                + leapCount * (timeBytes + 4) + isStandardCount + isUTCCount
        }
    }

    private static func bigEndian(_ bytes: [UInt8], _ start: Int, _ count: Int) -> Int64 {
        var result: UInt64 = 0
        for index in start..<start + count { result = result << 8 | UInt64(bytes[index]) }
        return count == 4
            ? Int64(Int32(truncatingIfNeeded: result)) : Int64(bitPattern: result)
    }

    private static func spans(_ bytes: [UInt8], _ header: Header) -> [TimeZoneRules.Span]? {
        guard header.end(timeBytes: 8) <= bytes.count else { return nil }
        let indices = header.start + header.timeCount * 8
        let types = indices + header.timeCount
        let characters = types + header.typeCount * 6
        func span(_ start: Int64, type: Int) -> TimeZoneRules.Span? {
            guard type < header.typeCount else { return nil }
            let offset = bigEndian(bytes, types + type * 6, 4)
            let name = Int(bytes[types + type * 6 + 5])
            guard offset.magnitude <= 26 * 3600, name < header.characterCount else { return nil }
            let text = bytes[(characters + name)..<(characters + header.characterCount)]
            return TimeZoneRules.Span(
                start: start, offset: Int32(offset), abbreviation: Array(text.prefix { $0 != 0 }))
        }
        guard let first = span(.min, type: 0) else { return nil }
        var result = [first]
        for index in 0..<header.timeCount {
            let start = bigEndian(bytes, header.start + index * 8, 8)
            guard start > result[index].start, start.magnitude < 1 << 50 || index == 0,
                let next = span(start, type: Int(bytes[indices + index]))
            else { return nil }
            result.append(next)
        }
        return result
    }
}
