/// What the catalog keeps of a pipeline for the controller, as the bytes that the store does not
/// look into.
struct CatalogRecord: Equatable, Sendable {
    /// The directory and the file in it where the spec was read.
    var folder = ""
    var file = ""
    /// The file's text when it was last good.
    var bytes: [UInt8] = []
    var generation = 0
    /// What the state on disk belongs to; nil where there is none.
    var stateMeaning: PipelineMeaning?
    /// The state on disk belongs to an earlier meaning and has to go before the next start.
    var isStateStale = false
    /// The generation and digest of the last accepted spec.
    var digest = ""
    var removedAt: Int64?
    /// Deaths of the daemon in a row in which this pipeline was at work, and when the last was.
    var deathCount = 0
    var diedAt: Int64?

    var encoded: [UInt8] {
        var value: JSONObject = JSONObject([
            ("format", 1), ("folder", .string(folder)), ("file", .string(file)),
            ("spec", .string(String(decoding: bytes, as: UTF8.self))),
            ("generation", .count(generation)), ("digest", .string(digest)),
        ])
        if let stateMeaning {
            let nodes = stateMeaning.nodes.map {
                JSONValue.array([.string($0.name), .string($0.fingerprint)])
            }
            value["state"] = ["digest": .string(stateMeaning.digest), "nodes": .array(nodes)]
        }
        if isStateStale { value["stale"] = true }
        if let removedAt { value["removed_at"] = .integer(removedAt) }
        if deathCount > 0 { value["deaths"] = .count(deathCount) }
        if let diedAt { value["died_at"] = .integer(diedAt) }
        return Array(JSONValue.object(value).rendered.utf8)
    }

    init() {}

    /// nil for bytes that this version did not write.
    init?(_ encoded: [UInt8]) {
        guard let value = try? JSONParser.parse(encoded), value["format"] == 1,
            let folder = value["folder"]?.text, let file = value["file"]?.text,
            let spec = value["spec"]?.text, let generation = value["generation"]?.integer,
            let digest = value["digest"]?.text
        else { return nil }
        self.folder = folder
        self.file = file
        self.bytes = Array(spec.utf8)
        self.generation = Int(generation)
        self.digest = digest
        if let state = value["state"] {
            guard let digest = state["digest"]?.text, let nodes = state["nodes"]?.array else {
                return nil
            }
            stateMeaning = PipelineMeaning(digest: digest, nodes: [])
            for node in nodes {
                guard let parts = node.array, parts.count == 2, let name = parts[0].text,
                    let fingerprint = parts[1].text
                else { return nil }
                stateMeaning?.nodes.append(.init(name: name, fingerprint: fingerprint))
            }
        }
        isStateStale = value["stale"]?.bool ?? false
        removedAt = value["removed_at"]?.integer
        deathCount = Int(value["deaths"]?.integer ?? 0)
        diedAt = value["died_at"]?.integer
    }
}
