"""The pipeline that the crash scripts run: its spec, its events, and whether its output is right.

A join and windows over one followed file: tumbling counts with a late port, hopping counts, running
totals as upserts, a count per page that keeps growing, rows without a partner, every joined row into
files that are rolled, invalid rows to the dead letters. Events come out of order within the bound;
some are late, some invalid. As a chain it is two pipelines: the first one writes the joined rows into
a topic, and the second one reads them there.
"""

import glob
import json
import os
import random
import re
import subprocess

import oracle

NAME = "views-per-campaign"
SECOND = 10**6
OUT_OF_ORDERNESS = 2 * SECOND
ADS, CAMPAIGNS = 200, 20
# In the past, so that max_future never matters.
START_MILLIS = 1_704_067_200_000

SPEC = """\
pipeline: {name}
sources:
  events:
    file: {{path: data/events.ndjson, follow: {follow}}}
    format: json
    schema:
      id: bigint
      ad_id: string
      event_type: string
      event_time: timestamp(ms)
      price: bigint
      page: string
    event_time: {{column: event_time, max_out_of_orderness: 2s}}
tables:
  campaigns:
    file: {{path: data/campaigns.csv}}
    format: csv
    schema: {{ad_id: string, campaign_id: string}}
    key: [ad_id]
steps:
  views:
    from: events
    where: event_type = 'view'
    select: [id, ad_id, event_time, price, page]
  enriched:
    from: views
    join: {{table: campaigns, match: [ad_id], type: inner}}
    drop: [page]
  per_campaign:
    from: enriched
    aggregate:
      window: {{tumbling: 10s}}
      group_by: [campaign_id]
      compute:
        views: count(*)
        total: sum(price)
        ads: count(DISTINCT ad_id)
        last_view: max(rowtime)
  hops:
    from: enriched
    aggregate:
      window: {{hopping: {{size: 20s, every: 5s}}}}
      grace: 1s
      group_by: [campaign_id]
      compute:
        views: count(*)
        low: min(price)
  pages:
    from: events
    where: page is not null
    aggregate:
      group_by: [page]
      compute:
        views: count(*)
  totals:
    from: enriched
    aggregate:
      group_by: [campaign_id]
      compute:
        views: count(*)
        total: sum(price)
sinks:
  counts: {{from: per_campaign, file: {{path: out/counts.ndjson}}, format: json}}
  hop_counts: {{from: hops, file: {{path: out/hops.ndjson}}, format: json}}
  late: {{from: per_campaign.late, file: {{path: out/late.ndjson}}, format: json}}
  hop_late: {{from: hops.late, file: {{path: out/hops-late.ndjson}}, format: json}}
  unmatched: {{from: enriched.unmatched, file: {{path: out/unmatched.ndjson}}, format: json}}
  all_pages: {{from: pages, file: {{path: out/pages.ndjson}}, format: json, mode: upsert}}
  all_totals: {{from: totals, file: {{path: out/totals.ndjson}}, format: json, mode: upsert}}
  rows: {{from: enriched, file: {{path: out/rows.ndjson, roll: {{size: {roll}}}}}, format: json}}
settings: {{checkpoint_interval: {interval}}}
"""


CHAINED = "views-chained"


def chain(text):
    """The spec as two: what the second one does begins with the steps over `enriched`."""
    moved_steps = ("per_campaign", "hops", "totals")
    moved_sinks = ("counts", "hop_counts", "late", "hop_late", "all_totals")
    first, second, section, target = [], [f"pipeline: {CHAINED}\n"], None, None
    for line in text.splitlines(keepends=True):
        if not line.startswith(" "):
            section = line.split(":")[0]
            if section == "sources":
                second += ["sources:\n", "  enriched: {topic: views-enriched}\n"]
            elif section in ("steps", "sinks", "settings"):
                second.append(line)
            first.append(line)
            if section == "sinks":
                first.append("  chained: {from: enriched, topic: views-enriched}\n")
            continue
        if re.match(r"  \w", line):
            name = line.strip().split(":")[0]
            target = second if name in moved_steps + moved_sinks else first
        (first if section in ("sources", "tables") else target).append(line)
    return "".join(first), "".join(second)


