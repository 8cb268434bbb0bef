#!/usr/bin/env python3
"""A second opinion on scripts/nexmark_queries.py: the same queries in SQL, by SQLite, over 20,000
events at a rate of 200. Prints a line a query; exit 1 if one differs.
"""

import sqlite3
import sys

from nexmark_queries import QUERIES, Stream

SQL = {
    "q3": """
        select p.name, p.city, p.state, a.id from auction a join person p on a.seller = p.id where
        a.category = 10 and p.state in ('OR', 'ID', 'CA')""",
    "q4": """
        select category, sum(f)/count(*) from (select max(b.price) f, a.category from auction a join
        bid b on a.id = b.auction where b.dateTime between a.dateTime and a.expires group by a.id,
        a.category) group by category""",
    "q5": """
        with recursive k(i) as (select 0 union all select i+1 from k where i < 4), h as (select
        auction, (dateTime/2000 - i)*2000 ws, count(*) num from bid, k group by 1, 2) select
        h.auction, h.num, h.ws from h join (select ws, max(num) m from h group by ws) x on x.ws =
        h.ws and h.num >= x.m""",
    "q6": """
        with w as (select id, seller, price, bt from (select a.id, a.seller, b.price, b.dateTime bt,
        row_number() over (partition by a.id order by b.price desc, b.dateTime, b.seq) r from
        auction a join bid b on a.id = b.auction and b.dateTime between a.dateTime and a.expires)
        where r = 1) select id, seller, sum(price) over v/count(*) over v from w window v as
        (partition by seller order by bt, id rows between 10 preceding and current row)""",
    "q7": """
        select b.auction, b.price, b.bidder, b.dateTime, b.extra from bid b join (select max(price)
        m, (dateTime/10000+1)*10000 e from bid group by 2) x on b.price = x.m and b.dateTime between
        e-10000 and e""",
    "q8": """
        select p.id, p.name, p.w from (select distinct id, name, dateTime/10000*10000 w from person)
        p join (select distinct seller, dateTime/10000*10000 w from auction) a on a.seller = p.id
        and a.w = p.w""",
    "q9": """
        select id, itemName, description, initialBid, reserve, dateTime, expires, seller, category,
        extra, auction, bidder, price, bt, be from (select a.*, b.auction, b.bidder, b.price,
        b.dateTime bt, b.extra be, row_number() over (partition by a.id order by b.price desc,
        b.dateTime, b.seq) r from auction a join bid b on a.id = b.auction and b.dateTime between
        a.dateTime and a.expires) where r = 1""",
    "q11": """
        with l as (select *, dateTime-lag(dateTime) over (partition by bidder order by seq) >= 10000
        n from bid), g as (select *, sum(coalesce(n, 0)) over (partition by bidder order by seq) g
        from l) select bidder, count(*), min(dateTime), max(dateTime)+10000 from g group by bidder,
        g""",
    "q14": """
        select auction, bidder, 908*price, 'nightTime', dateTime, extra,
        length(extra)-length(replace(extra, 'c', '')) from bid where 908*price > 1000000000 and
        908*price < 50000000000""",
    "q17": """
        select auction, '2026-01-01', count(*), count(*) filter (where price < 10000), count(*)
        filter (where price >= 10000 and price < 1000000), count(*) filter (where price >= 1000000),
        min(price), max(price), sum(price)/count(*), sum(price) from bid group by 1""",
    "q18": """
        select auction, bidder, price, channel, url, dateTime, extra from (select *, row_number()
        over (partition by bidder, auction order by dateTime desc, seq desc) r from bid) where r = 1""",
    "q19": """
        select auction, bidder, price, channel, url, dateTime, extra, r from (select *, row_number()
        over (partition by auction order by price desc, dateTime, seq) r from bid) where r <= 10""",
    "q20": """
        select b.auction, bidder, price, channel, url, b.dateTime, b.extra, itemName, description,
        initialBid, reserve, a.dateTime, expires, seller, category, a.extra from bid b join auction
        a on b.auction = a.id where category = 10""",
}


def database(stream):
    result = sqlite3.connect(":memory:")
    for name, rows in (
        ("person", stream.persons), ("auction", stream.auctions), ("bid", stream.bids),
    ):  # fmt: skip
        columns = ", ".join(rows[0]._fields)
        result.execute(f"create table {name} ({columns}, seq integer primary key autoincrement)")
        marks = ", ".join("?" * len(rows[0]))
        result.executemany(f"insert into {name} ({columns}) values ({marks})", rows)
    result.execute("create index bid_auction on bid (auction)")
    return result


def main():
    stream = Stream(20_000, 1, 200)
    tables = database(stream)
    differs = 0
    for name, statement in SQL.items():
        expected = sorted(tables.execute(statement))
        found = sorted(map(tuple, QUERIES[name][0](stream)))
        print(f"{name}: {len(found)} rows, {'the same' if found == expected else 'DIFFERENT'}")
        differs |= found != expected
    return int(differs)


if __name__ == "__main__":
    sys.exit(main())
