import Config
import Connectors

/// Columns that are given on the command line, read as a `topic:` document's.
enum InlineSchema {
    /// - Parameter text: `id: bigint, at: timestamp(ms)`.
    /// - Throws: ``ControlFailure`` with the diagnostics, carets and all.
    static func read(
        _ text: String, topic: String, eventTime: String?
    ) throws(ControlFailure) -> TopicSpec {
        // Neither may begin another line, nor read what only the daemon may see.
        for word in [text, topic, eventTime ?? ""]
        where word.utf8.contains(where: { $0 == 0x0a || $0 == 0x0d }) || word.contains("${") {
            throw ControlFailure(
                code: .badRequest,
                message:
                    "cannot read the columns of the topic '\(topic)': a line end or '${' stands in "
                    + "them")
        }
        var document = "schema: {\(text)}\ntopic: \(topic)\n"
        if let eventTime { document += "event_time: \(eventTime)\n" }
        let loader = SpecLoader(environment: SpecEnvironment(workingDirectory: "/"))
        let loaded = loader.load(bytes: Array(document.utf8), path: "--schema")
        guard let spec = loaded.topics.first, !loaded.diagnostics.hasErrors else {
            throw ControlFailure(
                code: .failed,
                message: "cannot read the columns of the topic '\(topic)'\n"
                    + loaded.diagnostics.rendered.trimmedEnd)
        }
        return spec
    }
}

extension String {
    /// Without line ends at the end.
    var trimmedEnd: String {
        String(decoding: utf8.reversed().drop { $0 == 0x0a }.reversed(), as: UTF8.self)
    }
}
