import CPrimitives
import Glibc

/// Why a benchmark could not be run, or what it found wrong.
struct BenchmarkError: Error {
    let message: String
}

/// One measurement: how much work, and how long the fastest of its runs took.
struct Measurement {
    let name: String
    /// What is counted: events, rows, MB, records.
    let unit: String
    let amount: Double
    let seconds: Double
    var note = ""

    var rate: Double { amount / seconds }
}

enum BenchmarkProgram {
    struct Options {
        var rows = 2_000_000
        var only: String?
        var isRecording = false
        /// Small data, results checked, speeds not: for CI.
        var isSmoke = false
    }

    static func run(_ words: [String]) throws(BenchmarkError) {
        let options = try parse(words)
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let data = try EventData.write(rows: options.rows, to: folder.path)
        var measurements: [Measurement] = []
        func add(
            _ name: String, _ body: () throws(BenchmarkError) -> Measurement
        ) throws(BenchmarkError) {
            if let only = options.only, name != "bare-loop", !name.contains(only) { return }
            note("\(name)...")
            measurements.append(try body())
        }
        let runs = options.isSmoke ? 1 : 3
        try add("bare-loop") { () throws(BenchmarkError) in
            try BareLoop.measure(data, runs: runs)
        }
        try add("engine") { () throws(BenchmarkError) in
            try EngineBenchmark.measure(data, folder: folder.path, runs: runs)
        }
        try add("json-parse") { () throws(BenchmarkError) in
            try ParseBenchmark.json(data, runs: runs)
        }
        try add("csv-parse") { () throws(BenchmarkError) in
            try ParseBenchmark.csv(data, runs: runs)
        }
        for kernel in KernelBenchmark.all {
            try add(kernel.name) { () throws(BenchmarkError) in
                try KernelBenchmark.measure(kernel, runs: runs * 3)
            }
        }
        try add("journal-append") { () throws(BenchmarkError) in
            try JournalBenchmark.measure(
                folder: folder.path, records: options.isSmoke ? 20 : 200)
        }
        let baselines = Baselines.load()
        print(table(measurements, baselines))
        if options.isRecording { try Baselines.record(measurements) }
    }

    private static func parse(_ words: [String]) throws(BenchmarkError) -> Options {
        var options = Options()
        var rest = words[...]
        while let word = rest.popFirst() {
            switch word {
            case "--rows":
                guard let text = rest.popFirst(), let rows = Int(text), rows > 0 else {
                    throw BenchmarkError(message: "--rows takes a whole number above 0")
                }
                options.rows = rows
            case "--only": options.only = rest.popFirst()
            case "--record": options.isRecording = true
            case "--smoke":
                options.isSmoke = true
                options.rows = 100_000
            default:
                throw BenchmarkError(
                    message: "unknown word '\(word)'; usage: Benchmarks [--rows N] [--only NAME] "
                        + "[--record] [--smoke]")
            }
        }
        return options
    }

    /// One line a measurement: rate, share of the bare loop, the committed share, and their ratio.
    private static func table(
        _ measurements: [Measurement], _ baselines: [String: Double]
    ) -> String {
        let reference = measurements.first { $0.name == "bare-loop" }
        var lines = [row("benchmark", "rate", "of bare loop", "baseline", "change", "")]
        for item in measurements {
            var share = ""
            var baseline = ""
            var change = ""
            if let reference {
                let ratio = item.rate / reference.rate
                share = fixed(ratio, 3)
                if let known = baselines[item.name] {
                    baseline = fixed(known, 3)
                    change = "\(fixed((ratio / known - 1) * 100, 0)) %"
                }
            }
            lines.append(
                row(
                    item.name, "\(fixed(item.rate / 1e6, 2)) M \(item.unit)/s", share, baseline,
                    change, item.note))
        }
        return lines.joined(separator: "\n")
    }

    private static func row(_ cells: String...) -> String {
        let widths = [24, 22, 14, 10, 8, 0]
        return zip(cells, widths).map { cell, width in
            cell + String(repeating: " ", count: max(1, width - cell.count))
        }.joined()
    }
}

/// A number with so many decimals.
func fixed(_ value: Double, _ decimals: Int) -> String {
    let scale = (0..<decimals).reduce(1.0) { product, _ in product * 10 }
    let whole = (abs(value) * scale).rounded()
    guard whole < 1e15 else { return "\(value)" }
    let digits = String(Int64(whole))
    let sign = value < 0 && whole > 0 ? "-" : ""
    if decimals == 0 { return sign + digits }
    let padded = String(repeating: "0", count: max(0, decimals + 1 - digits.count)) + digits
    return sign + padded.dropLast(decimals) + "." + padded.suffix(decimals)
}

/// Seconds that `body` takes, the least of several runs.
func fastest<E: Error>(_ runs: Int, _ body: () throws(E) -> Void) throws(E) -> Double {
    var best = Double.infinity
    for _ in 0..<max(1, runs) {
        let start = monotonicSeconds()
        try body()
        best = min(best, monotonicSeconds() - start)
    }
    return best
}

func monotonicSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

/// A folder that goes when the program ends.
struct TemporaryFolder {
    let path: String

    init() throws(BenchmarkError) {
        let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(parent)/pipelined-bench.XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw BenchmarkError(message: "cannot create a folder below '\(parent)'")
        }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    func remove() { TemporaryFolder.remove(path) }

    private static func remove(_ path: String) {
        guard let folder = opendir(path) else { return }
        while let entry = readdir(folder) {
            let name = String(cString: cp_entry_name(entry))
            if name == "." || name == ".." { continue }
            if unlink("\(path)/\(name)") != 0 { remove("\(path)/\(name)") }
        }
        closedir(folder)
        rmdir(path)
    }
}

/// Writes a line to standard error.
func note(_ text: String) {
    var line = text + "\n"
    line.withUTF8 { _ = write(2, $0.baseAddress, $0.count) }
}
