"""The results of the Nexmark queries, as docs/nexmark.md describes them: one function a query, from
the whole stream to the rows that stand at the end.
"""

import collections
import datetime

from nexmark_events import Events, below, draw

SECOND = 1000

QUERIES = {}


class Stream:
    """The events, each kind made once."""

    def __init__(self, events, seed, rate):
        source = Events(events, seed, rate)
        self.persons, self.auctions = source.persons(), source.auctions()
        self.bids = source.bids()

    def winning(self):
        """(auction, bid): the highest bid within the auction's time, the earliest of equal ones."""
        auctions = {a.id: a for a in self.auctions}
        best = {}
        for bid in self.bids:
            auction = auctions.get(bid.auction)
            if auction and auction.dateTime <= bid.dateTime <= auction.expires:
                held = best.get(bid.auction)
                if held is None or (-bid.price, bid.dateTime) < (-held.price, held.dateTime):
                    best[bid.auction] = bid
        return [(auctions[number], bid) for number, bid in best.items()]


def moment(millis):
    return datetime.datetime.fromtimestamp(millis / 1000, datetime.timezone.utc)


def day(millis):
    return moment(millis).strftime("%Y-%m-%d")


def minute(millis):
    return moment(millis).strftime("%H:%M")


def window(millis, size=10 * SECOND):
    return millis // size * size


def query(columns, key="", add=""):
    """`*` marks times, `.3` decimals; `key` says by what an updating result changes; `add` which
    column is added up over the rows that are otherwise equal."""

    def declare(function):
        QUERIES[function.__name__] = (function, columns.split(), key.split(), add)
        return function

    return declare


@query("auction bidder price dateTime* extra")
def q0(s):
    return ((b.auction, b.bidder, b.price, b.dateTime, b.extra) for b in s.bids)


@query("auction bidder price.3 dateTime* extra")
def q1(s):
    return ((b.auction, b.bidder, 908 * b.price, b.dateTime, b.extra) for b in s.bids)


@query("auction price")
def q2(s):
    return ((b.auction, b.price) for b in s.bids if b.auction % 123 == 0)


@query("name city state id")
def q3(s):
    persons = {p.id: p for p in s.persons if p.state in ("OR", "ID", "CA")}
    for auction in s.auctions:
        person = persons.get(auction.seller)
        if auction.category == 10 and person:
            yield person.name, person.city, person.state, auction.id


