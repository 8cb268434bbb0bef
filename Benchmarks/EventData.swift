import Glibc

/// The events of the Yahoo Streaming Benchmark (Chintapalli et al., "Benchmarking Streaming
/// Computation Engines", 2016), made here: seven fields, 245 bytes a line, 1,000 ads in 100
/// campaigns, a third of the events views, 10,000 a second of event time.
struct EventData {
    let eventsPath: String
    let campaignsPath: String
    let csvPath: String
    let rows: Int
    let bytes: Int
    let csvBytes: Int
    /// Campaign of each ad.
    let campaignOfAd: [String: String]

    static func write(rows: Int, to folder: String) throws(BenchmarkError) -> EventData {
        var random = SplitMix64(state: 0x5953_4221)
        let ads = (0..<1000).map { _ in uuid(&random) }
        let campaigns = (0..<100).map { _ in uuid(&random) }
        let users = (0..<100).map { _ in uuid(&random) }
        let pages = (0..<100).map { _ in uuid(&random) }
        let kinds = ["banner", "modal", "sponsored-search", "mail", "mobile"]
        let actions = ["view", "click", "purchase"]
        var campaignFile = try OutputFile("\(folder)/campaigns.csv")
        campaignFile.append("ad_id,campaign_id\n")
        var campaignOfAd: [String: String] = [:]
        for (index, ad) in ads.enumerated() {
            campaignFile.append("\(ad),\(campaigns[index / 10])\n")
            campaignOfAd[ad] = campaigns[index / 10]
        }
        try campaignFile.close()
        var events = try OutputFile("\(folder)/events.ndjson")
        var csv = try OutputFile("\(folder)/events.csv")
        csv.append("user_id,page_id,ad_id,ad_type,event_type,event_time,ip_address\n")
        let start = 1_767_225_600_000
        for row in 0..<rows {
            let user = users[random.below(100)]
            let page = pages[random.below(100)]
            let ad = ads[random.below(1000)]
            let kind = kinds[random.below(5)]
            let action = actions[random.below(3)]
            let time = start + row / 10
            let bits = random.next()
            let address = "\(bits & 255).\(bits >> 8 & 255).\(bits >> 16 & 255).\(bits >> 24 & 255)"
            events.append(
                "{\"user_id\":\"\(user)\",\"page_id\":\"\(page)\",\"ad_id\":\"\(ad)\",\"ad_type\":\""
                    + "\(kind)\",\"event_type\":\"\(action)\",\"event_time\":\(time),"
                    + "\"ip_address\":\"\(address)\"}\n")
            csv.append("\(user),\(page),\(ad),\(kind),\(action),\(time),\(address)\n")
        }
        try events.close()
        try csv.close()
        return EventData(
            eventsPath: "\(folder)/events.ndjson", campaignsPath: "\(folder)/campaigns.csv",
            csvPath: "\(folder)/events.csv", rows: rows, bytes: events.count, csvBytes: csv.count,
            campaignOfAd: campaignOfAd)
    }

    private static func uuid(_ random: inout SplitMix64) -> String {
        let digits = Array("0123456789abcdef")
        var text = ""
        for index in 0..<32 {
            if [8, 12, 16, 20].contains(index) { text.append("-") }
            text.append(index == 12 ? "4" : digits[random.below(16)])
        }
        return text
    }
}

/// Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", 2014.
struct SplitMix64 {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    mutating func below(_ bound: Int) -> Int {
        Int(next().multipliedFullWidth(by: UInt64(bound)).high)
    }
}

/// A file written through a buffer.
struct OutputFile {
    private let descriptor: Int32
    private let path: String
    private var buffer: [UInt8] = []
    private(set) var count = 0
    private var hasFailed = false

    init(_ path: String) throws(BenchmarkError) {
        self.path = path
        descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw BenchmarkError(message: "cannot create '\(path)'") }
        buffer.reserveCapacity(1 << 20)
    }

    mutating func append(_ text: String) {
        buffer.append(contentsOf: text.utf8)
        count += text.utf8.count
        if buffer.count > 1 << 19 { flush() }
    }

    private mutating func flush() {
        var offset = 0
        while offset < buffer.count {
            let written = buffer.withUnsafeBytes {
                write(descriptor, $0.baseAddress.map { $0 + offset }, $0.count - offset)
            }
            if written <= 0 {
                hasFailed = true
                break
            }
            offset += written
        }
        buffer.removeAll(keepingCapacity: true)
    }

    mutating func close() throws(BenchmarkError) {
        flush()
        let isClosed = Glibc.close(descriptor) == 0
        if hasFailed || !isClosed { throw BenchmarkError(message: "cannot write '\(path)'") }
    }
}
