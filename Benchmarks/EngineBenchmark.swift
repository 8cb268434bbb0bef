import Glibc

/// The same query through `pipelined run`, file to file, the whole process on the clock, a
/// checkpoint every second. The result is compared with the bare loop's, row by row.
enum EngineBenchmark {
    static func measure(
        _ data: EventData, folder: String, runs: Int
    ) throws(BenchmarkError) -> Measurement {
        let spec = "\(folder)/benchmark.yaml"
        let output = "\(folder)/counts.ndjson"
        var file = try OutputFile(spec)
        file.append(text(data, output))
        try file.close()
        let program = try programPath()
        let seconds = try fastest(runs) { () throws(BenchmarkError) in
            try execute([
                program, "run", spec, "--overwrite", "--quiet", "--allow-path", folder,
            ])
        }
        try check(output, against: try BareLoop.count(data))
        return Measurement(
            name: "engine", unit: "events", amount: Double(data.rows), seconds: seconds,
            note: "\(fixed(Double(data.bytes) / seconds / 1e6, 0)) MB/s, result checked")
    }

    private static func text(_ data: EventData, _ output: String) -> String {
        """
        pipeline: benchmark
        sources:
          events:
            file: {path: "\(data.eventsPath)"}
            format: json
            schema:
              user_id: string
              page_id: string
              ad_id: string
              ad_type: string
              event_type: string
              event_time: timestamp(ms)
              ip_address: string
            event_time: {column: event_time}
        tables:
          campaigns:
            file: {path: "\(data.campaignsPath)"}
            format: csv
            schema: {ad_id: string, campaign_id: string}
            key: [ad_id]
        steps:
          views:
            from: events
            where: event_type = 'view'
            select: [ad_id]
          enriched:
            from: views
            join: {table: campaigns, match: [ad_id], type: inner}
          per_campaign:
            from: enriched
            aggregate:
              window: {tumbling: 10s}
              group_by: [campaign_id]
              compute: {views: count(*)}
        sinks:
          counts:
            from: per_campaign
            file: {path: "\(output)"}
            format: json
        settings: {checkpoint_interval: 1s}

        """
    }

    /// `pipelined` beside this program.
    private static func programPath() throws(BenchmarkError) -> String {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &buffer, 4095)
        guard count > 0 else { throw BenchmarkError(message: "cannot find this program's path") }
        let own = String(
            decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let path = (own.lastIndex(of: "/").map { String(own[...$0]) } ?? "") + "pipelined"
        guard access(path, X_OK) == 0 else {
            throw BenchmarkError(
                message: "cannot find '\(path)'; build it with "
                    + "'swift build -c release --product pipelined'")
        }
        return path
    }

    private static func execute(_ words: [String]) throws(BenchmarkError) {
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) }
        defer { for argument in arguments { free(argument) } }
        arguments.append(nil)
        var child = pid_t()
        guard posix_spawn(&child, words[0], nil, nil, arguments, environ) == 0 else {
            throw BenchmarkError(message: "cannot start '\(words[0])'")
        }
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0 && errno == EINTR {}
        guard status == 0 else {
            throw BenchmarkError(message: "'\(words.joined(separator: " "))' ended with \(status)")
        }
    }

    /// Every line of the output is a count of the bare loop, and every count has its line.
    private static func check(
        _ output: String, against expected: [String: Int]
    ) throws(BenchmarkError) {
        guard let file = fopen(output, "r") else {
            throw BenchmarkError(message: "cannot open '\(output)'")
        }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 4096)
        var seen = 0
        while fgets(&line, 4096, file) != nil {
            let text = String(
                decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            guard let campaign = value("campaign_id", in: text),
                let start = value("window_start", in: text), let views = value("views", in: text),
                let millis = epochMillis(start),
                expected["\(campaign) \(millis)"].map(String.init) == views
            else { throw BenchmarkError(message: "the engine gave a wrong row: \(text)") }
            seen += 1
        }
        guard seen == expected.count else {
            throw BenchmarkError(
                message: "the engine gave \(seen) rows instead of \(expected.count)")
        }
    }

    /// A member of a flat JSON object whose strings have no escapes.
    private static func value(_ name: String, in text: String) -> String? {
        let parts = text.split { "{},".contains($0) }
        for part in parts {
            guard part.hasPrefix("\"\(name)\":") else { continue }
            return part.dropFirst(name.count + 3).trimmingQuotes()
        }
        return nil
    }

    /// `2026-01-01T00:00:10Z` as milliseconds since the epoch.
    private static func epochMillis(_ text: String) -> Int64? {
        let parts = text.split { "-T:Z".contains($0) }.compactMap { Int32($0) }
        guard parts.count == 6 else { return nil }
        var fields = tm()
        fields.tm_year = parts[0] - 1900
        fields.tm_mon = parts[1] - 1
        fields.tm_mday = parts[2]
        fields.tm_hour = parts[3]
        fields.tm_min = parts[4]
        fields.tm_sec = parts[5]
        return Int64(timegm(&fields)) * 1000
    }
}

extension Substring {
    fileprivate func trimmingQuotes() -> String {
        String(drop { $0 == "\"" }.prefix { $0 != "\"" && $0 != "\n" })
    }
}
