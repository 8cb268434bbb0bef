import Config

/// What one spec file says.
struct LoadedFile: Sendable {
    /// The pipelines without errors.
    var pipelines: [LoadedPipeline] = []
    /// The topic documents without errors.
    var topics: [TopicSpec] = []
    /// The topics that its sources and tables name.
    var topicsRead: Set<String> = []
    /// What was known of those when it was read.
    var topicsKnown: [String: KnownTopic] = [:]
    var problems: [SpecProblem] = []

    /// Whether it would say something else, were it read now.
    func isStale(_ known: [String: KnownTopic]) -> Bool {
        topicsRead.contains { name in
            // A pipeline's dead letters are what they are.
            guard !TopicNames.isReserved(name) else { return false }
            guard let topic = known[name] else { return topicsKnown[name] != nil }
            return !topic.hasShape(of: topicsKnown[name])
        }
    }
}

struct LoadedPipeline: Sendable {
    var spec: PipelineSpec
    var meaning: PipelineMeaning
    var rules = ChangeRules()
}

/// One thing that is wrong with a spec file, ready to be shown.
struct SpecProblem: Equatable, Sendable {
    /// The pipeline it belongs to; nil where it is a topic's, or the file is too broken to tell.
    var pipeline: String?
    /// The topic document it belongs to.
    var topic: String?
    /// `file:line:column: message`, one line.
    var summary: String
    /// The diagnostic with the line and a caret.
    var rendered: String
}
