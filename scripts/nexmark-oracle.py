#!/usr/bin/env python3
"""Says what the Nexmark queries give over the events of docs/nexmark.md, and what differs from it.

    scripts/nexmark-oracle.py goldens [QUERY...]    writes Tests/Goldens/nexmark/QUERY.txt, rows.txt
    scripts/nexmark-oracle.py check QUERY FILE [EVENTS [RATE]]   compares a result; exit 1 if it differs
    scripts/nexmark-oracle.py run [EVENTS [RATE]]                runs all of pipelines/nexmark, and compares
    scripts/nexmark-oracle.py rows KIND [EVENTS [RATE]]          prints events as NDJSON
    scripts/nexmark-oracle.py result QUERY [EVENTS [RATE]]       prints a query's rows as NDJSON

Standard library only; shares no code with the program. `run` takes PIPELINED_BINARY or
.build/release/pipelined. A result is the rows that stand at the end.
The checksum of rows is the sum, mod 2^64, of the low 64 bits of the MD5 of each row: its columns
joined by `|`, times in milliseconds since 1970, decimals as whole thousandths.
"""

import collections
import datetime
import hashlib
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time

from nexmark_events import Events
from nexmark_queries import QUERIES, Stream

# Small and large: as long in event time as each other, so that both cross windows and sessions.
RUNS = [(20_000, 200), (1_000_000, 10_000)]
SEED = 1
SHOWN = 100
GOLDENS = os.path.join(os.path.dirname(__file__), "..", "Tests", "Goldens", "nexmark")


# Comparison


def text(row):
    return "|".join(map(str, row))


def checksum(rows):
    total = 0
    for row in rows:
        total += int.from_bytes(hashlib.md5(text(row).encode()).digest()[8:], "big")
    return f"{total % 2**64:016x}"


def shown(row, columns):
    """A row as JSON: times in milliseconds, decimals as text."""
    fields = {}
    for column, value in zip(columns, row):
        if column.endswith(".3"):
            value = f"{value // 1000}.{value % 1000:03}"
        fields[column.rstrip("*").removesuffix(".3")] = value
    return json.dumps(fields, separators=(",", ":"))


EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def value_of(value, column):
    if column.endswith("*") and isinstance(value, str):
        instant = datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))
        return (instant - EPOCH) // datetime.timedelta(milliseconds=1)
    if column.endswith(".3"):
        return round(float(value) * 1000)
    return value


def read_result(path, columns, key, add):
    """The rows that stand at the end of an output file."""
    names = [column.rstrip("*").removesuffix(".3") for column in columns]
    rows, standing = [], {}
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            fields = json.loads(line)
            change = fields.get("_op", "insert")
            if key:
                identity = tuple(fields[name] for name in key)
                if change == "delete":
                    if identity not in standing:
                        raise SystemExit(f"{path}:{number}: deletes a row that is not there")
                    del standing[identity]
                    continue
            row = tuple(value_of(fields[n], c) for n, c in zip(names, columns))
            if key:
                standing[identity] = row
            else:
                rows.append(row)
    if key:
        return list(standing.values())
    if add:
        totals = collections.Counter()
        place = names.index(add)
        for row in rows:
            totals[row[:place] + row[place + 1 :]] += row[place]
        return [rest[:place] + (total,) + rest[place:] for rest, total in totals.items()]
    return rows


def check(name, path, events, rate):
    function, columns, key, add = QUERIES[name]
    expected = collections.Counter(map(text, function(Stream(events, SEED, rate))))
    actual = collections.Counter(map(text, read_result(path, columns, key, add)))
    missing, extra = expected - actual, actual - expected
    for kind, rows in (("missing", missing), ("unexpected", extra)):
        for row in sorted(rows)[:5]:
            print(f"{name}: {kind}: {row}")
    count = sum(expected.values())
    print(f"{name}: {count} rows, {sum(missing.values())} missing, {sum(extra.values())} unexpected")
    return 1 if missing or extra else 0


