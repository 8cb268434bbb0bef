import Config

/// A version of a spec, as it is kept so that it can be run again.
struct StoredSpec: Equatable, Sendable {
    /// Below the directory.
    var file = ""
    /// The file's text.
    var bytes: [UInt8] = []
    var digest = ""
    var generation = 0
    /// The git commit that was checked out when it was applied.
    var revision: String?
}

/// What the catalog keeps of a pipeline for the controller, as the bytes that the store does not
/// look into. docs/checkpoint-format.md lists the members.
struct CatalogRecord: Equatable, Sendable {
    /// A version that is being put in the place of the one that the state belongs to. Which of the
    /// two it belongs to after a crash, the generation of its last checkpoint tells.
    struct Takeover: Equatable, Sendable {
        var meaning: PipelineMeaning
        var spec: StoredSpec
    }

    /// A person's `rollback`: a former spec stands in for this one until the file says another.
    struct Pin: Equatable, Sendable {
        /// Of the spec that it stands in for.
        var digest: String
        /// The file's text when it was asked for.
        var bytes: [UInt8] = []
        var spec: StoredSpec
    }

    /// The directory where the spec was read.
    var folder = ""
    /// The file in it, and its text when it was last good.
    var file = ""
    var bytes: [UInt8] = []
    var generation = 0
    /// What the state on disk belongs to; nil where there is none.
    var stateMeaning: PipelineMeaning?
    /// The spec of that meaning, and the one before it.
    var applied: StoredSpec?
    var previous: StoredSpec?
    var takeover: Takeover?
    var pin: Pin?
    /// The state on disk has to go before the next start.
    var isStateStale = false
    /// Whether the last text of what is applied lets no change pass unapproved.
    var needsApproval = false
    /// The digest of the last accepted spec.
    var digest = ""
    var removedAt: Int64?
    /// Deaths of the daemon in a row in which this pipeline was at work, and when the last was.
    var deathCount = 0
    var diedAt: Int64?
    /// Who paused it and when, where it is paused.
    var pausedBy: String?
    var pausedAt: Int64?
    /// The plan that a person approved last.
    var approvedPlan: String?
    var applies: [AppliedChange] = []

    init() {}
}

extension CatalogRecord {
    /// The state is that version's now.
    mutating func adopt(_ version: Takeover) {
        if let applied, applied.digest != version.spec.digest { previous = applied }
        applied = version.spec
        stateMeaning = version.meaning
    }
}

/// One change that was applied, or was not.
struct AppliedChange: Equatable, Sendable {
    enum Result: String, Sendable {
        case applied, rolledBack = "rolled-back", refused
    }
    static let countMax = 5

    /// Microseconds since the epoch, when it was begun.
    var at: Int64
    var micros: Int64
    var generation: Int
    var revision: String?
    var result: Result
    /// What became of the state, or why it failed.
    var message: String
}

extension CatalogRecord {
    private static let format: Int64 = 2

    var encoded: [UInt8] {
        var value = JSONObject([
            ("format", .integer(Self.format)), ("folder", .string(folder)),
            ("file", .string(file)), ("spec", .string(String(decoding: bytes, as: UTF8.self))),
            ("generation", .count(generation)), ("digest", .string(digest)),
        ])
        if let stateMeaning { value["state"] = stateMeaning.json }
        if let applied { value["applied"] = applied.json }
        if let previous { value["previous"] = previous.json }
        if let takeover {
            value["takeover"] = ["state": takeover.meaning.json, "spec": takeover.spec.json]
        }
        if let pin {
            value["pin"] = [
                "digest": .string(pin.digest),
                "text": .string(String(decoding: pin.bytes, as: UTF8.self)), "spec": pin.spec.json,
            ]
        }
        if needsApproval { value["needs_approval"] = true }
        if isStateStale { value["stale"] = true }
        if let removedAt { value["removed_at"] = .integer(removedAt) }
        if deathCount > 0 { value["deaths"] = .count(deathCount) }
        if let diedAt { value["died_at"] = .integer(diedAt) }
        if let pausedBy { value["paused_by"] = .string(pausedBy) }
        if let pausedAt { value["paused_at"] = .integer(pausedAt) }
        if let approvedPlan { value["approved"] = .string(approvedPlan) }
        if !applies.isEmpty { value["applies"] = .array(applies.map(\.json)) }
        return Array(JSONValue.object(value).rendered.utf8)
    }