def prepare(folder, follow=True, interval="50ms", roll="256KiB", chained=False):
    """Writes the spec and the table into a folder; returns the spec's path."""
    for name in ("data", "pipelines"):
        os.makedirs(os.path.join(folder, name), exist_ok=True)
    spec = os.path.join(folder, "pipelines", NAME + ".yaml")
    with open(spec, "w") as file:
        text = str(follow).lower()
        text = SPEC.format(name=NAME, follow=text, interval=interval, roll=roll)
        if chained:
            text, second = chain(text)
            with open(os.path.join(folder, "pipelines", CHAINED + ".yaml"), "w") as other:
                other.write(second)
        file.write(text)
    with open(os.path.join(folder, "data", "campaigns.csv"), "w") as file:
        file.write("ad_id,campaign_id\n")
        for ad in range(ADS):
            file.write(f"ad-{ad},campaign-{ad % CAMPAIGNS}\n")
    return spec


class Events:
    """Lines of input, made from a seed."""

    def __init__(self, seed, page_bytes=200):
        self.random = random.Random(seed)
        self.page_bytes = page_bytes
        self.id = 0
        self.clock = START_MILLIS

    def line(self):
        draw = self.random
        self.id += 1
        self.clock += draw.randrange(40)
        if draw.random() < 0.0005:
            self.clock += draw.randrange(60_000)
        time = self.clock - draw.randrange(2_000)
        if draw.random() < 0.01:
            time -= draw.randrange(60_000)
        event = {
            "id": self.id,
            "ad_id": f"ad-{draw.randrange(ADS + 10)}",
            "event_type": draw.choice(["view", "view", "click", "purchase"]),
            "event_time": time,
            "price": draw.choice([None, draw.randrange(1000), -draw.randrange(10**12)]),
        }
        if draw.random() < 0.3:
            event["page"] = f"/{self.id}/" + "p" * draw.randrange(2 * self.page_bytes)
        kind = draw.random()
        if kind < 0.01:
            return self.invalid(event)
        if kind < 0.1:
            event["note"] = {"text": "é\u2028 \"quoted\" \\ " + "x" * draw.randrange(200), "n": [1.5]}
        if kind > 0.9:
            names = list(event)
            draw.shuffle(names)
            event = {name: event[name] for name in names}
        line = json.dumps(event, ensure_ascii=draw.random() < 0.5)
        if kind > 0.97:
            line = line.replace("ad-", "a\\u0064-")
        return line.encode() + b"\n"

    def invalid(self, event):
        kind = self.random.randrange(7)
        if kind == 0:
            return b"not json at all\n"
        if kind == 1:
            return json.dumps(event)[:-1].encode() + b"\n"
        if kind == 2:
            return json.dumps(event)[:-1].encode() + b",}\n"
        if kind == 3:
            return json.dumps(event).replace("ad-", "\x01").encode() + b"\n"
        if kind == 4:
            return json.dumps(event).encode().replace(b"ad-", b"\xff\xc0-") + b"\n"
        if kind == 5:
            event["ad_id"] = 7
        else:
            del event["event_time"]
        return json.dumps(event).encode() + b"\n"

    def sentinels(self):
        """Rows an hour on: every window before them fires."""
        self.clock += 3_600_000
        lines = []
        for _ in range(3):
            self.id += 1
            event = {
                "id": self.id,
                "ad_id": "ad-0",
                "event_type": "view",
                "event_time": self.clock,
                "price": 1,
            }
            lines.append(json.dumps(event).encode() + b"\n")
        return b"".join(lines)


# Output


