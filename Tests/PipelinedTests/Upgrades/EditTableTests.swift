import Config
import Foundation
import TestSupport
import Testing

@testable import Pipelined

/// One edit of the spec below, and what becomes of every node's state by it.
struct Edit: CustomTestStringConvertible, Sendable {
    var name: String
    var replacements: [(String, String)]
    /// The nodes whose state does not go on under its name: `rebuilt`, `anew`, `dropped`, or `kept` of
    /// one that has another name now.
    var fates: [String: String] = [:]
    /// Whether what comes out is what a fresh run gives: not where state is given up.
    var isExact = true

    init(
        _ name: String, _ replacements: [(String, String)], _ fates: [String: String] = [:],
        isExact: Bool = true
    ) {
        self.name = name
        self.replacements = replacements
        self.fates = fates
        self.isExact = isExact
    }

    var testDescription: String { name }
}

@Suite("Edits of a running pipeline")
struct EditTableTests {
    static let base = """
        pipeline: shop
        description: Orders and clicks of a shop
        parameters: {low: 10}
        sources:
          orders:
            file: {path: "IN/orders.ndjson", follow: true}
            format: json
            schema: {id: bigint, user: string, amount: bigint, at: timestamp(ms)}
            event_time: {column: at, max_out_of_orderness: 2s}
          clicks:
            file: {path: "IN/clicks.ndjson", follow: true}
            format: json
            schema: {user: string, page: string, at: timestamp(ms)}
            event_time: {column: at, max_out_of_orderness: 2s}
        tables:
          users:
            file: {path: "IN/users.csv"}
            format: csv
            schema: {user: string, city: string}
            key: [user]
        steps:
          large:
            from: orders
            where: amount >= $low
          placed:
            from: large
            join: {table: users, match: [user], type: left}
          per_city:
            from: placed
            aggregate:
              window: {tumbling: 10s}
              group_by: [city]
              compute: {n: count(*), total: sum(amount)}
          totals:
            from: placed
            aggregate:
              group_by: [user]
              compute: {n: count(*), total: sum(amount)}
          best:
            from: totals
            top: {n: 3, order_by: [total desc, user]}
          pages:
            from: clicks
            aggregate:
              group_by: [page]
              compute: {n: count(*)}
          seen:
            from: orders
            join: {stream: clicks, match: [user], within: 3s}
            select: [id, user, page]
          first:
            from: clicks
            deduplicate: {by: [user, page], keep: first}
        sinks:
          windows: {from: per_city, file: {path: "OUT/windows.ndjson"}, format: json}
          standing: {from: totals, file: {path: "OUT/standing.ndjson"}, format: json, mode: upsert}
          ranks: {from: best, file: {path: "OUT/ranks.ndjson"}, format: json, mode: changelog}
          counts: {from: pages, file: {path: "OUT/counts.ndjson"}, format: json, mode: upsert}
          copy: {from: large, file: {path: "OUT/copy.ndjson"}, format: json}
          views: {from: seen, file: {path: "OUT/views.ndjson"}, format: json}
          firsts: {from: first, file: {path: "OUT/firsts.ndjson"}, format: json}
        settings: {checkpoint_interval: 10ms}

        """

    private static let perCity = [
        "per_city": "rebuilt", "totals": "rebuilt", "best": "rebuilt", "standing": "rebuilt",
        "ranks": "rebuilt",
    ]
    private static let totals = [
        "totals": "rebuilt", "best": "rebuilt", "standing": "rebuilt", "ranks": "rebuilt",
    ]
    private static let clicks = [
        "pages": "rebuilt", "counts": "rebuilt", "seen": "rebuilt", "first": "rebuilt",
    ]
    private static let settings = "settings: {checkpoint_interval: 10ms}"

