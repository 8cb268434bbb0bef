#!/usr/bin/env python3
"""Says what the output of a windowed count should be, and how files differ from it.

    scripts/oracle.py --campaigns CSV [flags] EVENTS...        prints the expected counts
    scripts/oracle.py --campaigns CSV --counts OUT [flags] EVENTS...   compares; exit 1 if they differ

EVENTS are NDJSON files, read one after the other as one split. Views are joined to campaigns by
ad_id and counted per campaign and window of event time. Shares no code with the program: it reads
rows one at a time with Python's JSON parser and keeps everything in dictionaries.

Rules, from the documentation: the watermark is the highest event time so far less
--max-out-of-orderness. A row is late for a window when the watermark from the rows before it had
reached the window's end plus --grace. A late row counts in no window that it is late for and is
set aside if that leaves none. Windows come out in the order of their ends, their groups in the
order of the key's bytes. Rows that are not JSON, have a value of another type, or no event time are
invalid. With --followed the input has not ended: windows behind the last watermark stay open.
"""

import argparse
import collections
import csv
import datetime
import json
import re
import sys

UNITS = {"us": 1, "ms": 10**3, "s": 10**6, "m": 60 * 10**6, "h": 3600 * 10**6, "d": 86400 * 10**6}
INT64 = range(-(2**63), 2**63)


def duration(text):
    """Microseconds of 10s, 1h30m, 250ms."""
    parts = re.findall(r"(\d+)(us|ms|s|m|h|d)", text)
    if not parts or "".join(n + u for n, u in parts) != text:
        raise argparse.ArgumentTypeError(f"'{text}' is no duration")
    return sum(int(n) * UNITS[u] for n, u in parts)


EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def micros(value):
    """A time in an output row: RFC 3339 text, or epoch milliseconds."""
    if isinstance(value, str):
        moment = datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))
        return (moment - EPOCH) // datetime.timedelta(microseconds=1)
    return value if value is None or value > 10**14 else value * 1000


# Input


def read_campaigns(path):
    with open(path, newline="", encoding="utf-8") as file:
        return {row["ad_id"]: row["campaign_id"] for row in csv.DictReader(file)}


class Row:
    __slots__ = ("fields", "time", "watermark")

    def __init__(self, fields, time, watermark):
        self.fields, self.time, self.watermark = fields, time, watermark


Invalid = collections.namedtuple("Invalid", "position raw")


def refuse(text):
    raise ValueError(f"{text} is not JSON")


def parse(line, strings, integers):
    """The fields of a line, or None where it is invalid."""
    try:
        fields = json.loads(line.decode("utf-8"), parse_constant=refuse)
    except ValueError:
        return None
    if not isinstance(fields, dict):
        return None
    for name in strings:
        if not isinstance(fields.get(name), (str, type(None))):
            return None
    for name in integers:
        value = fields.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or value not in INT64:
            return None
    return fields


def read_events(
    paths, out_of_orderness, strings=("ad_id", "event_type"), integers=("event_time",), followed=True
):
    """Rows and invalid lines in order. While the input is followed, a last line without its end is
    not there yet.

    Between files the text goes on with a new line, as after a rotation, and positions go on too.
    """
    highest, position = None, 0
    for path in paths:
        with open(path, "rb") as file:
            for line in file:
                start, position = position, position + len(line)
                if not line.endswith(b"\n") and path == paths[-1] and followed:
                    break
                fields = parse(line, strings, integers)
                if fields is None or fields.get("event_time") is None:
                    yield Invalid(start, line.rstrip(b"\r\n"))
                    continue
                time = fields["event_time"] * 1000
                yield Row(fields, time, None if highest is None else highest - out_of_orderness)
                highest = time if highest is None else max(highest, time)


# Windows


class Windows:
    """Counts per group and window, fired as the watermark rises."""

    def __init__(self, size, every, grace=0):
        self.size, self.every, self.grace = size, every, grace
        self.open = {}
        self.late = []

    def add(self, row, key, value):
        """Adds `value` to the list of each window of the row that it is not late for."""
        placed = False
        start = row.time // self.every * self.every
        while start > row.time - self.size:
            end = start + self.size
            if row.watermark is None or row.watermark < end + self.grace:
                self.open.setdefault((end, key), []).append(value)
                placed = True
            start -= self.every
        return placed

    def fired(self, watermark):
        """(start, end, key, values), in the order in which they leave; None: the input has ended."""
        for end, key in sorted(self.open, key=lambda item: (item[0], item[1].encode())):
            if watermark is None or end + self.grace <= watermark:
                yield end - self.size, end, key, self.open[end, key]


# Comparison


def read_rows(paths, times=(), drop=()):
    """The rows of output files, with times in microseconds. A partial last line is an error."""
    rows = []
    for path in paths:
        with open(path, "rb") as file:
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):
                    raise ValueError(f"{path}:{number}: the last line has no end")
                row = json.loads(line)
                for name in times:
                    if name in row:
                        row[name] = micros(row[name])
                rows.append({k: v for k, v in row.items() if k not in drop})
    return rows


def text(row):
    return json.dumps(row, sort_keys=True)


