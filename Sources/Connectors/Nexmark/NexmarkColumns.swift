import Config
import Operators

/// Makes the columns of a kind: each value is a function of the seed and its event's number.
struct NexmarkColumns {
    private let options: NexmarkOptions
    private let letters: NexmarkPool
    private let words: NexmarkPool?
    private let prices = NexmarkPrices()
    /// Whatever the columns choose from.
    private var tables: [NexmarkOptions.Column: NexmarkTable] = [:]

    /// - Parameter columns: Those that will be asked for.
    init(_ options: NexmarkOptions, columns: [NexmarkOptions.Column]) {
        self.options = options
        letters = .letters(seed: options.seed)
        let hasWords = columns.contains(.itemName) || columns.contains(.description)
        words = hasWords ? .words(seed: options.seed) : nil
        for column in columns {
            switch column {
            case .name: tables[column] = NexmarkTable(NexmarkTable.names)
            case .city: tables[column] = NexmarkTable(NexmarkTable.cities)
            case .state: tables[column] = NexmarkTable(NexmarkTable.states)
            case .channel: tables[column] = .channels()
            case .url: tables[column] = .urls(seed: options.seed)
            default: break
            }
        }
    }

    /// The values of `column` for the events whose numbers are in `events`.
    ///
    /// - Complexity: O(count); a buffer or two, and nothing a row.
    func column(_ column: NexmarkOptions.Column, events: Buffer, count: Int) -> Column {
        let events = UnsafePointer(events.pointer(to: Int64.self))
        switch column {
        case .id where options.kind == .person:
            return integers(column, events, count) { Self.lastPerson($0) &+ NexmarkLayout.firstID }
        case .id:
            return integers(column, events, count) { event in
                event / NexmarkLayout.cycle &* NexmarkLayout.auctionsPerCycle
                    &+ event % NexmarkLayout.cycle &- 1 &+ NexmarkLayout.firstID
            }
        case .dateTime:
            let (rate, start) = (options.rate, options.startMicros)
            return integers(column, events, count) { event in
                start &+ NexmarkLayout.millis(event, rate: rate) &* 1000
            }
        case .expires: return expires(events, count)
        case .auction:
            return drawn(column, .auction, events, count) { Self.auction($0, event: $1) }
        case .bidder: return drawn(column, .bidder, events, count) { Self.bidder($0, event: $1) }
        case .seller: return drawn(column, .seller, events, count) { Self.seller($0, event: $1) }
        case .category:
            return drawn(column, .category, events, count) { drawn, _ in
                10 &+ Self.scaled(drawn, 5)
            }
        case .price, .initialBid:
            let prices = self.prices
            let stream: NexmarkStream = column == .price ? .price : .initialBid
            return drawn(column, stream, events, count) { drawn, _ in prices.price(drawn) }
        case .reserve:
            let prices = self.prices
            let first = random(.initialBid)
            return drawn(column, .reserve, events, count) { drawn, event in
                prices.price(first[UInt64(bitPattern: event)]) &+ prices.price(drawn)
            }
        case .name: return chosen(column, .name, events, count)
        case .city: return chosen(column, .city, events, count)
        case .state: return chosen(column, .state, events, count)
        case .channel, .url: return ofChannel(column, events, count)
        case .itemName: return phrases(.itemName, events, count, width: 17)
        case .description: return phrases(.description, events, count, width: 97)
        case .emailAddress:
            return composed(.emailAddress, events, count, bytesMax: 15) { [letters] in
                Self.writeEmail($0, letters, $1)
            }
        case .creditCard:
            return composed(.creditCard, events, count, bytesMax: 19) {
                Self.writeCard($0, $1)
            }
        case .extra:
            switch options.kind {
            case .person: return extra(.personExtra, events, count, base: 110, width: 56)
            case .auction: return extra(.auctionExtra, events, count, base: 312, width: 156)
            case .bid: return extra(.bidExtra, events, count, base: 54, width: 28)
            }
        }
    }

    // Numbers

    private func random(_ stream: NexmarkStream) -> SeededValue {
        SeededValue(seed: options.seed, stream: stream.rawValue)
    }

    /// Uniform in 0..<bound.
    @inline(__always)
    private static func scaled(_ drawn: UInt64, _ bound: Int64) -> Int64 {
        Int64(truncatingIfNeeded: drawn.multipliedFullWidth(by: UInt64(bitPattern: bound)).high)
    }

