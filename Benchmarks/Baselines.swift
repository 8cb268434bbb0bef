import Glibc

/// The committed shares of the bare loop's rate, in `Benchmarks/baselines.tsv`.
enum Baselines {
    private static let path: String = {
        let file = #filePath
        return (file.lastIndex(of: "/").map { String(file[...$0]) } ?? "") + "baselines.tsv"
    }()

    /// Empty where the file is not there: a binary may be run without its sources.
    static func load() -> [String: Double] {
        guard let file = fopen(path, "r") else { return [:] }
        defer { fclose(file) }
        var result: [String: Double] = [:]
        var line = [CChar](repeating: 0, count: 512)
        while fgets(&line, 512, file) != nil {
            let text = String(
                decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            let cells = text.split { $0 == "\t" || $0 == "\n" }
            if cells.count == 2, let share = Double(cells[1]) { result[String(cells[0])] = share }
        }
        return result
    }

    static func record(_ measurements: [Measurement]) throws(BenchmarkError) {
        guard let reference = measurements.first(where: { $0.name == "bare-loop" }) else { return }
        var file = try OutputFile(path)
        for item in measurements {
            file.append("\(item.name)\t\(fixed(item.rate / reference.rate, 4))\n")
        }
        try file.close()
    }
}
