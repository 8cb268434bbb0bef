import Glibc
import Operators

/// The streams of random numbers, one a use, so that a column is the same whichever others are
/// made. Part of what docs/nexmark.md defines; a number must not change its meaning.
enum NexmarkStream: Int {
    case letters = 0, words, urls
    case auction = 10, bidder, price, channel, bidExtra
    case itemName = 20, description, initialBid, reserve, expires, seller, category, auctionExtra
    case name = 30, emailAddress, creditCard, city, state, personExtra
}

/// Texts that are made once and pointed into by every row.
struct NexmarkPool {
    /// Random texts begin at a place below this.
    static let places: UInt64 = 65_536
    /// The longest of them.
    static let textMax = 512

    let bytes: Buffer

    /// Letters a to z, uniformly.
    static func letters(seed: UInt64) -> NexmarkPool {
        let random = SeededValue(seed: seed, stream: NexmarkStream.letters.rawValue)
        return NexmarkPool { 0x61 &+ UInt8(random.below(26, at: $0)) }
    }

    /// Letters, and a blank for one in 13.
    static func words(seed: UInt64) -> NexmarkPool {
        let random = SeededValue(seed: seed, stream: NexmarkStream.words.rawValue)
        return NexmarkPool { wordByte(random.below(338, at: $0), blank: 0x20) }
    }

    /// - Parameter drawn: Uniform in 0..<338, which is 13 × 26.
    static func wordByte(_ drawn: UInt64, blank: UInt8) -> UInt8 {
        drawn < 26 ? blank : 0x61 &+ UInt8(drawn % 26)
    }

    private init(_ byte: (UInt64) -> UInt8) {
        let count = Int(Self.places) + Self.textMax
        bytes = Buffer(capacity: count)
        let target = bytes.pointer(to: UInt8.self)
        for place in 0..<count { target[place] = byte(UInt64(place)) }
    }
}

/// A list of texts, and a view of each.
struct NexmarkTable {
    let texts: Buffer
    let views: Buffer
    let count: Int

    init(_ list: [[UInt8]]) {
        texts = Buffer(capacity: list.reduce(0) { $0 + $1.count })
        views = Buffer(capacity: list.count * MemoryLayout<StringView>.stride)
        count = list.count
        var next = texts.pointer(to: UInt8.self)
        for (index, text) in list.enumerated() {
            for (place, byte) in text.enumerated() { next[place] = byte }
            views.pointer(to: StringView.self)[index] = StringView(base: next, count: text.count)
            next += text.count
        }
    }

    init(_ list: [String]) { self.init(list.map { Array($0.utf8) }) }

    static let cities = [
        "Phoenix", "Los Angeles", "San Francisco", "Boise", "Portland", "Bend", "Redmond",
        "Seattle", "Kent", "Cheyenne",
    ]
    static let states = ["AZ", "CA", "ID", "OR", "WA", "WY"]
    private static let firstNames = [
        "Peter", "Paul", "Luke", "John", "Saul", "Vicky", "Kate", "Julie", "Sarah", "Deiter",
        "Walter",
    ]
    private static let lastNames = [
        "Shultz", "Abrams", "Spencer", "White", "Bartels", "Walton", "Smith", "Jones", "Noris",
    ]
    static var names: [String] {
        firstNames.flatMap { first in lastNames.map { "\(first) \($0)" } }
    }

    /// Channels that are not hot; the hot ones follow.
    static let coldChannels = 10_000
    private static let hotChannels = ["Google", "Facebook", "Baidu", "Apple"]

    static func channels() -> NexmarkTable {
        NexmarkTable((0..<coldChannels).map { "channel-\($0)" } + hotChannels)
    }

    /// A URL a channel.
    static func urls(seed: UInt64) -> NexmarkTable {
        let random = SeededValue(seed: seed, stream: NexmarkStream.urls.rawValue)
        return NexmarkTable(
            (0..<coldChannels + hotChannels.count).map { channel in
                let base = UInt64(channel) * 16
                var text = Array("https://www.nexmark.com/".utf8)
                for word in 0..<3 as Range<UInt64> {
                    let count = 3 + (random[base + 12] >> word & 1)
                    for letter in 0..<count {
                        let drawn = random.below(338, at: base + 4 * word + letter)
                        text.append(NexmarkPool.wordByte(drawn, blank: 0x5f))
                    }
                    text.append(0x2f)
                }
                text += Array("item.htm?query=1".utf8)
                if channel < coldChannels, random.below(10, at: base + 13) > 0 {
                    text += Array("&channel_id=\(random[base + 14] >> 33)".utf8)
                }
                return text
            })
    }
}

/// Prices: 100 to 10^8, as many between 100 and 1,000 as between 1,000 and 10,000.
struct NexmarkPrices {
    private static let steps = 4096
    /// Prices at equal distances of their logarithm.
    private let steps: Buffer

    init() {
        steps = Buffer(capacity: (Self.steps + 1) * 8)
        let target = steps.pointer(to: Int64.self)
        for step in 0...Self.steps {
            target[step] = Int64((100 * pow(10, 6 * Double(step) / Double(Self.steps))).rounded())
        }
    }

    /// Straight between two steps: the top 12 bits say which, the next 32 how far.
    @inline(__always)
    func price(_ drawn: UInt64) -> Int64 {
        let table = steps.pointer(to: Int64.self)
        let step = Int(truncatingIfNeeded: drawn >> 52)
        let part = Int64(truncatingIfNeeded: drawn >> 20 & 0xffff_ffff)
        return table[step] &+ ((table[step &+ 1] &- table[step]) &* part) &>> 32
    }
}
