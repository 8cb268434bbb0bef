import Operators

/// `generate: {nexmark: …}`: one of the three kinds of event of a seeded auction house.
///
/// Row n is a function of seed, rate, start and n alone; docs/nexmark.md defines it.
package struct NexmarkOptions: Hashable, Sendable {
    package enum Kind: String, Sendable, CaseIterable { case person, auction, bid }

    /// A column of one or more kinds, by its name.
    package enum Column: String, Sendable {
        case id, name, emailAddress, creditCard, city, state
        case itemName, description, initialBid, reserve, expires, seller, category
        case auction, bidder, price, channel, url
        case dateTime, extra
    }

    package var kind: Kind
    package var seed: UInt64
    /// Events in all, of every kind.
    package var events: Int64
    /// Events in a second of event time, at least 1.
    package var rate: Int64
    /// The first event's time.
    package var startMicros: Int64
    /// Rows in a batch at most. No field of the language and without a meaning for results.
    package var batchRowsMax: Int64 = 8192

    /// So many that no time and no identifier overflows.
    package static let eventsMax: Int64 = 1_000_000_000_000
    package static let defaultRate: Int64 = 10_000
    /// 2026-01-01T00:00:00Z.
    package static let defaultStartMicros: Int64 = 1_767_225_600_000_000

    package init(
        kind: Kind, seed: UInt64, events: Int64, rate: Int64 = defaultRate,
        startMicros: Int64 = defaultStartMicros
    ) {
        self.kind = kind
        self.seed = seed
        self.events = events
        self.rate = rate
        self.startMicros = startMicros
    }

    /// No time in any row is later.
    package var latestMicros: Int64 {
        // An auction is open for at most as long as 3,334 events take.
        startMicros + ((events + 3334) * 1000 / rate + 4) * 1000
    }
}

extension NexmarkOptions.Kind {
    /// The columns of its rows, in order.
    package var columns: [NexmarkOptions.Column] {
        switch self {
        case .person:
            return [.id, .name, .emailAddress, .creditCard, .city, .state, .dateTime, .extra]
        case .auction:
            return [
                .id, .itemName, .description, .initialBid, .reserve, .dateTime, .expires, .seller,
                .category, .extra,
            ]
        case .bid: return [.auction, .bidder, .price, .channel, .url, .dateTime, .extra]
        }
    }

    /// The same as the fields of a source.
    package var fields: [FieldSpec] {
        columns.enumerated().map { ordinal, column in
            FieldSpec(
                name: column.rawValue, type: column.type, path: [column.rawValue], ordinal: ordinal)
        }
    }
}

extension NexmarkOptions.Column {
    package var type: ColumnType {
        switch self {
        case .id, .initialBid, .reserve, .seller, .category, .auction, .bidder, .price:
            return .bigint
        case .dateTime, .expires: return .timestamp
        case .name, .emailAddress, .creditCard, .city, .state, .itemName, .description, .channel,
            .url, .extra:
            return .string
        }
    }
}
