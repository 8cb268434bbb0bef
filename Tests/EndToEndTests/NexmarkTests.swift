import Foundation
import TestSupport
import Testing

/// The queries of docs/nexmark.md over 20,000 events, against what scripts/nexmark-oracle.py says.
@Suite("Nexmark queries")
struct NexmarkTests {
    /// Those that this version can run; the others wait in Tests/Fixtures/nexmark-later.
    static let running = (0...22).map { "q\($0)" }.filter { !waiting.contains($0) }
    static let waiting = ["q11"]
    private static let later = "Tests/Fixtures/nexmark-later"

    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder("nexmark") }

    private func path(_ name: String, in place: String) -> String {
        repositoryRoot.appendingPathComponent("\(place)/\(name).yaml").path
    }

    @Test("are all there, each in one place")
    func complete() throws {
        func names(_ place: String) throws -> Set<String> {
            let folder = repositoryRoot.appendingPathComponent(place)
            return Set(try FileManager.default.contentsOfDirectory(atPath: folder.path))
        }
        #expect(try names("pipelines/nexmark") == Set(Self.running.map { "\($0).yaml" }))
        #expect(try names(Self.later) == Set(Self.waiting.map { "\($0).yaml" }))
    }

    @Test("give the rows of the golden", arguments: running)
    func result(_ name: String) throws {
        let outcome = try Program.run(
            ["run", path(name, in: "pipelines/nexmark")], in: folder,
            variables: ["NEXMARK_EVENTS": "20000", "NEXMARK_RATE": "200"])
        #expect(outcome.status == 0, "\(outcome.errors)")
        let expected = try NexmarkGolden(name, events: 20_000)
        let rows = try expected.rows(folder.rows("out/nexmark/\(name).ndjson"))
        #expect(rows.count == expected.rowCount)
        #expect(NexmarkGolden.checksum(rows) == expected.checksum)
        if !expected.shown.isEmpty {
            #expect(rows.sorted() == (try expected.rows(expected.shown)).sorted())
        }
    }

    @Test("wait only as long as they do not load", arguments: waiting)
    func waits(_ name: String) throws {
        let outcome = try Program.run(["validate", path(name, in: Self.later)], in: folder)
        #expect(
            outcome.status != 0,
            "\(name) loads: move it to pipelines/nexmark and name it in NexmarkTests.running")
    }
}

/// One result of `Tests/Goldens/nexmark/NAME.txt`.
struct NexmarkGolden {
    struct Wrong: Error { let cause: String }

    private struct Column {
        var name: String
        var isTime: Bool
        var isDecimal: Bool
    }

    private let columns: [Column]
    /// By which an updating result changes; empty where rows only come.
    private let key: [String]
    /// The column that is added up over rows that are otherwise equal.
    private let added: String?
    let rowCount: Int
    let checksum: String
    /// The rows themselves, where they are few.
    let shown: [[String: Any]]

    init(_ name: String, events: Int) throws {
        guard let text = golden("nexmark/\(name).txt") else { throw Wrong(cause: "no \(name).txt") }
        let lines = text.split(separator: "\n").map(String.init)
        func words(_ label: String) -> [String] {
            let line = lines.first { $0.hasPrefix("\(label): ") }
            return line?.split(separator: " ").dropFirst().map(String.init) ?? []
        }
        columns = words("columns").map { word in
            Column(
                name: word.replacing("*", with: "").replacing(".3", with: ""),
                isTime: word.hasSuffix("*"), isDecimal: word.hasSuffix(".3"))
        }
        key = words("key")
        added = words("add").first
        guard let place = lines.firstIndex(where: { $0.hasPrefix("result: events=\(events) ") })
        else { throw Wrong(cause: "no result of \(events) events") }
        var facts: [String: String] = [:]
        for word in lines[place].split(separator: " ").dropFirst() {
            let parts = word.split(separator: "=")
            facts[String(parts[0])] = String(parts[1])
        }
        rowCount = facts["rows"].flatMap { Int($0) } ?? -1
        checksum = facts["checksum"] ?? ""
        shown = try lines[(place + 1)...].prefix { $0.hasPrefix("{") }.map { line in
            guard
                let row = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            else { throw Wrong(cause: line) }
            return row
        }
    }

    /// The rows that stand after all changes, each as its columns joined by `|`.
    func rows(_ lines: [[String: Any]]) throws -> [String] {
        if let added { return try summed(lines, added) }
        guard !key.isEmpty else { return try lines.map(text) }
        var standing: [String: String] = [:]
        for line in lines {
            let identity = key.map { "\(line[$0] ?? "")" }.joined(separator: "|")
            if line["_op"] as? String == "delete" {
                guard standing.removeValue(forKey: identity) != nil else {
                    throw Wrong(cause: "\(identity) is deleted and was not there")
                }
            } else {
                standing[identity] = try text(line)
            }
        }
        return Array(standing.values)
    }

    private func summed(_ lines: [[String: Any]], _ added: String) throws -> [String] {
        var totals: [String: (line: [String: Any], total: Int)] = [:]
        for line in lines {
            var rest = line
            rest[added] = 0
            let identity = try text(rest)
            let value = line[added] as? Int ?? 0
            totals[identity] = (line, (totals[identity]?.total ?? 0) + value)
        }
        return try totals.values.map { line, total in
            try text(line.merging([added: total]) { $1 })
        }
    }

    private func text(_ row: [String: Any]) throws -> String {
        try columns.map { column in
            guard let value = row[column.name] else {
                throw Wrong(cause: "no column \(column.name) in \(row)")
            }
            if column.isTime, let text = value as? String { return String(try millis(text)) }
            if column.isDecimal, let number = Double("\(value)") {
                return String(Int((number * 1000).rounded()))
            }
            return "\(value)"
        }.joined(separator: "|")
    }

    private func millis(_ text: String) throws -> Int {
        let hasFraction = text.contains(".")
        let style = Date.ISO8601FormatStyle(includingFractionalSeconds: hasFraction)
        return Int((try style.parse(text).timeIntervalSince1970 * 1000).rounded())
    }

    /// As scripts/nexmark-oracle.py makes it.
    static func checksum(_ rows: [String]) -> String {
        let total = rows.reduce(UInt64(0)) { $0 &+ MD5.low64(Array($1.utf8)) }
        let digits = String(total, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
