import Testing

@testable import Pipelined

@Suite("Figures for people")
struct HumanTextTests {
    @Test(
        "counts have three digits that matter",
        arguments: [
            (0, "0"), (999, "999"), (1000, "1.00k"), (12_345, "12.3k"), (999_999, "1.00M"),
            (4_560_000, "4.56M"), (123_456_789, "123M"),
        ])
    func counts(_ value: Int64, _ text: String) { #expect(HumanText.count(value) == text) }

    @Test("odd rates are a dash", arguments: [Double.nan, .infinity, -1])
    func odd(_ value: Double) { #expect(HumanText.count(value) == "-") }

    @Test(arguments: [
        (0, "0 B"), (1023, "1023 B"), (1536, "1.50 KiB"), (-5, "0 B"), (Int64.max, "8192 PiB"),
    ])
    func bytes(_ value: Int64, _ text: String) { #expect(HumanText.bytes(value) == text) }

    @Test(
        "durations name their two largest units",
        arguments: [
            (0, "0s"), (59, "59s"), (60, "1m"), (200, "3m20s"), (3600, "1h"), (18_240, "5h4m"),
            (788_400, "9d3h"), (-4, "0s"),
        ])
    func durations(_ seconds: Int64, _ text: String) {
        #expect(HumanText.duration(micros: seconds * 1_000_000) == text)
    }

    @Test(
        "times are UTC",
        arguments: [
            (0, "1970-01-01T00:00:00Z"), (951_782_400, "2000-02-29T00:00:00Z"),
            (1_772_360_430, "2026-03-01T10:20:30Z"), (-1, "1969-12-31T23:59:59Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
        ])
    func times(_ seconds: Int64, _ text: String) {
        #expect(HumanText.time(micros: seconds * 1_000_000) == text)
    }

    @Test("fractions of a second are kept, before the epoch too")
    func fractions() {
        #expect(
            HumanText.time(micros: 951_782_400_012_345, fractionDigits: 3)
                == "2000-02-29T00:00:00.012Z")
        #expect(HumanText.time(micros: -1, fractionDigits: 6) == "1969-12-31T23:59:59.999999Z")
    }

    @Test(
        "durations are read with their units",
        arguments: [
            ("250ms", 250_000), ("1h30m", 5_400_000_000), ("90d", 7_776_000_000_000), ("0s", 0),
            ("5us", 5), ("2w", 1_209_600_000_000),
        ])
    func readsDurations(_ text: String, _ micros: Int64) {
        #expect(DurationText.micros(text) == micros)
    }

    @Test(arguments: ["", "5", "s", "-5s", "1.5h", "5 s", "5y", "9999999999999w", "9e3s", "٣s"])
    func refusesDurations(_ text: String) { #expect(DurationText.micros(text) == nil) }

    @Test("the progress line shows rate, share and the time left")
    func progress() {
        var figures = ProgressLine.Figures()
        figures.rows = 1_200_000
        figures.rowsPerSecond = 400_000
        figures.elapsedMicros = 3_000_000
        #expect(ProgressLine.text(figures) == "1.20M rows  400k/s  3s")
        figures.done = 250
        figures.total = 1000
        #expect(ProgressLine.text(figures) == "1.20M rows  400k/s  25%  3s, 9s left")
    }

    @Test("tables align, leave no trailing spaces and are cut to the terminal")
    func table() {
        var table = TextTable([.init("NAME"), .init("ROWS", isRight: true), .init("MESSAGE")])
        table.rows = [["a", "12", "all is well"], ["longer", "3", ""]]
        #expect(
            table.rendered() == """
                NAME    ROWS  MESSAGE
                a         12  all is well
                longer     3
                """)
        #expect(
            table.rendered(width: 18).split(separator: "\n").map(String.init) == [
                "NAME    ROWS  MES…", "a         12  all…", "longer     3",
            ])
    }
}
