import Synchronization

/// What `produce` says while it runs and at its end. Told of acknowledgements on any thread.
final class ProduceReporter: Sendable {
    private struct State {
        var line: ProgressLine
        var shownAt: Int64
    }
    private let terminal: Terminal
    private let isQuiet: Bool
    private let started = MonotonicClock.micros()
    private let state: Mutex<State>

    init(_ terminal: Terminal, isQuiet: Bool) {
        self.terminal = terminal
        self.isQuiet = isQuiet
        state = Mutex(State(line: ProgressLine(terminal), shownAt: started))
    }

    /// So many rows, up to that byte of the input, are acknowledged.
    func note(_ rows: Int64, _ bytes: Int64) {
        guard !isQuiet, terminal.isErrorTerminal else { return }
        let now = MonotonicClock.micros()
        state.withLock { state in
            guard now - state.shownAt >= 200_000 else { return }
            state.shownAt = now
            state.line.show(text(rows, bytes, now))
        }
    }

    private func text(_ rows: Int64, _ bytes: Int64, _ now: Int64) -> String {
        let rate = Double(rows) * 1e6 / Double(max(1, now - started))
        return
            "\(HumanText.count(rows)) rows  \(HumanText.bytes(bytes))  \(HumanText.count(rate))/s"
    }

    /// Prints the end of it: the summary, and what went wrong.
    func finish(_ outcome: ProduceOutcome, isJSON: Bool) -> ExitStatus {
        state.withLock { $0.line.clear() }
        let summary = outcome.summary
        if isJSON {
            var object = summary.object ?? JSONObject()
            object["seconds"] = .number(Double(MonotonicClock.micros() - started) / 1e6)
            if let failure = outcome.failure { object["error"] = failure.json }
            terminal.print(JSONValue.object(object).indented)
            return outcome.failure == nil ? .done : .failed
        }
        let rows = summary["rows"]?.integer ?? 0
        if let failure = outcome.failure {
            terminal.fail(failure.message)
            terminal.note("in the topic before that: \(HumanText.rows(rows))")
            return .failed
        }
        var text =
            "\(HumanText.rows(rows)) (\(HumanText.bytes(summary["bytes"]?.integer ?? 0))) acknowledged"
        if let there = summary["already_there"]?.integer, there > 0 {
            text += ", \(there) were there already"
        }
        if let invalid = summary["invalid"]?.integer, invalid > 0 {
            text += ", \(invalid) left out"
        }
        terminal.print(text)
        for row in summary["invalid_rows"]?.array ?? [] {
            terminal.note("  row \(row["row"]?.integer ?? 0): \(row["error"]?.text ?? "")")
        }
        return .done
    }
}