    /// nil for bytes that this version cannot read.
    init?(_ encoded: [UInt8]) {
        guard let value = try? JSONParser.parse(encoded),
            let format = value["format"]?.integer, (1...Self.format).contains(format),
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
            guard let meaning = PipelineMeaning(json: state) else { return nil }
            stateMeaning = meaning
        }
        applied = value["applied"].flatMap(StoredSpec.init(json:))
        previous = value["previous"].flatMap(StoredSpec.init(json:))
        if format == 1, let stateMeaning, stateMeaning.digest == digest {
            // The version before wrote one text for both.
            applied = StoredSpec(
                file: file, bytes: bytes, digest: digest, generation: self.generation)
        }
        if let next = value["takeover"] {
            guard let meaning = next["state"].flatMap(PipelineMeaning.init(json:)),
                let spec = next["spec"].flatMap(StoredSpec.init(json:))
            else { return nil }
            takeover = Takeover(meaning: meaning, spec: spec)
        }
        if let pin = value["pin"] {
            guard let digest = pin["digest"]?.text,
                let spec = pin["spec"].flatMap(StoredSpec.init(json:))
            else { return nil }
            let text = pin["text"]?.text ?? ""
            self.pin = Pin(digest: digest, bytes: Array(text.utf8), spec: spec)
        }
        isStateStale = value["stale"]?.bool ?? false
        removedAt = value["removed_at"]?.integer
        deathCount = Int(value["deaths"]?.integer ?? 0)
        diedAt = value["died_at"]?.integer
        pausedBy = value["paused_by"]?.text
        pausedAt = value["paused_at"]?.integer
        approvedPlan = value["approved"]?.text
        needsApproval = value["needs_approval"]?.bool ?? false
        applies = (value["applies"]?.array ?? []).compactMap(AppliedChange.init(json:))
    }
}

extension PipelineMeaning {
    var json: JSONValue {
        let nodes = nodes.map { node in
            JSONValue.array([
                .string(node.name), .string(node.fingerprint), .string(node.kind.rawValue),
                .bool(node.isStateful), .string(node.own), .string(node.place),
            ])
        }
        return ["digest": .string(digest), "nodes": .array(nodes)]
    }

    init?(json: JSONValue) {
        guard let digest = json["digest"]?.text, let nodes = json["nodes"]?.array else {
            return nil
        }
        self.init(digest: digest, nodes: [])
        for node in nodes {
            guard let parts = node.array, parts.count >= 2, let name = parts[0].text,
                let fingerprint = parts[1].text
            else { return nil }
            // Format 1 had the stateful nodes alone, without their kind.
            let kind = parts.count > 2 ? parts[2].text.flatMap(NodeMeaning.Kind.init) : .step
            guard let kind else { return nil }
            self.nodes.append(
                NodeMeaning(
                    name: name, kind: kind,
                    isStateful: parts.count > 3 ? parts[3].bool ?? true : true,
                    fingerprint: fingerprint, own: parts.count > 4 ? parts[4].text ?? "" : "",
                    place: parts.count > 5 ? parts[5].text ?? "" : ""))
        }
    }
}

extension StoredSpec {
    fileprivate var json: JSONValue {
        [
            "file": .string(file), "text": .string(String(decoding: bytes, as: UTF8.self)),
            "digest": .string(digest), "generation": .count(generation),
            "revision": .optional(revision),
        ]
    }

    fileprivate init?(json: JSONValue) {
        guard let file = json["file"]?.text, let text = json["text"]?.text,
            let digest = json["digest"]?.text, let generation = json["generation"]?.integer
        else { return nil }
        self.init(
            file: file, bytes: Array(text.utf8), digest: digest, generation: Int(generation),
            revision: json["revision"]?.text)
    }
}

extension AppliedChange {
    var json: JSONValue {
        [
            "at": .integer(at), "micros": .integer(micros), "generation": .count(generation),
            "revision": .optional(revision), "result": .string(result.rawValue),
            "message": .string(message),
        ]
    }

    fileprivate init?(json: JSONValue) {
        guard let at = json["at"]?.integer, let micros = json["micros"]?.integer,
            let generation = json["generation"]?.integer,
            let result = json["result"]?.text.flatMap(Result.init(rawValue:)),
            let message = json["message"]?.text
        else { return nil }
        self.init(
            at: at, micros: micros, generation: Int(generation),
            revision: json["revision"]?.text, result: result, message: message)
    }
}