    static let edits: [Edit] = [
        // What means the same.
        Edit("a comment", [("pipeline: shop", "# the shop\npipeline: shop")]),
        Edit("another description", [("Orders and clicks of a shop", "Of the shop")]),
        Edit(
            "another format of the text",
            [
                (
                    "{n: count(*), total: sum(amount)}\n  totals",
                    "\n          n: count(*)\n          total: sum( amount )\n  totals"
                )
            ]),
        Edit("keywords in capitals", [("total desc", "total DESC")]),
        Edit("another checkpoint interval", [(settings, "settings: {checkpoint_interval: 20ms}")]),
        Edit(
            "a memory limit",
            [(settings, "settings: {checkpoint_interval: 10ms, memory_max: 1GiB}")]),
        Edit(
            "sinks in another order",
            [
                ("  copy: {from: large, file: {path: \"OUT/copy.ndjson\"}, format: json}\n", ""),
                (
                    "sinks:\n",
                    "sinks:\n  copy: {from: large, file: {path: \"OUT/copy.ndjson\"}, format: json}\n"
                ),
            ]),
        Edit(
            "steps in another order",
            [
                (
                    "  first:\n    from: clicks\n    deduplicate: {by: [user, page], keep: first}\n",
                    ""
                ),
                (
                    "steps:\n",
                    "steps:\n  first:\n    from: clicks\n    deduplicate: {by: [user, page], keep: first}\n"
                ),
            ]),
        Edit("a parameter that means the same", [("{low: 10}", "{low: 10, unused: 1}")]),
        // Names.
        Edit(
            "a step without state renamed",
            [
                ("  large:\n", "  big:\n"), ("from: large\n", "from: big\n"),
                ("from: large,", "from: big,"),
            ]),
        Edit(
            "a step with state renamed",
            [("  pages:\n", "  by_page:\n"), ("from: pages", "from: by_page")], ["by_page": "kept"]),
        Edit(
            "a windowed step renamed",
            [("  per_city:\n", "  cities:\n"), ("from: per_city", "from: cities")],
            ["cities": "kept"]),
        Edit(
            "a source renamed",
            [
                ("  clicks:\n    file", "  visits:\n    file"), ("from: clicks", "from: visits"),
                ("stream: clicks", "stream: visits"),
            ], ["visits": "kept"]),
        Edit(
            "a table renamed",
            [("  users:\n    file", "  people:\n    file"), ("table: users", "table: people")],
            ["people": "kept"]),
        Edit("an appending sink renamed", [("  copy: {", "  copies: {")]),
        Edit("a sink by key renamed", [("  counts: {", "  by_page: {")], ["by_page": "kept"]),
        Edit(
            "two steps change names",
            [
                ("  pages:\n", "  tmp:\n"), ("  first:\n", "  pages:\n"),
                ("  tmp:\n", "  first:\n"),
                ("from: pages,", "from: tmp,"), ("from: first,", "from: pages,"),
                ("from: tmp,", "from: first,"),
            ], ["pages": "kept", "first": "kept"]),
        Edit(
            "two sinks by key change names",
            [
                ("  standing: {", "  tmp: {"), ("  counts: {", "  standing: {"),
                ("  tmp: {", "  counts: {"),
            ], ["standing": "kept", "counts": "kept"]),
        Edit(
            "two appending sinks change files",
            [
                ("OUT/copy.ndjson", "OUT/tmp.ndjson"), ("OUT/firsts.ndjson", "OUT/copy.ndjson"),
                ("OUT/tmp.ndjson", "OUT/firsts.ndjson"),
            ]),
        // What comes before state.
        Edit("a filter upstream", [("amount >= $low", "amount >= 20")], perCity),
        Edit("a parameter of a filter", [("{low: 10}", "{low: 30}")], perCity),
        Edit("a filter removed", [("    where: amount >= $low\n", "")], perCity),
        Edit(
            "a filter on the aggregate itself",
            [
                (
                    "  per_city:\n    from: placed\n",
                    "  per_city:\n    from: placed\n    where: amount < 90\n"
                )
            ], ["per_city": "rebuilt"]),
        Edit(
            "a column in a source", [("page: string, at", "page: string, agent: string, at")],
            clicks),
        Edit(
            "a column dropped before state",
            [("  large:\n    from: orders\n", "  large:\n    from: orders\n    drop: [id]\n")],
            perCity),
        Edit(
            "a computed column before state",
            [
                (
                    "    where: amount >= $low\n",
                    "    where: amount >= $low\n    add: {tax: amount / 5}\n"
                )
            ], perCity),
        Edit(
            "more out-of-orderness",
            [
                (
                    "  clicks:\n    file: {path: \"IN/clicks.ndjson\", follow: true}\n    format: json\n    schema: {user: string, page: string, at: timestamp(ms)}\n    event_time: {column: at, max_out_of_orderness: 2s}",
                    "  clicks:\n    file: {path: \"IN/clicks.ndjson\", follow: true}\n    format: json\n    schema: {user: string, page: string, at: timestamp(ms)}\n    event_time: {column: at, max_out_of_orderness: 4s}"
                )
            ], clicks),
        Edit(
            "an idle timeout",
            [
                (
                    "max_out_of_orderness: 2s}\ntables",
                    "max_out_of_orderness: 2s, idle_timeout: 10m}\ntables"
                )
            ]),
        Edit(
            "the table's file", [("IN/users.csv", "IN/people.csv")],
            perCity.merging(["users": "anew"]) { $1 }),
        Edit(
            "the table's columns",
            [("{user: string, city: string}", "{user: string, city: string, zip: string}")],
            perCity.merging(["users": "anew"]) { $1 }),
        Edit("the kind of a join", [("type: left}", "type: inner}")], perCity),
        Edit("a refresh of the table", [("\"IN/users.csv\"}", "\"IN/users.csv\", refresh: 1h}")]),
        Edit(
            "a step put in between",
            [
                (
                    "  per_city:\n    from: placed\n",
                    "  near:\n    from: placed\n    where: city IS NOT NULL\n  per_city:\n    from: near\n"
                )
            ], ["per_city": "rebuilt"]),
        Edit(
            "another input", [("  totals:\n    from: placed\n", "  totals:\n    from: orders\n")],
            totals),
        Edit(
            "a union",
            [
                (
                    "  pages:\n    from: clicks\n",
                    "  twice:\n    from: clicks\n    where: page = 'p1'\n  pages:\n    from: [clicks, twice]\n"
                )
            ], ["pages": "rebuilt", "counts": "rebuilt"]),
        // State itself.
        Edit(
            "the size of a window", [("{tumbling: 10s}", "{tumbling: 20s}")],
            ["per_city": "rebuilt"]),
        Edit(
            "the kind of a window", [("{tumbling: 10s}", "{hopping: {size: 20s, every: 10s}}")],
            ["per_city": "rebuilt"]),
        Edit("sessions", [("{tumbling: 10s}", "{session: {gap: 2s}}")], ["per_city": "rebuilt"]),
        Edit(
            "a grace",
            [
                (
                    "{n: count(*), total: sum(amount)}\n  totals",
                    "{n: count(*), total: sum(amount)}\n      grace: 3s\n  totals"
                )
            ], ["per_city": "rebuilt"]),
        Edit(
            "an aggregate added",
            [
                (
                    "{n: count(*), total: sum(amount)}\n  totals",
                    "{n: count(*), total: sum(amount), most: max(amount)}\n  totals"
                )
            ], ["per_city": "rebuilt"]),
        Edit(
            "an aggregate removed",
            [("{n: count(*), total: sum(amount)}\n  totals", "{n: count(*)}\n  totals")],
            ["per_city": "rebuilt"]),
        Edit(
            "an aggregate of the running one added",
            [
                (
                    "{n: count(*), total: sum(amount)}\n  best",
                    "{n: count(*), total: sum(amount), least: min(amount)}\n  best"
                )
            ], totals),
        Edit(
            "other groups", [("group_by: [city]", "group_by: [city, user]")],
            ["per_city": "rebuilt"]),
        Edit(
            "no groups", [("      group_by: [page]\n", "")],
            ["pages": "rebuilt", "counts": "rebuilt"]),
        Edit(
            "more ranks", [("n: 3, order_by", "n: 4, order_by")],
            ["best": "rebuilt", "ranks": "rebuilt"]),
        Edit(
            "other ranks", [("[total desc, user]", "[n desc, user]")],
            ["best": "rebuilt", "ranks": "rebuilt"]),
        Edit("a wider join", [("within: 3s", "within: 6s")], ["seen": "rebuilt"]),
        Edit("an outer join", [("within: 3s}", "within: 3s, type: left}")], ["seen": "rebuilt"]),
        Edit(
            "other duplicates",
            [("by: [user, page], keep: first", "by: [user, page], keep: first, within: 30s")],
            ["first": "rebuilt"]),
        // What comes after state.
        Edit(
            "a having of a window",
            [("  totals:\n    from: placed\n", "    having: n > 1\n  totals:\n    from: placed\n")]),
        Edit(
            "a column computed from a window's",
            [
                (
                    "  totals:\n    from: placed\n",
                    "    add: {mean: total / n}\n  totals:\n    from: placed\n"
                )
            ]),
        Edit(
            "a having of a running aggregate", [("  best:\n", "    having: n > 3\n  best:\n")],
            ["best": "rebuilt", "standing": "rebuilt", "ranks": "rebuilt"]),
        Edit("a select behind a join", [("select: [id, user, page]", "select: [id, page]")]),
        Edit(
            "a having of a ranking", [("  pages:\n", "    having: total > 200\n  pages:\n")],
            ["ranks": "rebuilt"]),
        // Nodes come and go.
        Edit(
            "a step with a sink added",
            [
                (
                    "sinks:\n",
                    "  by_user:\n    from: clicks\n    aggregate:\n      group_by: [user]\n      compute: {n: count(*)}\nsinks:\n  users_seen: {from: by_user, file: {path: \"OUT/users_seen.ndjson\"}, format: json, mode: upsert}\n"
                )
            ], ["by_user": "rebuilt", "users_seen": "rebuilt"]),
        Edit(
            "a window added",
            [
                (
                    "sinks:\n",
                    "  minutes:\n    from: orders\n    aggregate:\n      window: {tumbling: 30s}\n      compute: {n: count(*)}\nsinks:\n  minutes_out: {from: minutes, file: {path: \"OUT/minutes.ndjson\"}, format: json}\n"
                )
            ], ["minutes": "rebuilt"]),
        Edit(
            "a step with state removed",
            [
                (
                    "  first:\n    from: clicks\n    deduplicate: {by: [user, page], keep: first}\n",
                    ""
                ),
                (
                    "  firsts: {from: first, file: {path: \"OUT/firsts.ndjson\"}, format: json}\n",
                    ""
                ),
            ], ["first": "dropped"]),
        Edit(
            "an appending sink removed",
            [("  copy: {from: large, file: {path: \"OUT/copy.ndjson\"}, format: json}\n", "")]),
        Edit(
            "an appending sink added",
            [
                (
                    "sinks:\n",
                    "sinks:\n  raw: {from: orders, file: {path: \"OUT/raw.ndjson\"}, format: json}\n"
                )
            ]),
        Edit("an appending sink swapped", [("OUT/copy.ndjson", "OUT/copy2.ndjson")]),
        Edit(
            "a sink by key swapped", [("OUT/counts.ndjson", "OUT/counts2.ndjson")],
            ["counts": "rebuilt"]),
        Edit(
            "a sink by key removed",
            [
                (
                    "  counts: {from: pages, file: {path: \"OUT/counts.ndjson\"}, format: json, mode: upsert}\n",
                    "  counts: {from: first, file: {path: \"OUT/other.ndjson\"}, format: json}\n"
                ),
                (
                    "  pages:\n    from: clicks\n    aggregate:\n      group_by: [page]\n      compute: {n: count(*)}\n",
                    ""
                ),
            ], ["pages": "dropped", "counts": "dropped"]),
        Edit(
            "two changes at once",
            [("{tumbling: 10s}", "{tumbling: 5s}"), ("within: 3s", "within: 4s")],
            ["per_city": "rebuilt", "seen": "rebuilt"]),
        // Policies.
        Edit(
            "a window's size, discarding",
            [
                ("{tumbling: 10s}", "{tumbling: 20s}"),
                (settings, "settings: {checkpoint_interval: 10ms, on_change: discard}"),
            ], ["per_city": "anew"], isExact: false),
        Edit(
            "a filter upstream, discarding",
            [
                ("amount >= $low", "amount >= 20"),
                (settings, "settings: {checkpoint_interval: 10ms, on_change: discard}"),
            ], ["per_city": "anew", "totals": "anew", "best": "anew"], isExact: false),
        Edit(
            "another file of a source", [("IN/clicks.ndjson", "IN/visits.ndjson")],
            [
                "clicks": "anew", "pages": "anew", "counts": "anew", "first": "anew",
                "seen": "rebuilt",
            ], isExact: false),
    ]

