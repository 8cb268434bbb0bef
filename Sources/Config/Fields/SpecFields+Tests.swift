/// `tests:` of a pipeline, and of a file beside it.
extension SpecFields {
    private static let rows = SpecField.Form.list(.mapping)
    /// What a source or table is given at once.
    private static let given = SpecField.Form.either(
        "a list of rows, or `{lines: […]}`", [rows, .group(lines)])
    /// What is expected of a node.
    private static let expected = SpecField.Form.either(
        "a list of rows, or a mapping", [rows, .group(expectation)])

    package static let testFile = FieldGroup(
        "test file", at: "",
        [
            SpecField(
                "pipeline", .name,
                "Which pipeline of the file beside it is tested, where that has several.",
                example: "pipeline: ad-campaign-views"),
            SpecField(
                "tests", .either("a list of tests", [.list(.group(test))]), required: true,
                "As `tests` of a pipeline; see *test*.", example: "tests: [{name: …}]"),
        ])

    package static let test = FieldGroup(
        "test", at: "tests",
        [
            SpecField(
                "name", .text, required: true, "What must hold, in words; unique in the file.",
                example: "name: counts views"),
            SpecField(
                "parameters", .entries(.node, .constant),
                "Values for this test instead of those of the pipeline.",
                example: "parameters: {kind: click}"),
            SpecField(
                "clock", .either("a time", [.text]),
                "What the clock says when the test begins. Without one it is 1970, and no event time "
                    + "is too far in the future for `max_future`.",
                example: "clock: 2026-01-01T12:00:00Z"),
            SpecField(
                "tables", .entries(.node, given),
                "What tables hold from the start, as in `send`; those that are not named are empty.",
                example: "tables: {campaigns: [{ad_id: a1, campaign_id: c1}]}"),
            SpecField(
                "steps", .either("a list of steps", [.list(.oneOf(testStep))]),
                "What happens, in order; see *test step*.",
                example: "steps: [{send: {events: [{ad_id: a1}]}}, restart]"),
            SpecField(
                "expect", .entries(.column, expected),
                "What sinks, sources, steps and ports have given at the end; see *expectation*.",
                example: "expect: {counts: [{campaign_id: c1, views: 2}]}"),
        ])

    package static let testStep = FieldGroup(
        "test step", at: "tests[].steps[]",
        [
            SpecField(
                "send", .entries(.node, given),
                "Rows for sources, and for tables that are looked at again: a list of rows, or "
                    + "`{lines: […]}` with text of the source's format.",
                example: "send: {events: [{ad_id: a1, event_type: view}]}"),
            SpecField(
                "advance", .duration,
                "So much time passes: the clock moves, and the event time of every source.",
                example: "advance: 60s"),
            SpecField(
                "advance_to", .either("a time", [.text]),
                "The same, until the clock says so and every source's event time has come there.",
                example: "advance_to: 2026-01-01T13:00:00Z"),
            SpecField(
                "restart", .nothing,
                "A last checkpoint, a stop, and a start from what was kept.", example: "restart"),
            SpecField(
                "upgrade", .text,
                "Another version of the spec, a path from the file's folder, goes on instead.",
                example: "upgrade: versions/ad-campaigns-2.yaml"),
            SpecField(
                "expect", .entries(.column, expected),
                "What has come until now; see *expectation*.",
                example: "expect: {counts: []}"),
        ],
        rules: FieldRules(
            one: ["send", "advance", "advance_to", "restart", "upgrade", "expect"],
            alone: ["restart"]))

    package static let expectation = FieldGroup(
        "expectation", at: "tests[].expect.NAME",
        [
            SpecField(
                "exactly", .either("a list of rows", [rows]),
                "These rows, in this order; a column that is not written is null.",
                example: "exactly: [{campaign_id: c1, views: 2, last_view: null}]"),
            SpecField(
                "changes", .either("a list of rows", [rows]),
                "Of rows that change: every change in order, with what it does in `_op`.",
                example: "changes: [{_op: insert, country: nl, total: 5}]"),
            SpecField(
                "count", .integer, unit: "rows", "So many rows.", example: "count: 3"),
        ],
        rules: FieldRules(one: ["exactly", "changes", "count"]))

    /// Rows that are no rows yet.
    package static let lines = FieldGroup(
        "lines", at: "tests[].steps[].send.NAME",
        [
            SpecField(
                "lines", .either("a list of texts", [.list(.text)]), required: true,
                "Lines as the source's file would hold them; of CSV with a header that comes first.",
                example: "lines: ['{\"ad_id\": \"a1\"}']")
        ])
}
