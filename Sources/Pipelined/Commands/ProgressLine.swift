/// The line at the bottom of a terminal that says how far a run is.
struct ProgressLine {
    /// How far a run is.
    struct Figures {
        var rows: Int64 = 0
        var rowsPerSecond: Double = 0
        /// Bytes or rows of the input read, and in all; nil when the end is not known.
        var done: Int64 = 0
        var total: Int64?
        var elapsedMicros: Int64 = 0
    }

    private let terminal: Terminal
    private var isShown = false

    /// Shows nothing when standard error is no terminal.
    init(_ terminal: Terminal) { self.terminal = terminal }

    /// Draws the line anew.
    mutating func show(_ figures: Figures) { show(Self.text(figures)) }

    /// Puts a text in the line.
    mutating func show(_ text: String) {
        guard terminal.isErrorTerminal else { return }
        terminal.write("\r\u{1b}[K" + text, to: .error)
        isShown = true
    }

    /// Takes the line away, before anything else is written to standard error and at the end.
    mutating func clear() {
        guard isShown else { return }
        terminal.write("\r\u{1b}[K", to: .error)
        isShown = false
    }

    /// `1.20M rows  3.40M/s  45%  12s, 15s left`.
    static func text(_ figures: Figures) -> String {
        var parts = [
            "\(HumanText.count(figures.rows)) rows", "\(HumanText.count(figures.rowsPerSecond))/s",
        ]
        var time = HumanText.duration(micros: figures.elapsedMicros)
        if let total = figures.total, total > 0 {
            let share = min(1, max(0, Double(figures.done) / Double(total)))
            parts.append("\(Int(share * 100))%")
            if share > 0.01, figures.elapsedMicros > 1_000_000 {
                let left = Double(figures.elapsedMicros) * (1 - share) / share
                time += ", \(HumanText.duration(micros: Int64(left))) left"
            }
        }
        return (parts + [time]).joined(separator: "  ")
    }
}
