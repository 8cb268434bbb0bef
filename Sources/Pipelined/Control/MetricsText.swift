/// The daemon's figures in the OpenMetrics text format.
struct MetricsText {
    private var text = ""

    struct Sample {
        var labels: [(String, String)]
        var value: Double
    }

    /// - Parameter state: Of the daemon's state directory.
    static func render(_ view: ControllerView, _ state: StateFigures) -> String {
        var metrics = MetricsText()
        metrics.write(view)
        metrics.write(state)
        metrics.write(view.following)
        return metrics.text + "# EOF\n"
    }

    private mutating func write(_ view: ControllerView) {
        let views = view.inOrder
        family(
            "pipelined_build", "info", "The version that runs.",
            [Sample(labels: [("version", PipelinedVersion.current)], value: 1)], suffix: "_info")
        family(
            "pipelined_pipelines", "gauge", "Pipelines by phase.",
            PipelinePhase.allCases.map { phase in
                Sample(
                    labels: [("phase", phase.rawValue)],
                    value: Double(views.count { $0.phase == phase }))
            })
        family(
            "pipelined_spec_problems", "gauge", "Problems of spec files without a pipeline.",
            [
                Sample(
                    labels: [], value: Double(view.orphanProblems.values.map(\.count).reduce(0, +)))
            ])
        figure(
            "catalog_problem", "Whether the catalog cannot be written, so that nothing changes.",
            view.storeProblem == nil ? 0 : 1)
        figure(
            "directory_problem", "Whether the directory of specs cannot be read.",
            view.folderProblem == nil ? 0 : 1)
        let rows = views.map { ($0, $0.status ?? PipelineStatus()) }
        gauge("ready", "Whether it runs what its spec says.", rows) { view, _ in
            view.conditions[.ready].isTrue ? 1 : 0
        }
        gauge("stalled", "Whether a person has to do something.", rows) { view, _ in
            view.conditions[.stalled].isTrue ? 1 : 0
        }
        gauge("reconciling", "Whether something is being done about it.", rows) { view, _ in
            view.conditions[.reconciling].isTrue ? 1 : 0
        }
        gauge("held", "Whether somebody has paused or suspended it.", rows) { view, _ in
            view.phase == .paused || view.phase == .suspended ? 1 : 0
        }
        gauge("spec_invalid", "Whether its file's present text does not count.", rows) { view, _ in
            view.problem == nil ? 0 : 1
        }
        gauge("lag", "Input that is there and not read, bytes or rows.", rows) { Double($1.lag) }
        gauge("rows_per_second", "Rows read per second lately.", rows) { $1.rowsPerSecond }
        gauge("state_bytes", "Size of the keyed state.", rows) { Double($1.stateBytes) }
        gauge("state_entries", "Entries of the keyed state.", rows) { Double($1.stateEntries) }
        gauge("checkpoint_epoch", "The last epoch committed.", rows) {
            Double($1.checkpointEpoch)
        }
        gauge("checkpoint_duration_seconds", "How long the last checkpoint took.", rows) {
            Double($1.checkpointMicros) / 1e6
        }
        gauge("checkpoint_timestamp_seconds", "When the last checkpoint was committed.", rows) {
            $1.checkpointAt.map { Double($0) / 1e6 }
        }
        gauge("watermark_timestamp_seconds", "The lowest watermark of the sources.", rows) {
            $1.watermark.map { Double($0) / 1e6 }
        }
        counter("rows", "Rows read.", rows) { Double($1.rowsRead) }
        counter("bytes", "Bytes read.", rows) { Double($1.bytesRead) }
        counter("late", "Rows that came late.", rows) { Double($1.late) }
        counter("dead_letters", "Rows set aside.", rows) { Double($1.deadLetters) }
        counter("restarts", "Automatic restarts.", rows) { view, _ in Double(view.restartCount) }
        parts(rows)
    }