@query("id final", key="id")
def q4(s):
    prices = collections.defaultdict(list)
    for auction, bid in s.winning():
        prices[auction.category].append(bid.price)
    return ((category, sum(list_) // len(list_)) for category, list_ in prices.items())


@query("auction num window_start*")
def q5(s):
    counts = collections.defaultdict(collections.Counter)
    for bid in s.bids:
        last = window(bid.dateTime, 2 * SECOND)
        for start in range(last - 8 * SECOND, last + 1, 2 * SECOND):
            counts[start][bid.auction] += 1
    for start, auctions in counts.items():
        most = max(auctions.values())
        for auction, count in auctions.items():
            if count == most:
                yield auction, count, start


@query("auction seller avg_price", key="auction")
def q6(s):
    sellers = collections.defaultdict(list)
    for auction, bid in s.winning():
        sellers[auction.seller].append((bid.dateTime, auction.id, bid.price))
    for seller, closed in sellers.items():
        closed.sort()
        for place, (_, auction, _) in enumerate(closed):
            last = [price for _, _, price in closed[max(place - 10, 0) : place + 1]]
            yield auction, seller, sum(last) // len(last)


@query("auction price bidder dateTime* extra")
def q7(s):
    highest = collections.Counter()
    for bid in s.bids:
        start = window(bid.dateTime)
        highest[start] = max(highest[start], bid.price)
    for bid in s.bids:
        start = window(bid.dateTime)
        starts = {start, window(bid.dateTime - 1)}  # Both ends belong to what BETWEEN takes.
        for _ in range(sum(highest.get(at) == bid.price for at in starts)):
            yield bid.auction, bid.price, bid.bidder, bid.dateTime, bid.extra


@query("id name starttime*")
def q8(s):
    sold = {(a.seller, window(a.dateTime)) for a in s.auctions}
    for person in s.persons:
        if (person.id, window(person.dateTime)) in sold:
            yield person.id, person.name, window(person.dateTime)


@query(
    "id itemName description initialBid reserve dateTime* expires* seller category extra"
    " auction bidder price bid_dateTime* bid_extra",
    key="id",
)
def q9(s):
    for auction, bid in s.winning():
        yield (*auction, bid.auction, bid.bidder, bid.price, bid.dateTime, bid.extra)


@query("auction bidder price dateTime* extra dt hm")
def q10(s):
    for b in s.bids:
        yield b.auction, b.bidder, b.price, b.dateTime, b.extra, day(b.dateTime), minute(b.dateTime)


@query("bidder bid_count starttime* endtime*")
def q11(s, gap=10 * SECOND):
    times = collections.defaultdict(list)
    for bid in s.bids:
        times[bid.bidder].append(bid.dateTime)
    for bidder, list_ in times.items():
        start = last = list_[0]
        count = 0
        for time in list_:
            if time - last >= gap:
                yield bidder, count, start, last + gap
                start, count = time, 0
            last = time
            count += 1
        yield bidder, count, start, last + gap


@query("bidder bid_count", add="bid_count")
def q12(s):
    return collections.Counter(b.bidder for b in s.bids).items()


@query("auction bidder price dateTime* value")
def q13(s):
    # `generate` with seed 1: the second column is `side-` and a number below 1000.
    seed = draw(1, 1)
    side = {key: f"side-{below(draw(seed, key), 1000)}" for key in range(10_000)}
    for b in s.bids:
        yield b.auction, b.bidder, b.price, b.dateTime, side[b.auction % 10_000]


@query("auction bidder price.3 bidTimeType dateTime* extra c_counts")
def q14(s):
    for b in s.bids:
        price = 908 * b.price
        if 1_000_000_000 < price < 50_000_000_000:
            hour = moment(b.dateTime).hour
            kind = "dayTime" if 8 <= hour <= 18 else "otherTime"
            if hour <= 6 or hour >= 20:
                kind = "nightTime"
            yield b.auction, b.bidder, price, kind, b.dateTime, b.extra, b.extra.count("c")


RANKS = (
    "total_bids rank1_bids rank2_bids rank3_bids"
    " total_bidders rank1_bidders rank2_bidders rank3_bidders"
    " total_auctions rank1_auctions rank2_auctions rank3_auctions"
)


def rank(price):
    return 1 if price < 10_000 else 2 if price < 1_000_000 else 3


def ranks(bids):
    """Bids, bidders and auctions: in all and by rank of price."""
    groups = [bids] + [[b for b in bids if rank(b.price) == number] for number in (1, 2, 3)]
    return (
        [len(group) for group in groups]
        + [len({b.bidder for b in group}) for group in groups]
        + [len({b.auction for b in group}) for group in groups]
    )


def grouped(bids, key):
    groups = collections.defaultdict(list)
    for bid in bids:
        groups[key(bid)].append(bid)
    return groups.items()


@query("day " + RANKS, key="day")
def q15(s):
    for name, bids in grouped(s.bids, lambda b: day(b.dateTime)):
        yield (name, *ranks(bids))


@query("channel day minute " + RANKS, key="channel day")
def q16(s):
    for (channel, name), bids in grouped(s.bids, lambda b: (b.channel, day(b.dateTime))):
        yield (channel, name, max(minute(b.dateTime) for b in bids), *ranks(bids))


@query(
    "auction day total_bids rank1_bids rank2_bids rank3_bids"
    " min_price max_price avg_price sum_price",
    key="auction day",
)
def q17(s):
    for (auction, name), bids in grouped(s.bids, lambda b: (b.auction, day(b.dateTime))):
        prices = [b.price for b in bids]
        counts = [sum(rank(p) == number for p in prices) for number in (1, 2, 3)]
        total = sum(prices)
        yield (
            auction, name, len(prices), *counts,
            min(prices), max(prices), total // len(prices), total,
        )  # fmt: skip


@query("auction bidder price channel url dateTime* extra", key="bidder auction")
def q18(s):
    return {(b.bidder, b.auction): b for b in s.bids}.values()


@query("auction bidder price channel url dateTime* extra rank_number", key="auction rank_number")
def q19(s):
    for _, bids in grouped(s.bids, lambda b: b.auction):
        # Sorting keeps the order of equal prices: by time, then as they came.
        for number, bid in enumerate(sorted(bids, key=lambda b: -b.price)[:10], 1):
            yield (*bid, number)


@query(
    "auction bidder price channel url bid_dateTime* bid_extra itemName description initialBid"
    " reserve auction_dateTime* expires* seller category auction_extra"
)
def q20(s):
    auctions = {a.id: a for a in s.auctions if a.category == 10}
    for bid in s.bids:
        auction = auctions.get(bid.auction)
        if auction:
            yield (*bid, *auction[1:])


@query("auction bidder price channel channel_id")
def q21(s):
    hot = {"apple": "0", "google": "1", "facebook": "2", "baidu": "3"}
    for b in s.bids:
        number = hot.get(b.channel.lower())
        if number is None and "&channel_id=" in b.url:
            number = b.url.split("&channel_id=")[1].split("&")[0]
        if number is not None:
            yield b.auction, b.bidder, b.price, b.channel, number


@query("auction bidder price channel dir1 dir2 dir3")
def q22(s):
    return ((b.auction, b.bidder, b.price, b.channel, *b.url.split("/")[3:6]) for b in s.bids)