def rolled(folder):
    return sorted(glob.glob(os.path.join(folder, "out", "rows-*.ndjson")))


def expected(folder, inputs, followed=True):
    """Rows of every output, by the output's name."""
    campaigns = oracle.read_campaigns(os.path.join(folder, "data", "campaigns.csv"))
    tumbling = oracle.Windows(10 * SECOND, 10 * SECOND)
    hopping = oracle.Windows(20 * SECOND, 5 * SECOND, grace=SECOND)
    result = {name: [] for name in ("late", "hops-late", "unmatched", "rows", "pages", "dead letters")}
    totals, highest = {}, None
    integers = ("id", "event_time", "price")
    for row in oracle.read_events(
        inputs, OUT_OF_ORDERNESS, integers=integers, followed=followed
    ):
        if isinstance(row, oracle.Invalid):
            result["dead letters"].append(
                {"position": row.position, "node": "events", "raw": row.raw}
            )
            continue
        highest = row.time if highest is None else max(highest, row.time)
        fields = row.fields
        if fields.get("page") is not None:
            result["pages"].append({"_op": "upsert", "page": fields["page"], "views": 1})
        if fields.get("event_type") != "view":
            continue
        view = {name: fields.get(name) for name in ("id", "ad_id", "price")}
        page = {"page": fields.get("page")}
        view["event_time"] = row.time
        campaign = campaigns.get(fields.get("ad_id"))
        if campaign is None:
            result["unmatched"].append(view | page)
            continue
        joined = dict(view, campaign_id=campaign)
        result["rows"].append(joined)
        if not tumbling.add(row, campaign, joined):
            result["late"].append(joined)
        if not hopping.add(row, campaign, joined):
            result["hops-late"].append(joined)
        total = totals.setdefault(campaign, {"campaign_id": campaign, "views": 0, "total": None})
        total["views"] += 1
        if view["price"] is not None:
            total["total"] = (total["total"] or 0) + view["price"]
    watermark = None
    if followed:
        watermark = -(2**63) if highest is None else highest - OUT_OF_ORDERNESS

    def prices(rows):
        return [row["price"] for row in rows if row["price"] is not None]

    result["counts"] = [
        {
            "campaign_id": key,
            "window_start": start,
            "window_end": end,
            "views": len(rows),
            "total": sum(prices(rows)) if prices(rows) else None,
            "ads": len({row["ad_id"] for row in rows}),
            "last_view": max(row["event_time"] for row in rows),
        }
        for start, end, key, rows in tumbling.fired(watermark)
    ]
    result["hops"] = [
        {
            "campaign_id": key,
            "window_start": start,
            "window_end": end,
            "views": len(rows),
            "low": min(prices(rows), default=None),
        }
        for start, end, key, rows in hopping.fired(watermark)
    ]
    result["totals"] = totals
    return result


TIMES = ("event_time", "window_start", "window_end", "last_view")


def actual(folder, name):
    paths = rolled(folder) if name == "rows" else [os.path.join(folder, "out", f"{name}.ndjson")]
    return oracle.read_rows(paths, TIMES)


def lines_written(folder):
    """How many lines the outputs have that have one line a row."""
    count = 0
    for path in rolled(folder) + [
        os.path.join(folder, "out", name + ".ndjson")
        for name in ("counts", "hops", "late", "hops-late", "unmatched", "pages")
    ]:
        try:
            with open(path, "rb") as file:
                count += sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))
        except FileNotFoundError:
            pass
    return count


def lines_wanted(want):
    names = ("rows", "counts", "hops", "late", "hops-late", "unmatched", "pages")
    return sum(len(want[name]) for name in names)