    private mutating func write(_ state: StateFigures) {
        figure(
            "state_available_bytes", "Room left on the state directory's file system.",
            state.availableBytes.map(Double.init))
        figure(
            "state_size_bytes", "Size of the state directory's file system.",
            state.totalBytes.map(Double.init))
        figure(
            "state_reserve", "Whether the room kept for a full disk is there.",
            state.hasReserve ? 1 : 0)
        figure(
            "last_backup_timestamp_seconds", "When the last backup was taken.",
            state.lastBackupAt.map { Double($0) / 1e6 })
    }

    /// A gauge of the daemon as a whole; no sample where there is no value.
    private mutating func figure(_ name: String, _ help: String, _ value: Double?) {
        family(
            "pipelined_\(name)", "gauge", help, value.map { [Sample(labels: [], value: $0)] } ?? [])
    }

    private mutating func parts(_ rows: [(PipelineView, PipelineStatus)]) {
        func samples<Part>(
            _ label: String, _ parts: KeyPath<PipelineStatus, [Part]>,
            _ name: KeyPath<Part, String>, _ value: KeyPath<Part, Int64>
        ) -> [Sample] {
            rows.flatMap { view, status in
                status[keyPath: parts].map { part in
                    Sample(
                        labels: [("pipeline", view.name), (label, part[keyPath: name])],
                        value: Double(part[keyPath: value]))
                }
            }
        }
        let families: [(String, String, [Sample])] = [
            ("source_rows", "Rows read by a source.", samples("source", \.sources, \.name, \.rows)),
            (
                "source_invalid", "Rows of a source that could not be read.",
                samples("source", \.sources, \.name, \.invalid)
            ),
            ("node_rows_in", "Rows into a node.", samples("node", \.nodes, \.name, \.rowsIn)),
            ("node_rows_out", "Rows out of a node.", samples("node", \.nodes, \.name, \.rowsOut)),
            ("sink_rows", "Rows written by a sink.", samples("sink", \.sinks, \.name, \.rows)),
            ("sink_bytes", "Bytes written by a sink.", samples("sink", \.sinks, \.name, \.bytes)),
        ]
        for (name, help, samples) in families {
            family("pipelined_\(name)", "counter", help, samples, suffix: "_total")
        }
    }

    private mutating func gauge(
        _ name: String, _ help: String, _ rows: [(PipelineView, PipelineStatus)],
        _ value: (PipelineView, PipelineStatus) -> Double?
    ) {
        family("pipelined_pipeline_\(name)", "gauge", help, samples(rows, value))
    }

    private mutating func counter(
        _ name: String, _ help: String, _ rows: [(PipelineView, PipelineStatus)],
        _ value: (PipelineView, PipelineStatus) -> Double?
    ) {
        family(
            "pipelined_pipeline_\(name)", "counter", help, samples(rows, value), suffix: "_total")
    }

    private func samples(
        _ rows: [(PipelineView, PipelineStatus)],
        _ value: (PipelineView, PipelineStatus) -> Double?
    ) -> [Sample] {
        rows.compactMap { view, status in
            value(view, status).map { Sample(labels: [("pipeline", view.name)], value: $0) }
        }
    }

    mutating func family(
        _ name: String, _ type: String, _ help: String, _ samples: [Sample], suffix: String = ""
    ) {
        text += "# TYPE \(name) \(type)\n# HELP \(name) \(help)\n"
        for sample in samples {
            let labels = sample.labels.map { "\($0.0)=\"\(escaped($0.1))\"" }.joined(separator: ",")
            let braces = labels.isEmpty ? "" : "{\(labels)}"
            text += "\(name)\(suffix)\(braces) \(number(sample.value))\n"
        }
    }

    private func number(_ value: Double) -> String {
        guard value.isFinite else { return "NaN" }
        return Int64(exactly: value).map(String.init) ?? "\(value)"
    }

    private func escaped(_ text: String) -> String {
        text.map { character in
            switch character {
            case "\\": return "\\\\"
            case "\"": return "\\\""
            case "\n": return "\\n"
            default: return String(character)
            }
        }.joined()
    }
}
