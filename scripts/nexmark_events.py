"""The events of docs/nexmark.md, made from its description alone.

Shares no code with the program. Rows are tuples with the columns in order; times are milliseconds
since 1970.
"""

import collections

Person = collections.namedtuple(
    "Person", "id name emailAddress creditCard city state dateTime extra"
)
Auction = collections.namedtuple(
    "Auction",
    "id itemName description initialBid reserve dateTime expires seller category extra",
)
Bid = collections.namedtuple("Bid", "auction bidder price channel url dateTime extra")

MASK = 2**64 - 1
GOLDEN = 0x9E3779B97F4A7C15
START = 1_767_225_600_000
RATE = 10_000
POOL = 65_536 + 512

FIRST_NAMES = "Peter Paul Luke John Saul Vicky Kate Julie Sarah Deiter Walter".split()
LAST_NAMES = "Shultz Abrams Spencer White Bartels Walton Smith Jones Noris".split()
CITIES = (
    "Phoenix,Los Angeles,San Francisco,Boise,Portland,Bend,Redmond,Seattle,Kent,Cheyenne"
).split(",")
STATES = "AZ CA ID OR WA WY".split()
HOT_CHANNELS = "Google Facebook Baidu Apple".split()

STREAMS = {
    "letters": 0, "words": 1, "urls": 2,
    "bid.auction": 10, "bid.bidder": 11, "bid.price": 12, "bid.channel": 13, "bid.extra": 14,
    "auction.itemName": 20, "auction.description": 21, "auction.initialBid": 22,
    "auction.reserve": 23, "auction.expires": 24, "auction.seller": 25, "auction.category": 26,
    "auction.extra": 27,
    "person.name": 30, "person.emailAddress": 31, "person.creditCard": 32, "person.city": 33,
    "person.state": 34, "person.extra": 35,
}  # fmt: skip


def draw(seed, place):
    """Output number `place` of SplitMix64 from `seed`."""
    mixed = (seed + (place + 1) * GOLDEN) & MASK
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & MASK
    return mixed ^ (mixed >> 31)


def below(drawn, bound):
    return (drawn * bound) >> 64


class Events:
    """One stream of events of all kinds."""

    def __init__(self, count, seed=1, rate=RATE, start=START):
        self.count, self.rate, self.start = count, rate, start
        seed &= MASK
        self.seeds = {name: draw(seed, number) for name, number in STREAMS.items()}
        letters, words = self.seeds["letters"], self.seeds["words"]
        self.letters = "".join(chr(97 + below(draw(letters, i), 26)) for i in range(POOL))
        self.words = "".join(word_char(draw(words, i), " ") for i in range(POOL))
        self.prices = [round(100 * 10 ** (6 * k / 4096)) for k in range(4097)]
        self.channels = [f"channel-{i}" for i in range(10_000)] + HOT_CHANNELS
        self.urls = [self.url(i) for i in range(len(self.channels))]

    def url(self, channel):
        seed, base = self.seeds["urls"], 16 * channel
        text = "https://www.nexmark.com/"
        lengths = draw(seed, base + 12)
        for word in range(3):
            size = 3 + (lengths >> word & 1)
            text += "".join(word_char(draw(seed, base + 4 * word + i), "_") for i in range(size))
            text += "/"
        text += "item.htm?query=1"
        if channel < 10_000 and below(draw(seed, base + 13), 10) > 0:
            text += f"&channel_id={draw(seed, base + 14) >> 33}"
        return text

    def draw(self, column, event):
        return draw(self.seeds[column], event)

    def price(self, column, event):
        drawn = self.draw(column, event)
        step, part = drawn >> 52, (drawn >> 20) & 0xFFFFFFFF
        low, high = self.prices[step], self.prices[step + 1]
        return low + ((high - low) * part >> 32)

    def extra(self, column, event, base, width):
        drawn = self.draw(column, event)
        place, size = drawn & 0xFFFF, base + ((drawn >> 32) * width >> 32)
        return self.letters[place : place + size]

    def phrase(self, column, event, width):
        drawn = self.draw(column, event)
        place, size = drawn & 0xFFFF, 3 + ((drawn >> 32) * width >> 32)
        return self.words[place : place + size].strip(" ")

    def any_person(self, drawn, event):
        known = event // 50 + 1
        active = min(known, 1000)
        return 1000 + known - active + below(drawn, active + 10)

    def time(self, event):
        return self.start + event * 1000 // self.rate

    def person(self, event):
        name, mail = self.draw("person.name", event), self.draw("person.emailAddress", event)
        card = self.draw("person.creditCard", event)
        name = below(name, 99)
        first, second = mail & 0xFFFF, mail >> 16 & 0xFFFF
        return Person(
            id=1000 + event // 50,
            name=f"{FIRST_NAMES[name // 9]} {LAST_NAMES[name % 9]}",
            emailAddress=self.letters[first : first + 3 + (mail >> 62)]
            + "@"
            + self.letters[second : second + 3 + (mail >> 61 & 1)]
            + ".com",
            creditCard=" ".join(
                "%04d" % ((card >> shift & 0xFFFF) * 10_000 >> 16) for shift in (48, 32, 16, 0)
            ),
            city=CITIES[below(self.draw("person.city", event), 10)],
            state=STATES[below(self.draw("person.state", event), 6)],
            dateTime=self.time(event),
            extra=self.extra("person.extra", event, 110, 56),
        )

    def auction(self, event):
        seller = self.draw("auction.seller", event)
        now, later = event * 1000 // self.rate, (event + 1666) * 1000 // self.rate
        first = self.price("auction.initialBid", event)
        return Auction(
            id=1000 + event // 50 * 3 + event % 50 - 1,
            itemName=self.phrase("auction.itemName", event, 17),
            description=self.phrase("auction.description", event, 97),
            initialBid=first,
            reserve=first + self.price("auction.reserve", event),
            dateTime=self.start + now,
            expires=self.start
            + now
            + 1
            + below(self.draw("auction.expires", event), max(2 * (later - now), 1)),
            seller=1000 + event // 50 // 100 * 100
            if seller >> 62
            else self.any_person(seller << 2 & MASK, event),
            category=10 + below(self.draw("auction.category", event), 5),
            extra=self.extra("auction.extra", event, 312, 156),
        )

    def bid(self, event):
        auction, bidder = self.draw("bid.auction", event), self.draw("bid.bidder", event)
        last = event // 50 * 3 + 2
        if auction >> 63:
            auction = 1000 + last // 100 * 100
        else:
            first = max(last - 100, 0)
            auction = 1000 + first + below(auction << 1 & MASK, last - first + 11)
        if bidder >> 62:
            bidder = 1000 + event // 50 // 100 * 100 + 1
        else:
            bidder = self.any_person(bidder << 2 & MASK, event)
        channel = below(self.draw("bid.channel", event), 20_000)
        if channel >= 10_000:
            channel = 10_000 + (channel - 10_000) // 2500
        return Bid(
            auction=auction,
            bidder=bidder,
            price=self.price("bid.price", event),
            channel=self.channels[channel],
            url=self.urls[channel],
            dateTime=self.time(event),
            extra=self.extra("bid.extra", event, 54, 28),
        )

    def persons(self):
        return [self.person(e) for e in range(0, self.count, 50)]

    def auctions(self):
        return [self.auction(e) for e in range(self.count) if 1 <= e % 50 < 4]

    def bids(self):
        return [self.bid(e) for e in range(self.count) if e % 50 >= 4]


def word_char(drawn, blank):
    drawn = below(drawn, 338)
    return blank if drawn < 26 else chr(97 + drawn % 26)