    private static func orders(_ range: Range<Int>, _ random: inout SeededRandom) -> [String] {
        range.map { n in
            let user = Int.random(in: 0..<9, using: &random)
            let amount = Int.random(in: 0..<100, using: &random)
            let at = 1_000_000 + n * 150 + Int.random(in: -1500..<1500, using: &random)
            return #"{"id":\#(n),"user":"u\#(user)","amount":\#(amount),"at":\#(at)}"#
        }
    }

    private static func clicks(_ range: Range<Int>, _ random: inout SeededRandom) -> [String] {
        range.map { n in
            let user = Int.random(in: 0..<9, using: &random)
            let page = Int.random(in: 0..<40, using: &random)
            let at = 1_000_000 + n * 300 + Int.random(in: -1500..<1500, using: &random)
            return #"{"user":"u\#(user)","page":"p\#(page)","at":\#(at)}"#
        }
    }

    private struct Inputs {
        var before: [(file: String, lines: [String])] = []
        var after: [(file: String, lines: [String])] = []

        init(seed: UInt64) {
            var random = SeededRandom(seed: seed)
            before = [
                ("orders.ndjson", orders(0..<400, &random)),
                ("clicks.ndjson", clicks(0..<200, &random)),
                ("visits.ndjson", clicks(0..<100, &random)),
            ]
            after = [
                ("orders.ndjson", orders(400..<700, &random)),
                ("clicks.ndjson", clicks(200..<350, &random)),
                ("visits.ndjson", clicks(100..<200, &random)),
            ]
        }
    }

