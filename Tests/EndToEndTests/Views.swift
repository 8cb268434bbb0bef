import Foundation
import TestSupport

/// Views of ads counted per campaign and ten seconds: the pipeline, its input and what its output
/// has to be, worked out row by row from the values that the input was made of.
struct Views {
    static let ads = 100
    static let campaigns = 10
    static let outOfOrdernessMillis: Int64 = 1000
    static let windowMillis: Int64 = 10_000

    static func spec(follow: Bool, checkpoints: String = "20ms", more: String = "") -> String {
        """
        pipeline: views
        sources:
          events:
            file: {path: data/events.ndjson, follow: \(follow)}
            format: json
            schema:
              user_id: string
              page_id: string
              ad_id: string
              ad_type: string
              event_type: string
              event_time: timestamp(ms)
            event_time: {column: event_time, max_out_of_orderness: \(outOfOrdernessMillis)ms}
        tables:
          campaigns:
            file: {path: data/campaigns.csv}
            format: csv
            schema: {ad_id: string, campaign_id: string}
            key: [ad_id]
        steps:
          views:
            from: events
            where: event_type = 'view'
            select: [ad_id, user_id]
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
          counts: {from: per_campaign, file: {path: out/counts.ndjson}, format: json}
          late: {from: per_campaign.late, file: {path: out/late.ndjson}, format: json}
        settings: {checkpoint_interval: \(checkpoints)}
        \(more)
        """
    }

    /// Writes spec and table.
    static func prepare(_ folder: TemporaryFolder, _ spec: String) throws {
        try folder.write(spec, to: "views.yaml")
        let lines = (0..<ads).map { "ad-\($0),campaign-\($0 % campaigns)\n" }
        try folder.write("ad_id,campaign_id\n" + lines.joined(), to: "data/campaigns.csv")
    }

    private var random: SeededRandom
    private var clock: Int64 = 1_704_067_200_000
    private var highest = Int64.min
    private var count = 0
    /// Views per window and campaign.
    private var counts: [Int64: [String: Int]] = [:]
    /// Users of the late rows, who are all different.
    private(set) var late: [String] = []
    private(set) var invalidCount = 0

    init(seed: UInt64) { random = SeededRandom(seed: seed) }

    /// The next line of input.
    mutating func line() -> String {
        count += 1
        if random.next() % 100 == 0 {
            invalidCount += 1
            return ["{\"user_id\": ", "no JSON", "{\"event_time\": \"soon\"}"][
                Int(random.next() % 3)]
                + "\n"
        }
        clock += Int64(random.next() % 40)
        var time = clock - Int64(random.next() % 900)
        if random.next() % 50 == 0 { time -= Int64(random.next() % 30_000) }
        let ad = Int(random.next() % UInt64(Views.ads + 5))
        let kind = ["view", "click", "purchase"][Int(random.next() % 3)]
        if kind == "view" && ad < Views.ads { addView(of: ad, at: time) }
        highest = max(highest, time)
        return """
            {"user_id": "user-\(count)", "page_id": "page-\(random.next() % 50)", \
            "ad_id": "ad-\(ad)", "ad_type": "banner", "event_type": "\(kind)", \
            "event_time": \(time), "ip_address": "10.0.0.1"}\n
            """
    }

    private mutating func addView(of ad: Int, at time: Int64) {
        let end = time - time % Views.windowMillis + Views.windowMillis
        if highest != .min && highest - Views.outOfOrdernessMillis >= end {
            late.append("user-\(count)")
        } else {
            counts[end, default: [:]]["campaign-\(ad % Views.campaigns)", default: 0] += 1
        }
    }

    /// A click so late that every window before it fires.
    mutating func sentinel() -> String {
        highest = clock + 3_600_000
        return """
            {"user_id": "last", "ad_id": "ad-0", "event_type": "click", "event_time": \(highest)}\n
            """
    }

    /// `campaign window-end views` per row, in the order in which the rows are written.
    var expectedCounts: [String] {
        counts.sorted { $0.key < $1.key }.flatMap { end, campaigns in
            campaigns.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }.map {
                "\($0.key) \(end) \($0.value)"
            }
        }
    }

    /// The rows of the output in the same form.
    static func actualCounts(_ folder: TemporaryFolder) throws -> [String] {
        let format = ISO8601DateFormatter()
        return try folder.rows("out/counts.ndjson").map { row in
            let text = row["window_end"] as? String ?? ""
            let end = format.date(from: text).map { Int64($0.timeIntervalSince1970 * 1000) } ?? -1
            return "\(row["campaign_id"] ?? "") \(end) \(row["views"] ?? "")"
        }
    }

    static func actualLate(_ folder: TemporaryFolder) throws -> [String] {
        try folder.rows("out/late.ndjson").map { $0["user_id"] as? String ?? "" }
    }
}
