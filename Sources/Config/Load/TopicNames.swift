import Operators

/// What names topics may have, and what is known of those that every pipeline has.
package enum TopicNames {
    private static let deadLettersEnding = ".dead-letters"
    private static let replayEnding = ".replay"

    /// The topic of the rows that a pipeline could not read or evaluate.
    package static func deadLetters(of pipeline: String) -> String { pipeline + deadLettersEnding }

    /// The topic through which rows that were set aside come to their pipeline once more.
    package static func replay(of pipeline: String) -> String { pipeline + replayEnding }

    /// The pipeline whose rows come to it through this topic once more; nil for other topics.
    package static func pipeline(ofReplay topic: String) -> String? {
        guard topic.hasSuffix(replayEnding) else { return nil }
        let name = String(topic.dropLast(replayEnding.utf8.count))
        return isPipelineName(name) ? name : nil
    }

    /// Whether a pipeline's own sinks may not write the topic.
    package static func isReserved(_ name: String) -> Bool {
        name.hasSuffix(deadLettersEnding) || name.hasSuffix(replayEnding)
    }

    /// What is known of a pipeline's dead letters, whether there are any or not.
    static func builtIn(_ name: String) -> KnownTopic? {
        guard name.hasSuffix(deadLettersEnding) else { return nil }
        let pipeline = String(name.dropLast(deadLettersEnding.utf8.count))
        return isPipelineName(pipeline)
            ? KnownTopic(
                schema: NodeShape.invalidRows.schema, mode: .append,
                origin: "the dead letters of '\(pipeline)'")
            : nil
    }
}

/// Whether a text can name a topic: `[a-z0-9][a-z0-9._-]{0,126}`.
func isTopicName(_ name: String) -> Bool {
    guard let first = name.utf8.first, name.utf8.count <= 127 else { return false }
    func isLetterOrDigit(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x7a).contains(byte)
    }
    return isLetterOrDigit(first)
        && name.utf8.allSatisfy { isLetterOrDigit($0) || "._-".utf8.contains($0) }
}

/// What is known of topics while a document is read.
struct TopicKnowledge {
    /// Why nothing can be said of a topic that is there.
    enum Unsettled {
        /// What would say it has mistakes: `sink 'counts' of 'ad-views'`.
        case broken(String)
        /// Pipelines that wait for each other.
        case circle([String])
    }
    var known: [String: KnownTopic] = [:]
    var unsettled: [String: Unsettled] = [:]

    subscript(name: String) -> KnownTopic? { known[name] ?? TopicNames.builtIn(name) }

    /// All names, for suggestions.
    var names: [String] { (Set(known.keys).union(unsettled.keys)).sorted() }
}