    private static func makeHarness() throws -> UpgradeHarness {
        let harness = try UpgradeHarness(try TemporaryFolder("edit"))
        let cities = (0..<7).map { "u\($0),city\($0 % 3)" }
        try harness.folder.write(
            "user,city\n" + cities.joined(separator: "\n") + "\n", to: "in/users.csv")
        let others = (0..<9).map { "u\($0),town\($0 % 2)" }
        try harness.folder.write(
            "user,city\n" + others.joined(separator: "\n") + "\n", to: "in/people.csv")
        return harness
    }

    /// The names, files and keys of a spec's sinks.
    private static func sinks(_ loaded: LoadedPipeline) -> [(
        file: String, mode: SinkSpec.Mode, key: [String]
    )] {
        loaded.spec.sinks.map { sink in
            guard case .file(let options) = sink.connector else { return ("", sink.mode, []) }
            let file = options.path.split(separator: "/").last.map(String.init) ?? ""
            guard case .upsert(let key) = sink.mode else { return (file, sink.mode, []) }
            return (file, sink.mode, key.map { sink.inputSchema.fields[$0].name })
        }
    }

    @Test("a state that is not the one that is meant is not started on")
    func otherState() throws {
        let harness = try Self.makeHarness()
        defer { harness.close() }
        for (file, lines) in Inputs(seed: testSeed).before { try harness.append(lines, to: file) }
        try harness.start(Self.base)
        try harness.drain()
        let text = Self.base.replacingOccurrences(of: "tumbling: 10s", with: "tumbling: 20s")
        let (old, new) = (try harness.load(Self.base), try harness.load(text))
        let change = StateChange(from: old.meaning, to: new.meaning, rules: new.rules)
        // What was rebuilt had read no further than another epoch.
        let rebuilt = RebuiltState(epoch: 0, nodes: ["per_city"])
        let epoch = try harness.refusal(
            of: text, .change(change, rebuilt: rebuilt), stateGeneration: 1)
        #expect(epoch?.contains("has committed more than was read") == true)
        let generation = try harness.refusal(of: Self.base, .keep, stateGeneration: 7)
        #expect(generation?.contains("its state is of generation 1 and not of 7") == true)
        #expect(try harness.refusal(of: Self.base, .keep, stateGeneration: 1) == nil)
    }

