/// A method of the control protocol, declared once: the check of its parameters and the test that
/// compares the page with the code read this.
struct ControlMethod: Sendable {
    struct Parameter: Sendable {
        enum Kind: String, Sendable {
            case text, integer, boolean
            case texts = "list of text"
        }
        var name: String
        var kind: Kind
        var isRequired = false
    }
    var name: String
    var parameters: [Parameter] = []
    /// Whether items come before the result.
    var isStream = false

    private static let pipeline = Parameter(name: "name", kind: .text, isRequired: true)
    private static let topic = Parameter(name: "topic", kind: .text, isRequired: true)

    static let all: [ControlMethod] = [
        ControlMethod(name: "version"),
        ControlMethod(
            name: "status",
            parameters: [
                Parameter(name: "names", kind: .texts), Parameter(name: "watch", kind: .boolean),
                Parameter(name: "interval_micros", kind: .integer),
            ], isStream: true),
        ControlMethod(name: "describe", parameters: [pipeline]),
        ControlMethod(
            name: "events",
            parameters: [
                Parameter(name: "name", kind: .text), Parameter(name: "follow", kind: .boolean),
            ], isStream: true),
        ControlMethod(name: "diff"),
        ControlMethod(name: "meanings"),
        ControlMethod(
            name: "reload", parameters: [Parameter(name: "allow_empty", kind: .boolean)]),
        ControlMethod(
            name: "wait",
            parameters: [
                Parameter(name: "name", kind: .text),
                Parameter(name: "for", kind: .text, isRequired: true),
                Parameter(name: "timeout_micros", kind: .integer),
            ]),
        ControlMethod(
            name: "pause", parameters: [pipeline, Parameter(name: "by", kind: .text)]),
        ControlMethod(name: "resume", parameters: [pipeline]),
        ControlMethod(name: "restart", parameters: [pipeline]),
        ControlMethod(
            name: "reset",
            parameters: [pipeline, Parameter(name: "output", kind: .text, isRequired: true)]),
        ControlMethod(
            name: "rebuild", parameters: [pipeline, Parameter(name: "from", kind: .text)]),
        ControlMethod(name: "rollback", parameters: [pipeline]),
        ControlMethod(
            name: "approve",
            parameters: [pipeline, Parameter(name: "plan", kind: .text, isRequired: true)]),
        ControlMethod(
            name: "tap",
            parameters: [
                pipeline, Parameter(name: "node", kind: .text, isRequired: true),
                Parameter(name: "limit", kind: .integer),
            ], isStream: true),
        ControlMethod(
            name: "graph", parameters: [pipeline, Parameter(name: "format", kind: .text)]),
        ControlMethod(name: "metrics"),
        ControlMethod(
            name: "backup",
            parameters: [
                Parameter(name: "directory", kind: .text, isRequired: true),
                Parameter(name: "copy", kind: .boolean),
                Parameter(name: "hold_micros", kind: .integer),
            ], isStream: true),
        ControlMethod(name: "topics"),
        ControlMethod(name: "topic", parameters: [pipeline]),
        ControlMethod(
            name: "topic_delete",
            parameters: [pipeline, Parameter(name: "force", kind: .boolean)]),
        ControlMethod(
            name: "topic_verify", parameters: [Parameter(name: "names", kind: .texts)],
            isStream: true),
        ControlMethod(name: "dead_letters"),
        ControlMethod(
            name: "produce",
            parameters: [
                topic, Parameter(name: "format", kind: .text),
                Parameter(name: "event_time", kind: .text),
                Parameter(name: "schema", kind: .text),
                Parameter(name: "skip_invalid", kind: .boolean),
                Parameter(name: "producer", kind: .text),
            ], isStream: true),
        ControlMethod(
            name: "consume",
            parameters: [
                topic, Parameter(name: "from", kind: .text), Parameter(name: "to", kind: .text),
                Parameter(name: "follow", kind: .boolean), Parameter(name: "where", kind: .text),
                Parameter(name: "select", kind: .texts), Parameter(name: "limit", kind: .integer),
                Parameter(name: "partition", kind: .text),
                Parameter(name: "format", kind: .text),
                Parameter(name: "metadata", kind: .boolean),
            ], isStream: true),
    ]

    /// What is wrong with the parameters of a request; nil for nothing.
    func problem(_ params: JSONObject) -> String? {
        for member in params.members {
            guard let parameter = parameters.first(where: { $0.name == member.key }) else {
                return "'\(name)' has no parameter '\(member.key)'"
            }
            let fits: Bool
            switch parameter.kind {
            case .text: fits = member.value.text != nil
            case .integer: fits = member.value.integer != nil
            case .boolean: fits = member.value.bool != nil
            case .texts: fits = member.value.array?.allSatisfy { $0.text != nil } ?? false
            }
            guard fits else { return "'\(member.key)' is a \(parameter.kind.rawValue)" }
        }
        let missing = parameters.first { $0.isRequired && params[$0.name] == nil }
        return missing.map { "'\(name)' needs '\($0.name)'" }
    }
}