def check(folder, want, binary, state="state"):
    """What is wrong with the outputs in a folder, as lines; [] where nothing is. The binary reads the
    dead letters; nothing else may use the state then."""
    problems = []
    keys = {
        "counts": lambda row: (row["campaign_id"], row["window_start"]),
        "hops": lambda row: (row["campaign_id"], row["window_start"]),
        "pages": lambda row: row["page"],
    }
    for name in ("rows", "counts", "hops", "late", "hops-late", "unmatched", "pages"):
        try:
            rows = actual(folder, name)
        except (OSError, ValueError) as error:
            problems.append(f"{name}: {error}")
            continue
        key = keys.get(name, lambda row: row["id"])
        # Changes of one batch leave in no order that is promised.
        problems += oracle.compare(name, want[name], rows, key, in_order=name != "pages")
    problems += check_totals(folder, want["totals"])
    problems += check_dead_letters(folder, want["dead letters"], binary, state)
    left = glob.glob(os.path.join(folder, "out", ".*.pending"))
    left += glob.glob(os.path.join(folder, "out", "*.pending"))
    if left:
        problems.append(f"out: unfinished files are left: {', '.join(sorted(left))}")
    return problems


def check_totals(folder, totals):
    """Upserts: how many there are depends on the batches, the last of each key does not. A count
    that does not rise tells of a row that was taken twice or written twice."""
    try:
        rows = actual(folder, "totals")
    except (OSError, ValueError) as error:
        return [f"totals: {error}"]
    problems, last = [], {}
    for row in rows:
        if row.pop("_op") != "upsert":
            problems.append(f"totals: a deletion of {oracle.text(row)}")
        before = last.get(row["campaign_id"])
        if before and before["views"] >= row["views"]:
            problems.append(f"totals: {oracle.text(row)} after {oracle.text(before)}")
        last[row["campaign_id"]] = row
    standing = [last[key] for key in sorted(last)]
    wanted = [totals[key] for key in sorted(totals)]
    return problems[:10] + oracle.compare(
        "totals", wanted, standing, lambda row: row["campaign_id"]
    )


def dead_letters(folder, binary, state="state"):
    """The rows of the topic of dead letters; [] where there is none."""
    topic = NAME + ".dead-letters"
    if not os.path.isdir(os.path.join(folder, state, "topics", topic)):
        return []
    done = subprocess.run(
        [binary, "consume", topic, "--state", state, "-o", "json"], cwd=folder,
        capture_output=True, check=False,
    )
    if done.returncode != 0:
        raise ValueError(done.stderr.decode("utf-8", "replace").strip())
    return [json.loads(line) for line in done.stdout.splitlines()]


def check_dead_letters(folder, wanted, binary, state):
    try:
        rows = dead_letters(folder, binary, state)
    except (OSError, ValueError) as error:
        return [f"dead letters: {error}"]
    # What could be parsed is kept as its columns, what could not as its bytes.
    have = [{"position": row["position"], "node": row["node"]} for row in rows]
    want = [{"position": row["position"], "node": row["node"]} for row in wanted]
    problems = oracle.compare("dead letters", want, have, in_order=False)
    if problems:
        return problems
    raws = {(row["position"], row["raw"].decode("utf-8", "replace")) for row in wanted}
    for row in rows:
        if not row["error"].startswith("cannot"):
            problems.append(f"dead letters: no reason in {oracle.text(row)}")
        if "event time" in row["error"]:
            continue
        if (row["position"], row["raw"]) not in raws and "\ufffd" not in row["raw"]:
            problems.append(f"dead letters: another text in {oracle.text(row)}")
    return problems[:10]


def checkpoints_kept(folder, state="state"):
    """(size, time) of the pipeline's newest journal, to see whether it has moved."""
    names = glob.glob(os.path.join(folder, state, "checkpoints", NAME, "*.journal"))
    numbers = [
        (int(match[1]), name) for name in names if (match := re.search(r"/(\d+)\.journal$", name))
    ]
    if not numbers:
        return None
    try:
        status = os.stat(max(numbers)[1])
    except FileNotFoundError:
        return None
    return (max(numbers)[0], status.st_size)