def run(events, rate):
    """Compares with the golden, and row by row where its checksum differs."""
    root = os.path.abspath(os.path.join(os.path.dirname(__file__), ".."))
    program = os.environ.get("PIPELINED_BINARY", os.path.join(root, ".build/release/pipelined"))
    specs = os.path.join(root, "pipelines", "nexmark")
    variables = {**os.environ, "NEXMARK_EVENTS": str(events), "NEXMARK_RATE": str(rate)}
    failed = 0
    for name in [name for name in QUERIES if os.path.exists(f"{specs}/{name}.yaml")]:
        with tempfile.TemporaryDirectory() as folder:
            begun = time.monotonic()
            command = [program, "run", f"{specs}/{name}.yaml"]
            ended = subprocess.run(
                command, cwd=folder, env=variables, capture_output=True, text=True
            )
            taken = time.monotonic() - begun
            if ended.returncode != 0:
                print(f"{name}: exit code {ended.returncode}\n{ended.stderr}")
                failed = 1
                continue
            path = os.path.join(folder, "out", "nexmark", f"{name}.ndjson")
            _, columns, key, add = QUERIES[name]
            rows = read_result(path, columns, key, add)
            found = f"events={events} rate={rate} seed={SEED} rows={len(rows)} checksum={checksum(rows)}"
            with open(os.path.join(GOLDENS, f"{name}.txt"), encoding="utf-8") as file:
                is_right = f"result: {found}\n" in file.readlines()
            speed = f"{taken:.2f} s, {events / taken / 1e6:.2f} million events/s"
            print(f"{name}: {len(rows)} rows, {speed}{'' if is_right else ', not the golden'}", flush=True)
            if not is_right:
                failed |= check(name, path, events, rate)
    return failed


def write_goldens(names):
    os.makedirs(GOLDENS, exist_ok=True)
    results = {name: [] for name in names}
    for events, rate in RUNS:
        stream = Stream(events, SEED, rate)
        if names == list(QUERIES) and events == RUNS[0][0]:
            write_rows(stream)
        for name in names:
            function, columns, _, _ = QUERIES[name]
            rows = sorted(function(stream))
            results[name].append((events, rate, len(rows), checksum(rows), rows[:SHOWN + 1]))
            print(f"{name} {events} events: {len(rows)} rows", flush=True)
    for name in names:
        _, columns, key, add = QUERIES[name]
        with open(os.path.join(GOLDENS, f"{name}.txt"), "w", encoding="utf-8") as file:
            file.write(f"columns: {' '.join(columns)}\n")
            if key:
                file.write(f"key: {' '.join(key)}\n")
            if add:
                file.write(f"add: {add}\n")
            for events, rate, count, total, rows in results[name]:
                file.write(
                    f"result: events={events} rate={rate} seed={SEED} rows={count} checksum={total}\n"
                )
                if count <= SHOWN:
                    file.writelines(shown(row, columns) + "\n" for row in rows)


def write_rows(stream):
    """The first rows of each kind, and the checksum of all of a small run."""
    with open(os.path.join(GOLDENS, "rows.txt"), "w", encoding="utf-8") as file:
        for kind, rows in (
            ("person", stream.persons), ("auction", stream.auctions), ("bid", stream.bids),
        ):  # fmt: skip
            for row in itertools.islice(rows, 3):
                file.write(f"{kind} {text(row)}\n")
            file.write(f"{kind} {len(rows)}:{checksum(rows)}\n")


def main(arguments):
    command, *rest = arguments or ["help"]
    if command == "goldens":
        write_goldens(rest or list(QUERIES))
        return 0
    size = rest[{"run": 0, "rows": 1, "result": 1}.get(command, 2) :]
    events = int(size[0]) if size else RUNS[1][0]
    rate = int(size[1]) if len(size) > 1 else RUNS[1][1]
    if command == "run":
        return run(events, rate)
    if command == "check" and len(rest) > 1 and rest[0] in QUERIES:
        return check(rest[0], rest[1], events, rate)
    if command == "rows" and rest and rest[0] in ("person", "auction", "bid"):
        stream = Events(events, SEED, rate)
        rows = {"person": stream.persons, "auction": stream.auctions, "bid": stream.bids}[rest[0]]()
        for row in rows:
            print(json.dumps(row._asdict(), separators=(",", ":")))
        return 0
    if command == "result" and rest and rest[0] in QUERIES:
        function, columns, _, _ = QUERIES[rest[0]]
        for row in sorted(function(Stream(events, SEED, rate))):
            print(shown(row, columns))
        return 0
    print(__doc__.strip(), file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
