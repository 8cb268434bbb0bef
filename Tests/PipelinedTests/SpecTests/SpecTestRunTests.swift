import Config
import Foundation
import TestSupport
import Testing

@testable import Pipelined

private let perWindow = """
    per_ten:
      from: events
      aggregate:
        window: {tumbling: 10s}
        group_by: [id]
        compute: {n: count(*), total: sum(amount)}
    """

private let totals = """
    totals:
      from: events
      aggregate: {group_by: [id], compute: {total: sum(amount)}}
    """

@Suite("Running tests of specs")
struct SpecTestRunTests {
    private func expectHolds(
        steps: String = perWindow, sinks: String, tests: String, more: String = "",
        files: [String: String] = [:], sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let text = testedSpec(steps: steps, sinks: sinks, tests: tests, more: more)
        for failure in try failures(text, files: files, sourceLocation: sourceLocation) {
            #expect(failure == [], sourceLocation: sourceLocation)
        }
    }

    @Test("advance takes the event time on from the latest one, less what may come out of order")
    func advance() throws {
        try expectHolds(
            sinks: "rows: {from: per_ten, stdout: {}, format: json}",
            tests: """
                - name: to the moment
                  steps:
                    - send: {events: [{id: a, amount: 1, at: 5}]}
                    # 5 s and 7 s less 2 s: the window's end.
                    - advance: 6999ms
                    - expect: {rows: []}
                    - advance: 1ms
                    - expect: {rows: [{id: a}]}
                    - send: {events: [{id: b, amount: 1, at: 9}, {id: c, amount: 1, at: 10}]}
                    - advance: 10s
                  expect:
                    rows: [{id: a}, {id: c}]
                    per_ten.late: [{id: b}]
                - name: by the clock
                  clock: 1970-01-01T00:00:30Z
                  steps:
                    - send: {events: [{id: a, amount: 1, at: 5}]}
                    - advance_to: 1970-01-01T00:00:30Z
                    - expect: {rows: [{id: a, n: 1}]}
                    - send: {events: [{id: a, amount: 1, at: 28}]}
                    - advance_to: 1970-01-01T00:00:32Z
                  expect: {rows: [{id: a, n: 1}, {id: a, n: 1}]}
                """)
    }

    @Test("advance brings sources along that gave nothing")
    func silentSource() throws {
        try expectHolds(
            steps: """
                joined:
                  from: events
                  join:
                    stream: others
                    match: [id]
                    within: 10s
                    type: left
                  select: [id, what]
                """, sinks: "rows: {from: joined, stdout: {}, format: json}",
            tests: """
                - name: an outer row leaves when its interval is over
                  steps:
                    - send: {events: [{id: a, amount: 1, at: 100}]}
                    - expect: {rows: []}
                    - restart
                    - advance: 20s
                  expect: {rows: [{id: a, what: null}]}
                """,
            more: """
                  others:
                    file: {path: others.ndjson}
                    format: json
                    schema: {id: string, what: string, at: timestamp}
                    event_time: {column: at}
                """)
    }

    @Test("what goes by the clock happens at its moment on the way")
    func ticks() throws {
        try expectHolds(
            steps: """
                totals:
                  from: events
                  aggregate:
                    group_by: [id]
                    compute: {total: sum(amount)}
                    emit: {every: 10s}
                """, sinks: "rows: {from: totals, stdout: {}, format: json, mode: changelog}",
            tests: """
                - name: every ten seconds
                  steps:
                    - send: {events: [{id: a, amount: 1, at: 1}]}
                    - send: {events: [{id: a, amount: 2, at: 2}]}
                    - expect: {rows: {changes: []}}
                    - advance: 11s
                    - send: {events: [{id: a, amount: 4, at: 3}]}
                    - advance: 30s
                  expect:
                    rows:
                      changes:
                        - {_op: insert, id: a, total: 3}
                        - {_op: update_before, id: a, total: 3}
                        - {_op: update_after, id: a, total: 7}
                """)
    }

    @Test("an event time too far ahead of the test's clock does not move the watermark")
    func future() throws {
        let steps = """
              steps:
                - send: {events: [{id: a, amount: 1, at: 5}, {id: b, amount: 1, at: 4000000}]}
            """
        try expectHolds(
            sinks: "rows: {from: per_ten, stdout: {}, format: json}",
            tests: """
                - name: of a clock that is stated
                  clock: 1970-01-01T00:01:00Z
                \(steps)
                  expect: {rows: []}
                - name: of none
                \(steps)
                  expect: {rows: [{id: a}]}
                """)
    }