    @Test("there are at least sixty")
    func count() {
        #expect(Self.edits.count >= 60)
        #expect(Set(Self.edits.map(\.name)).count == Self.edits.count)
    }

    @Test(
        "state has the fate that the table says, and what comes out is a fresh run's",
        arguments: edits)
    func edit(_ edit: Edit) throws {
        var text = Self.base
        for (old, new) in edit.replacements {
            try #require(text.contains(old), "\(old)")
            text = text.replacingOccurrences(of: old, with: new)
        }
        let seed = testSeed
        let inputs = Inputs(seed: seed)
        let edited = try Self.makeHarness()
        defer { edited.close() }
        for (file, lines) in inputs.before { try edited.append(lines, to: file) }
        try edited.start(Self.base)
        try edited.drain()
        let change = try edited.change(to: text)
        let fates = Dictionary(
            uniqueKeysWithValues: change.changed.map { ($0.node, $0.fate.rawValue) })
        #expect(fates == edit.fates, "seed \(seed)")
        #expect(change.changed.allSatisfy { !$0.reason.isEmpty })
        let loaded = try edited.load(text)
        let switched = Dictionary(
            uniqueKeysWithValues: Self.sinks(loaded).map { ($0.file, edited.output($0.file).count) }
        )
        for (file, lines) in inputs.after { try edited.append(lines, to: file) }
        try edited.drain()
        guard edit.isExact else { return }
        let fresh = try Self.makeHarness()
        defer { fresh.close() }
        for (file, lines) in inputs.before { try fresh.append(lines, to: file) }
        try fresh.start(text)
        try fresh.drain()
        let begun = Dictionary(
            uniqueKeysWithValues: Self.sinks(loaded).map { ($0.file, fresh.output($0.file).count) })
        for (file, lines) in inputs.after { try fresh.append(lines, to: file) }
        try fresh.drain()
        for (file, mode, key) in Self.sinks(loaded) {
            switch mode {
            case .append:
                let rows = edited.output(file).dropFirst(switched[file] ?? 0).sorted()
                let expected = fresh.output(file).dropFirst(begun[file] ?? 0).sorted()
                #expect(rows == expected, "\(file), seed \(seed)")
                #expect(!expected.isEmpty, "\(file), seed \(seed)")
            case .upsert, .changelog:
                let columns = mode == .changelog ? nil : key
                let rows = try Standing.rows(edited.output(file), key: columns)
                let expected = try Standing.rows(fresh.output(file), key: columns)
                #expect(rows == expected, "\(file), seed \(seed)")
                #expect(!expected.isEmpty, "\(file), seed \(seed)")
            }
        }
    }
}
