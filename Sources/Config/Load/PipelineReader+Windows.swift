import Operators

extension PipelineReader {
    /// Whole days, of which windows of a time zone are made.
    private static let dayMicros: Int64 = 86_400_000_000

    /// `session:` of a window.
    func readSession(_ window: FieldReader, _ aggregate: FieldReader) -> AggregateSpec.Window? {
        if aggregate.has("offset") {
            context.report(
                .isNot(
                    "offset", "has no meaning for sessions, which begin with their first row",
                    at: context.location(aggregate.keyRange("offset"))))
        }
        guard let session = window.mapping("session", SpecFields.session),
            let gap = session.duration("gap")
        else { return nil }
        guard gap > 0 else {
            context.report(
                .outOfRange(
                    "gap", "must be above 0s", at: context.location(session.keyRange("gap"))))
            return nil
        }
        guard session.has("max") else { return .session(gapMicros: gap, maxMicros: nil) }
        guard let longest = session.duration("max") else { return nil }
        guard longest >= gap else {
            context.report(
                .outOfRange(
                    "max", "must be at least the gap",
                    at: context.location(session.keyRange("max"))))
            return nil
        }
        return .session(gapMicros: gap, maxMicros: longest)
    }

    /// `emit:`; what is usual when it is absent, nil when it was reported.
    func readEmission(_ reader: FieldReader) -> AggregatePlan.Emission? {
        let isWindowed = reader.has("window")
        guard reader.has("emit") else { return isWindowed ? .final : .changes }
        guard let value = reader.value("emit") else { return nil }
        let place = context.location(value)
        guard case .scalar(let scalar) = value.content else {
            guard let emit = FieldReader(value, SpecFields.emit, owner: "'emit'", context),
                let every = emit.duration("every")
            else { return nil }
            guard every > 0 else {
                context.report(.outOfRange("every", "must be above 0s", at: place))
                return nil
            }
            return .every(micros: every)
        }
        switch scalar.text {
        case "changes": return .changes
        case "final" where isWindowed: return .final
        case "final":
            context.report(
                .isNot(
                    "emit: final", "needs a 'window': without one a result is never final",
                    at: place, help: "write emit: changes, or leave it out"))
        default:
            context.report(
                .unknownChoice(
                    scalar.text, of: "emit", choices: ["final", "changes", "{every: 10s}"],
                    at: place))
        }
        return nil
    }

    /// `timezone:` of a window; nil for UTC, and when it was reported.
    func readZone(_ reader: FieldReader, _ window: AggregateSpec.Window?) -> String? {
        guard reader.has("timezone"), reader.has("window") else { return nil }
        let name = context.readTimezone(reader)
        guard name != "UTC", let window else { return nil }
        let place = context.location(reader.keyRange("timezone"))
        func checked(_ lengths: [Int64]) -> String? {
            if lengths.contains(where: { $0 % Self.dayMicros != 0 }) {
                context.report(
                    .isNot(
                        "timezone", "needs windows of whole days", at: place,
                        help: "shorter ones are the same in every zone but for 'offset'"))
                return nil
            }
            if lengths.contains(where: { $0 > SpecLimits.zonedWindowMicrosMax }) {
                context.report(
                    .isNot("timezone", "takes windows of 10,000 days at most", at: place))
                return nil
            }
            return name
        }
        switch window {
        case .hopping(let size, let every, _): return checked([size, every])
        case .cumulative(let size, _, _): return checked([size])
        case .none, .inherited, .session:
            context.report(
                .isNot(
                    "timezone", "has a meaning for tumbling, hopping and cumulative windows only",
                    at: place))
            return nil
        }
    }
}
