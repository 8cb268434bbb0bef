import CPrimitives
import Glibc
import Operators

/// The benchmark's query written by hand over the bytes of the file: what the machine can do when
/// nothing is general. It validates nothing that it skips, knows no watermark and keeps no state
/// safe; the engine's share of the cost is the distance to it.
enum BareLoop {
    static func measure(_ data: EventData, runs: Int) throws(BenchmarkError) -> Measurement {
        var total = 0
        let seconds = try fastest(runs) { () throws(BenchmarkError) in
            total = try count(data).values.reduce(0, +)
        }
        return Measurement(
            name: "bare-loop", unit: "events", amount: Double(data.rows), seconds: seconds,
            note: "\(total) views")
    }

    /// Views by `campaign window`.
    static func count(_ data: EventData) throws(BenchmarkError) -> [String: Int] {
        let ads = KeyTable(capacity: 1024)
        var campaigns: [String] = []
        var campaignNumber: [String: Int32] = [:]
        for (ad, campaign) in data.campaignOfAd.sorted(by: { $0.key < $1.key }) {
            if campaignNumber[campaign] == nil {
                campaignNumber[campaign] = Int32(campaigns.count)
                campaigns.append(campaign)
            }
            var text = ad
            text.withUTF8 { bytes in
                guard let base = bytes.baseAddress else { return }
                let key = StringView(base: base, count: bytes.count)
                ads.insert(key, hash: key.hash, value: campaignNumber[campaign] ?? 0)
            }
        }
        var counts = [Int](repeating: 0, count: campaigns.count)
        var window: Int64 = -1
        var result: [String: Int] = [:]
        func flush() {
            for (index, count) in counts.enumerated() where count > 0 {
                result["\(campaigns[index]) \(window * 10_000)", default: 0] += count
                counts[index] = 0
            }
        }
        try forEachChunk(data.eventsPath) { start, end in
            var p = start
            while p < end {
                guard let event = Event(p, end) else { return false }
                if event.time / 10_000 != window {
                    if window >= 0 { flush() }
                    window = event.time / 10_000
                }
                if event.isView {
                    let campaign = ads.find(event.ad)
                    if campaign >= 0 { counts[Int(campaign)] += 1 }
                }
                p = event.next
            }
            return true
        }
        flush()
        return result
    }

    /// One line, its fields found by their order and the bytes between them.
    private struct Event {
        let ad: StringView
        let isView: Bool
        let time: Int64
        let next: UnsafePointer<UInt8>

        @inline(__always)
        init?(_ start: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) {
            // {"user_id":" ","page_id":" ","ad_id":" ","ad_type":" ","event_type":" ","event_time":
            var p = cp_scan_json_string(start + 12, end) + 13
            p = cp_scan_json_string(p, end) + 11
            let adEnd = cp_scan_json_string(p, end)
            ad = StringView(base: p, count: adEnd - p)
            p = cp_scan_json_string(adEnd + 13, end) + 16
            let actionEnd = cp_scan_json_string(p, end)
            isView = actionEnd - p == 4 && p[0] == 0x76
            p = actionEnd + 15
            var value: Int64 = 0
            while p.pointee &- 0x30 < 10 {
                value = value &* 10 &+ Int64(p.pointee &- 0x30)
                p += 1
            }
            time = value
            p = cp_scan_json_string(p + 15, end) + 2
            guard p < end, p.pointee == 0x0a else { return nil }
            next = p + 1
        }
    }

    /// Reads a file in pieces that end with a line.
    static func forEachChunk(
        _ path: String,
        _ body: (UnsafePointer<UInt8>, UnsafePointer<UInt8>) -> Bool
    ) throws(BenchmarkError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw BenchmarkError(message: "cannot open '\(path)'") }
        defer { close(descriptor) }
        let size = 1 << 19
        let buffer = Buffer(capacity: size + Buffer.paddingBytes)
        let base = buffer.pointer(to: UInt8.self)
        var kept = 0
        while true {
            let count = read(descriptor, base + kept, size - kept)
            guard count > 0 else { break }
            var end = kept + count
            while end > 0 && base[end - 1] != 0x0a { end -= 1 }
            guard end > 0, body(base, base + end) else {
                throw BenchmarkError(message: "'\(path)' is not as it was written")
            }
            kept = kept + count - end
            memmove(base, base + end, kept)
        }
    }
}