def compare(name, expected, actual, key=None, in_order=True, shown=5):
    """What is wrong with `actual`, as lines; [] where nothing is.

    `key` gives (what a row is about): with the same key on both sides and another value, a row is
    wrong rather than missing. `in_order` also compares the order of all rows.
    """
    want = collections.Counter(map(text, expected))
    have = collections.Counter(map(text, actual))
    missing, extra = want - have, have - want
    problems = []
    if missing or extra:
        lost = {key(json.loads(t)): t for t in missing} if key else {}
        groups = {"missing": [], "duplicate": [], "wrong": [], "unexpected": []}
        for item, count in extra.items():
            identity = key(json.loads(item)) if key else None
            if item in want:
                groups["duplicate"].append(f"{item} ({count} too many)")
            elif identity is not None and identity in lost:
                groups["wrong"].append(f"{item}, expected {lost.pop(identity)}")
            else:
                groups["unexpected"].append(item)
        left = set(lost.values()) if key else set(missing)
        groups["missing"] = [item for item in missing if item in left]
        for kind, items in groups.items():
            if items:
                problems.append(f"{name}: {len(items)} {kind}")
                problems += [f"  {item}" for item in sorted(items)[:shown]]
                if len(items) > shown:
                    problems.append(f"  and {len(items) - shown} more")
    elif in_order and expected != actual:
        at = next(i for i, pair in enumerate(zip(expected, actual)) if pair[0] != pair[1])
        problems.append(f"{name}: the same rows in another order, from row {at + 1} on")
        problems.append(f"  expected {text(expected[at])}")
        problems.append(f"  found    {text(actual[at])}")
    return problems


def positions_of_dead_letters(paths):
    """Position and node of every row that was set aside."""
    return [
        {"position": row["position"], "node": row["node"]}
        for row in read_rows(paths)
    ]


# Command line


def run(options):
    campaigns = read_campaigns(options.campaigns)
    windows = Windows(options.window, options.every or options.window, options.grace)
    late, unmatched, invalid, highest = [], [], [], None
    for row in read_events(
        options.events, options.max_out_of_orderness, followed=options.followed
    ):
        if isinstance(row, Invalid):
            invalid.append({"position": row.position, "node": "events"})
            continue
        highest = row.time if highest is None else max(highest, row.time)
        if row.fields.get("event_type") != "view":
            continue
        campaign = campaigns.get(row.fields.get("ad_id"))
        if campaign is None:
            unmatched.append({"ad_id": row.fields.get("ad_id")})
        elif not windows.add(row, campaign, row.time):
            late.append({"ad_id": row.fields["ad_id"], "campaign_id": campaign})
    watermark = None
    if options.followed:
        watermark = -(2**63) if highest is None else highest - options.max_out_of_orderness
    counts = [
        {
            "campaign_id": key,
            "window_start": start,
            "window_end": end,
            "views": len(times),
            "last_view": max(times),
        }
        for start, end, key, times in windows.fired(watermark)
    ]
    return counts, late, unmatched, invalid


def picked(rows, columns):
    return [{k: v for k, v in row.items() if k in columns} for row in rows]


def main():
    parser = argparse.ArgumentParser(
        description="What the windowed counts of views per campaign should be."
    )
    parser.add_argument("events", nargs="+", help="NDJSON files, in the order of the split")
    parser.add_argument("--campaigns", required=True, help="CSV with ad_id and campaign_id")
    parser.add_argument("--window", type=duration, default=duration("10s"))
    parser.add_argument("--every", type=duration, help="hopping windows; tumbling without")
    parser.add_argument("--max-out-of-orderness", type=duration, default=0)
    parser.add_argument("--grace", type=duration, default=0)
    parser.add_argument("--followed", action="store_true", help="the input has not ended")
    parser.add_argument("--counts", action="append", help="NDJSON of the windowed step")
    parser.add_argument("--late", action="append", help="NDJSON of its .late port")
    parser.add_argument("--unmatched", action="append", help="NDJSON of the join's .unmatched port")
    parser.add_argument("--dead-letters", action="append", help="STATE/dead-letters/NAME.ndjson")
    options = parser.parse_args()
    counts, late, unmatched, invalid = run(options)
    given = [options.counts, options.late, options.unmatched, options.dead_letters]
    if not any(given):
        for row in counts:
            print(text(row))
        return 0
    problems = []
    if options.counts:
        times = ("window_start", "window_end", "last_view")
        actual = read_rows(options.counts, times)
        columns = set(actual[0]) if actual else set(counts[0] if counts else ())
        identity = lambda row: (row.get("campaign_id"), row.get("window_start"))
        unknown = columns - {"campaign_id", "views", *times}
        if unknown:
            problems.append(f"counts: columns that are not checked: {', '.join(sorted(unknown))}")
        columns -= unknown
        problems += compare("counts", picked(counts, columns), picked(actual, columns), identity)
    for name, expected, paths in [("late", late, options.late),
                                  ("unmatched", unmatched, options.unmatched)]:
        if paths:
            columns = {"ad_id", "campaign_id"}
            actual = picked(read_rows(paths), columns)
            problems += compare(name, expected, actual)
    if options.dead_letters:
        actual = positions_of_dead_letters(options.dead_letters)
        problems += compare("dead letters", invalid, actual, in_order=False)
    for line in problems:
        print(line)
    print(
        f"{'different' if problems else 'equal'}: {len(counts)} windows of groups, {len(late)} late, "
        f"{len(unmatched)} without a campaign, {len(invalid)} invalid"
    )
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