    @inline(__always)
    private static func lastPerson(_ event: Int64) -> Int64 { event / NexmarkLayout.cycle }

    /// One of the last 1000 persons, or of the next ten, who are still to come.
    @inline(__always)
    private static func anyPerson(_ drawn: UInt64, event: Int64) -> Int64 {
        let known = lastPerson(event) &+ 1
        let active = min(known, 1000)
        return known &- active &+ scaled(drawn, active &+ 10)
    }

    /// Half of the bids are on the first of the latest hundred auctions, the others on one of the
    /// last 101 or of the next ten.
    @inline(__always)
    private static func auction(_ drawn: UInt64, event: Int64) -> Int64 {
        let last = event / NexmarkLayout.cycle &* NexmarkLayout.auctionsPerCycle &+ 2
        if drawn >> 63 == 1 { return last / 100 &* 100 &+ NexmarkLayout.firstID }
        let first = max(last &- 100, 0)
        return first &+ scaled(drawn << 1, last &- first &+ 11) &+ NexmarkLayout.firstID
    }

    /// Three of four bids are by the second of the latest hundred persons.
    @inline(__always)
    private static func bidder(_ drawn: UInt64, event: Int64) -> Int64 {
        if drawn >> 62 != 0 { return lastPerson(event) / 100 &* 100 &+ 1 &+ NexmarkLayout.firstID }
        return anyPerson(drawn << 2, event: event) &+ NexmarkLayout.firstID
    }

    /// Three of four auctions are by the first of the latest hundred persons.
    @inline(__always)
    private static func seller(_ drawn: UInt64, event: Int64) -> Int64 {
        if drawn >> 62 != 0 { return lastPerson(event) / 100 &* 100 &+ NexmarkLayout.firstID }
        return anyPerson(drawn << 2, event: event) &+ NexmarkLayout.firstID
    }

    /// Within twice the time in which a hundred auctions open.
    private func expires(_ events: UnsafePointer<Int64>, _ count: Int) -> Column {
        let (rate, start) = (options.rate, options.startMicros)
        return drawn(.expires, .expires, events, count) { drawn, event in
            let now = NexmarkLayout.millis(event, rate: rate)
            let later = NexmarkLayout.millis(event &+ 1666, rate: rate)
            let open = max((later &- now) &* 2, 1)
            return start &+ (now &+ 1 &+ Self.scaled(drawn, open)) &* 1000
        }
    }

    @inline(__always)
    private func integers(
        _ column: NexmarkOptions.Column, _ events: UnsafePointer<Int64>, _ count: Int,
        _ value: (Int64) -> Int64
    ) -> Column {
        let values = Buffer(capacity: count * 8)
        let target = values.pointer(to: Int64.self)
        for row in 0..<count { target[row] = value(events[row]) }
        return Column(type: column.type, count: count, values: values)
    }

    @inline(__always)
    private func drawn(
        _ column: NexmarkOptions.Column, _ stream: NexmarkStream,
        _ events: UnsafePointer<Int64>, _ count: Int, _ value: (UInt64, Int64) -> Int64
    ) -> Column {
        let random = random(stream)
        return integers(column, events, count) { value(random[UInt64(bitPattern: $0)], $0) }
    }

    // Texts

    @inline(__always)
    private func views(
        _ stream: NexmarkStream, _ events: UnsafePointer<Int64>, _ count: Int, retained: [Buffer],
        _ view: (UInt64) -> StringView
    ) -> Column {
        let random = random(stream)
        let values = Buffer(capacity: count * MemoryLayout<StringView>.stride)
        let target = values.pointer(to: StringView.self)
        for row in 0..<count { target[row] = view(random[UInt64(bitPattern: events[row])]) }
        return Column(type: .string, count: count, values: values, retained: retained)
    }

    /// One of a table's texts, uniformly.
    private func chosen(
        _ column: NexmarkOptions.Column, _ stream: NexmarkStream,
        _ events: UnsafePointer<Int64>, _ count: Int
    ) -> Column {
        let table = table(column)
        let texts = table.views.pointer(to: StringView.self)
        let size = Int64(table.count)
        return views(stream, events, count, retained: [table.texts]) {
            texts[Int(Self.scaled($0, size))]
        }
    }