    @Test("rows may be lines of the source's format, a header first, also over a restart")
    func lines() throws {
        try expectHolds(
            steps: "kept: {from: more}",
            sinks: """
                rows: {from: kept, stdout: {}, format: json}
                others: {from: events, stdout: {}, format: json}
                """,
            tests: """
                - name: lines and rows
                  steps:
                    - send: {more: {lines: ["n,text,line", '1,"x, y",7']}}
                    - restart
                    - send: {more: {lines: ["2,z,8", "x,y,z", ""]}}
                    - send: {more: [{n: 3}]}
                    - restart
                    - send:
                        more:
                          lines:
                            - |
                              4,a,9
                              5,b,10
                  expect:
                    rows:
                      exactly:
                        - {n: 1, text: "x, y", line: 7, number: 2}
                        - {n: 2, text: z, line: 8, number: 3}
                        - {n: 3, number: 6}
                        - {n: 4, text: a, line: 9, number: 7}
                        - {n: 5, text: b, line: 10, number: 8}
                    more.invalid: [{raw: "x,y,z"}]
                """,
            more: """
                  more:
                    file: {path: more.csv}
                    format: csv
                    schema: {n: bigint, text: string, line: bigint}
                    metadata: {number: file.line}
                """)
    }

    @Test("a send to a table counts for the rows of the same send")
    func tables() throws {
        try expectHolds(
            steps: """
                named:
                  from: events
                  join: {table: names, match: [id]}
                """, sinks: "rows: {from: named, stdout: {}, format: json}",
            tests: """
                - name: the latest row of a key
                  tables: {names: [{id: a, name: old}, {id: b, name: other}]}
                  steps:
                    - send: {events: [{id: a, at: 1}]}
                    - restart
                    - send: {events: [{id: a, at: 2}], names: [{id: a, name: new}]}
                    - restart
                    - send: {events: [{id: a, at: 3}, {id: b, at: 4}, {id: c, at: 5}]}
                    - send: {names: [{id: c, name: late, gone: true}, {id: b, gone: true}]}
                    - send: {events: [{id: b, at: 6}]}
                  expect:
                    rows:
                      exactly:
                        - {id: a, at: 1970-01-01T00:00:01Z, name: old, gone: null, amount: null}
                        - {id: a, at: 1970-01-01T00:00:02Z, name: new, gone: null, amount: null}
                        - {id: a, at: 1970-01-01T00:00:03Z, name: new}
                        - {id: b, at: 1970-01-01T00:00:04Z, name: other}
                    named.unmatched: [{id: c}, {id: b}]
                """,
            more: """
                tables:
                  names:
                    file: {path: names.csv, refresh: 10s}
                    format: csv
                    schema: {id: string, name: string, gone: boolean}
                    key: [id]
                    delete_when: gone
                """)
    }

