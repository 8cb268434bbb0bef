import Config

/// The topic documents that count, as ``SpecLibrary`` has it for pipelines: what the files say, with
/// the last good version of those that are broken, and those that are gone until that is sure.
struct TopicDocuments: Sendable {
    private struct Entry: Sendable {
        var file: String
        var topic: TopicSpec
        /// Whether the file's present text does not count.
        var isBroken = false
        /// Complete listings in a row without it.
        var absentCount = 0
    }
    private var entries: [String: Entry] = [:]

    var isAnyAbsent: Bool { entries.contains { $0.value.absentCount > 0 } }

    /// The path that each was read from.
    var paths: [String: String] { entries.mapValues(\.topic.path) }

    /// Takes up what stood beside a pipeline that an earlier daemon knew.
    mutating func remember(_ topics: [TopicSpec], file: String) {
        for topic in topics where entries[topic.name] == nil {
            entries[topic.name] = Entry(file: file, topic: topic)
        }
    }

    /// The last good versions of those that no file's text has.
    func standIns(for claims: [SpecClaims.Topic]) -> [TopicSpec] {
        let names = Set(claims.map(\.topic.name))
        return entries.values.map(\.topic).filter { !names.contains($0.name) }
    }

    /// All that count, without those of some files.
    func inForce(
        _ claims: [String: SpecClaims.Topic], without files: Set<String>
    ) -> [String: TopicSpec] {
        var result = entries.filter { claims[$0.key] == nil && !files.contains($0.value.file) }
            .mapValues(\.topic)
        for (name, claim) in claims where !files.contains(claim.file) {
            result[name] = claim.topic
        }
        return result
    }

    mutating func adopt(_ claims: [String: SpecClaims.Topic]) {
        for name in entries.keys { entries[name]?.isBroken = false }
        for (name, claim) in claims {
            entries[name] = Entry(file: claim.file, topic: claim.topic)
        }
    }

    /// A problem of a file makes its documents stay that it may be about.
    mutating func note(
        _ problem: SpecProblem, in file: String, _ claims: [String: SpecClaims.Topic]
    ) {
        guard problem.pipeline == nil else { return }
        for (name, entry) in entries where entry.file == file && claims[name] == nil {
            if problem.topic == nil || problem.topic == name { entries[name]?.isBroken = true }
        }
    }

    /// - Returns: Whether anything went.
    mutating func countAbsent(
        _ claims: [String: SpecClaims.Topic], present: Set<String>, busy: Set<String>,
        isHeldBack: Bool
    ) -> Bool {
        var hasGone = false
        for (name, entry) in entries where claims[name] == nil {
            if entry.isBroken && present.contains(entry.file) || busy.contains(entry.file) {
                entries[name]?.absentCount = 0
            } else if entry.absentCount + 1 < SpecLibrary.absentLooksMin || isHeldBack {
                entries[name]?.absentCount += 1
            } else {
                entries[name] = nil
                hasGone = true
            }
        }
        return hasGone
    }
}