    /// Half of the bids come from the four hot channels, which share that half equally.
    private func ofChannel(
        _ column: NexmarkOptions.Column, _ events: UnsafePointer<Int64>, _ count: Int
    ) -> Column {
        let table = table(column)
        let texts = table.views.pointer(to: StringView.self)
        let cold = NexmarkTable.coldChannels
        return views(.channel, events, count, retained: [table.texts]) {
            let drawn = Int(Self.scaled($0, Int64(2 * cold)))
            return texts[drawn < cold ? drawn : cold &+ (drawn &- cold) / (cold / 4)]
        }
    }

    private func table(_ column: NexmarkOptions.Column) -> NexmarkTable {
        guard let table = tables[column] else {
            preconditionFailure("no texts for \(column.rawValue)")
        }
        return table
    }

    /// Letters: the upper half of the number says how many, the lower where in the pool.
    private func extra(
        _ stream: NexmarkStream, _ events: UnsafePointer<Int64>, _ count: Int, base: Int,
        width: UInt64
    ) -> Column {
        let pool = letters.bytes.pointer(to: UInt8.self)
        return views(stream, events, count, retained: [letters.bytes]) { drawn in
            StringView(
                base: pool + Int(drawn & (NexmarkPool.places &- 1)),
                count: base &+ Int(((drawn >> 32) &* width) >> 32))
        }
    }

    /// Three letters or blanks and up to `width` − 1 more, without blanks at the ends.
    private func phrases(
        _ stream: NexmarkStream, _ events: UnsafePointer<Int64>, _ count: Int, width: UInt64
    ) -> Column {
        guard let words else { preconditionFailure("no words") }
        let pool = words.bytes.pointer(to: UInt8.self)
        return views(stream, events, count, retained: [words.bytes]) { drawn in
            var first = Int(drawn & (NexmarkPool.places &- 1))
            var end = first &+ 3 &+ Int(((drawn >> 32) &* width) >> 32)
            while first < end, pool[first] == 0x20 { first &+= 1 }
            while end > first, pool[end &- 1] == 0x20 { end &-= 1 }
            return StringView(base: pool + first, count: end &- first)
        }
    }

    /// Texts that are written anew, each of at most `bytesMax` bytes.
    @inline(__always)
    private func composed(
        _ stream: NexmarkStream, _ events: UnsafePointer<Int64>, _ count: Int, bytesMax: Int,
        _ write: (UInt64, UnsafeMutablePointer<UInt8>) -> Int
    ) -> Column {
        let texts = Buffer(capacity: count * bytesMax)
        var next = texts.pointer(to: UInt8.self)
        return views(stream, events, count, retained: [texts]) { drawn in
            let base = next
            let length = write(drawn, base)
            next = base + length
            return StringView(base: base, count: length)
        }
    }

    /// Three to six letters, `@`, three or four letters, `.com`.
    private static func writeEmail(
        _ drawn: UInt64, _ letters: NexmarkPool, _ target: UnsafeMutablePointer<UInt8>
    ) -> Int {
        let pool = letters.bytes.pointer(to: UInt8.self)
        let first = 3 + Int(drawn >> 62)
        let second = 3 + Int(drawn >> 61 & 1)
        target.update(from: pool + Int(drawn & 0xffff), count: first)
        target[first] = 0x40
        target.advanced(by: first + 1).update(
            from: pool + Int(drawn >> 16 & 0xffff), count: second)
        let end = first + 1 + second
        target[end] = 0x2e
        target[end + 1] = 0x63
        target[end + 2] = 0x6f
        target[end + 3] = 0x6d
        return end + 4
    }

    /// Four groups of four digits.
    private static func writeCard(_ drawn: UInt64, _ target: UnsafeMutablePointer<UInt8>) -> Int {
        for group in 0..<4 {
            let part = Int(truncatingIfNeeded: drawn >> UInt64(48 - 16 * group) & 0xffff)
            var number = (part * 10_000) >> 16
            for digit in (0..<4).reversed() {
                target[5 * group + digit] = 0x30 + UInt8(truncatingIfNeeded: number % 10)
                number /= 10
            }
            if group < 3 { target[5 * group + 4] = 0x20 }
        }
        return 19
    }
}