    @Test("rows of topics have operations, and happened when they or their topic say so")
    func topics() throws {
        let text = """
            topic: people
            schema: {id: string, name: string}
            key: [id]
            mode: upsert
            ---
            topic: visits
            schema: {id: string, at: timestamp}
            event_time: at
            ---
            topic: prices
            schema: {id: string, price: bigint}
            key: [id]
            mode: upsert
            ---
            pipeline: tested
            sources: {people: {topic: people}, visits: {topic: visits}}
            tables: {prices: {topic: prices, history: 30d}}
            steps:
              names: {from: people, aggregate: {group_by: [name], compute: {n: count(*)}}}
              hours: {from: visits, aggregate: {window: {tumbling: 1h}, compute: {n: count(*)}}}
              priced: {from: visits, join: {table: prices, match: [id], as_of: rowtime}}
            sinks:
              named: {from: names, stdout: {}, format: json, mode: upsert}
              hourly: {from: hours, file: {path: out/hourly.ndjson}, format: json}
              valued: {from: priced, topic: priced-visits}
            tests:
              - name: people
                steps:
                  - send: {people: [{id: a, name: x}, {id: b, name: x}]}
                  - expect: {named: [{name: x, n: 2}]}
                  - restart
                  - send: {people: [{_op: delete, id: a}, {id: b, name: y}, {_op: upsert, id: c}]}
                expect: {named: [{name: y, n: 1}, {name: null, n: 1}], people: {count: 2}}
              - name: visits
                clock: 2026-01-01T12:30:00Z
                tables:
                  prices:
                    - {id: a, price: 1, _rowtime: 2026-01-01T08:00:00Z}
                    - {id: a, price: 2, _rowtime: 2026-01-01T11:00:00Z}
                steps:
                  - send:
                      visits:
                        - {id: a, at: 2026-01-01T10:00:00Z}
                        - {id: a, at: 2026-01-01T11:59:00Z, _rowtime: 2026-01-01T11:00:00Z}
                        # Happens now, at half past twelve.
                        - {id: b}
                  - restart
                  - expect:
                      hourly:
                        - {window_start: 2026-01-01T10:00:00Z, n: 1}
                        - {window_start: 2026-01-01T11:00:00Z, n: 1}
                  # Another price of eleven o'clock might come yet.
                  - expect: {valued: [{id: a, price: 1}]}
                  - send: {prices: [{id: a, _op: delete, _rowtime: 2026-01-01T12:40:00Z}]}
                  - advance: 11m
                  - send: {visits: [{id: a, at: 2026-01-01T12:41:00Z}]}
                  - advance_to: 2026-01-01T13:00:00Z
                expect:
                  hourly: [{n: 1}, {n: 1}, {window_start: 2026-01-01T12:00:00Z, n: 2}]
                  valued: [{id: a, price: 1}, {id: a, price: 2}]
                  priced.unmatched: [{id: b}, {id: a, at: 2026-01-01T12:41:00Z}]
            """
        for failure in try failures(text) { #expect(failure == []) }
    }

    @Test("what cannot be read is shown with the test that fails for it")
    func setAside() throws {
        let text = testedSpec(
            steps: totals, sinks: "rows: {from: totals, stdout: {}, format: json, mode: upsert}",
            tests: """
                - name: no time
                  steps: [{send: {events: [{id: a, amount: 1}, {id: b}]}}]
                  expect: {rows: {count: 2}}
                """)
        let found = try failures(text)
        #expect(
            found == [
                [
                    "spec.yaml:18:14: 'rows' has 0 rows, and 2 were expected",
                    "'events' set a row aside: cannot tell the event time from 'at': the value is "
                        + "null (2 rows)",
                ]
            ])
    }

    @Test("a pipeline that fails is a test that fails")
    func failing() throws {
        let text = testedSpec(
            steps: totals, sinks: "rows: {from: totals, stdout: {}, format: json, mode: upsert}",
            tests: """
                - name: stops
                  steps: [{send: {events: {lines: [nonsense]}}}]
                  expect: {rows: []}
                """, more: "settings: {on_error: fail}")
        let failure = try #require(try failures(text).first)
        #expect(failure.first == "spec.yaml:16:11: the pipeline does not go on")
        #expect(failure.last?.contains("tested/events: cannot go on after a row") == true)
    }

    @Test("takes the same course every time")
    func deterministic() throws {
        let text = testedSpec(
            steps: perWindow, sinks: "rows: {from: per_ten, stdout: {}, format: json}",
            tests: """
                - name: wrong in many ways
                  steps:
                    - send: {events: [{id: b, amount: 1, at: 1}, {id: a, amount: 2, at: 2}]}
                    - restart
                    - send: {events: [{id: c, amount: 1, at: 3}, {id: a, amount: 2, at: 14}]}
                    - advance: 30s
                  expect: {rows: {exactly: [{id: x}]}, per_ten.late: [{id: y}]}
                """)
        let test = try #require(try loadTests(text).first)
        let first = SpecTestRunner.run(test).failure
        #expect(first.count > 5)
        for _ in 0..<20 { #expect(SpecTestRunner.run(test).failure == first) }
    }
}

@Suite("Upgrades in tests of specs")
struct SpecTestUpgradeTests {
    private static func version(_ compute: String, tests: String, sinks: String = "") -> String {
        testedSpec(
            steps: """
                per_ten:
                  from: events
                  aggregate:
                    window: {tumbling: 10s}
                    group_by: [id]
                    compute: \(compute)
                """,
            sinks: sinks.isEmpty ? "rows: {from: per_ten, stdout: {}, format: json}" : sinks,
            tests: tests)
    }

    private static let sends = """
          steps:
            - send: {events: [{id: a, amount: 3, at: 1}]}
            - upgrade: next.yaml
            - send: {events: [{id: a, amount: 4, at: 2}]}
            - advance: 20s
        """

    @Test("go on in mid-window where nothing that feeds the state has changed")
    func kept() throws {
        let next = Self.version(
            "{total: sum(amount)}", tests: "[]",
            sinks: """
                # Called otherwise, and a second one beside it.
                rows: {from: per_ten, stdout: {}, format: json}
                big: {from: per_ten, file: {path: out/big.ndjson}, format: json}
                """)
        let text = Self.version(
            "{total: sum(amount)}",
            tests: """
                - name: keeps the window
                \(Self.sends)
                  expect: {rows: [{id: a, total: 7}], big: [{id: a, total: 7}]}
                """)
        #expect(try failures(text, files: ["next.yaml": next]) == [[]])
    }

    /// Totals by id over rows that are big enough, in a sink that is written by key.
    private static func totals(_ least: Int, settings: String = "", tests: String) -> String {
        testedSpec(
            steps: """
                big: {from: events, where: amount >= \(least)}
                totals:
                  from: big
                  aggregate: {group_by: [id], compute: {total: sum(amount)}}
                """, sinks: "rows: {from: totals, stdout: {}, format: json, mode: upsert}",
            tests: tests, more: settings)
    }

    @Test(
        "go by what the new version says of changes",
        arguments: [
            (
                "",
                "rows: {changes: [ID_A, ID_B, {_op: delete, id: a}, {_op: upsert, id: b, total: 9}]}"
            ),
            ("settings: {on_change: discard}", "rows: [{id: a, total: 3}, {id: b, total: 5}]"),
        ])
    func policies(_ settings: String, _ expected: String) throws {
        let next = Self.totals(4, settings: settings, tests: "[]")
        let text = Self.totals(
            0,
            tests: """
                - name: changes
                  steps:
                    - send: {events: [{id: a, amount: 3, at: 1}]}
                    - send: {events: [{id: b, amount: 4, at: 2}]}
                    - upgrade: next.yaml
                    - send: {events: [{id: b, amount: 5, at: 3}]}
                  expect:
                    \(expected.replacing("ID_A", with: "{_op: upsert, id: a, total: 3}")
                        .replacing("ID_B", with: "{_op: upsert, id: b, total: 4}"))
                """)
        #expect(try failures(text, files: ["next.yaml": next]) == [[]])
    }

    @Test("that are refused fail the test")
    func refused() throws {
        let next = Self.totals(4, settings: "settings: {on_change: refuse}", tests: "[]")
        let text = Self.totals(
            0,
            tests: """
                - name: changes
                  steps: [{send: {events: [{id: a, amount: 3, at: 1}]}}, {upgrade: next.yaml}]
                  expect: {rows: []}
                """)
        let failure = try #require(try failures(text, files: ["next.yaml": next]).first)
        #expect(failure.last?.contains("cannot upgrade: ") == true, "\(failure)")
    }

    @Test("read from the first row on where the state is another one")
    func anew() throws {
        let next = Self.version("{total: sum(amount), n: count(*)}", tests: "[]")
        let text = Self.version(
            "{total: sum(amount)}",
            tests: """
                - name: reads anew
                \(Self.sends)
                  expect: {rows: [{id: a, total: 7, n: 2}]}
                """)
        #expect(try failures(text, files: ["next.yaml": next]) == [[]])
    }

    @Test("may bring tables, whose rows the test has from the start")
    func tables() throws {
        let begin = Self.version(
            "{total: sum(amount)}", tests: "[]",
            sinks: """
                rows: {from: per_ten, topic: rows}
                known: {from: named, file: {path: out/known.ndjson}, format: json}
                """)
        let table = """
            tables:
              names:
                file: {path: names.csv}
                format: csv
                schema: {id: string, name: string}
                key: [id]
            steps:
              named: {from: events, join: {table: names, match: [id]}}

            """
        let next = begin.replacing("steps:\n", with: table)
        let text = Self.version(
            "{total: sum(amount)}",
            tests: """
                - name: joins from now on
                  tables: {names: [{id: a, name: ada}]}
                \(Self.sends)
                  expect: {rows: [{id: a, total: 7}], known: [{amount: 4, name: ada}]}
                """)
        #expect(try failures(text, files: ["next.yaml": next]) == [[]])
    }

    @Test("check what follows against the new version")
    func checked() throws {
        let next = Self.version("{n: count(*)}", tests: "[]")
        let text = Self.version(
            "{total: sum(amount)}",
            tests: """
                - name: another column
                \(Self.sends)
                  expect: {rows: [{total: 7}]}
                """)
        let folder = try TemporaryFolder("upgrade")
        try folder.write(next, to: "next.yaml")
        let loader = SpecLoader(environment: SpecEnvironment(workingDirectory: folder.path))
        let loaded = loader.load(bytes: Array(text.utf8), path: "spec.yaml")
        #expect(loaded.diagnostics.map(\.message) == ["unknown column 'total'"])
    }
}
