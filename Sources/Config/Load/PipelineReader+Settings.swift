/// `settings:`.
extension PipelineReader {
    private enum Approval: String { case auto, manual }
    private enum RebuiltOutput: String { case keep, replace }

    func readSettings() -> PipelineSettings {
        var settings = PipelineSettings()
        guard document.has("settings"),
            let reader = document.mapping("settings", SpecFields.settings)
        else { return settings }
        if let interval = reader.duration("checkpoint_interval") {
            settings.checkpointIntervalMicros = interval
            if interval < 10_000 {
                context.report(
                    .outOfRange(
                        "checkpoint_interval", "must be at least 10ms",
                        at: context.location(reader.keyRange("checkpoint_interval"))))
            }
        }
        settings.onError =
            reader.choice("on_error", PipelineSettings.OnError.self) ?? .deadLetter
        settings.isSuspended = reader.flag("suspend") ?? false
        settings.memoryBytesMax = reader.size("memory_max")
        settings.onChange = readChangePolicy(reader)
        if reader.has("replay_from") {
            settings.replayFrom = context.readPosition("replay_from", reader)
            if case .offset? = settings.replayFrom { refuseReplayOffset(reader) }
            if case .latest? = settings.replayFrom { refuseReplayOffset(reader) }
        }
        settings.needsApproval = reader.choice("approve", Approval.self) == .manual
        if reader.has("dead_letters"),
            let letters = reader.mapping("dead_letters", SpecFields.deadLetters)
        {
            settings.deadLetterRetentionMicros =
                letters.duration("retention") ?? settings.deadLetterRetentionMicros
        }
        return settings
    }

    /// A word, or `{rebuild: {output: …}}`; nil when absent or reported.
    private func readChangePolicy(_ reader: FieldReader) -> PipelineSettings.ChangePolicy? {
        guard reader.has("on_change"), let value = reader.value("on_change") else { return nil }
        guard case .mapping = value.content else {
            guard let scalar = context.scalar(value, reader.group["on_change"]),
                let text = context.substitute(scalar)
            else { return nil }
            if let policy = PipelineSettings.ChangePolicy(rawValue: text.value) { return policy }
            context.report(
                .unknownChoice(
                    text.written, of: "on_change", choices: ["rebuild", "discard", "refuse"],
                    at: context.location(text.scalar)))
            return nil
        }
        guard let outer = reader.mapping("on_change", SpecFields.onChange),
            let inner = outer.mapping("rebuild", SpecFields.rebuild)
        else { return nil }
        return inner.choice("output", RebuiltOutput.self) == .replace ? .replace : .rebuild
    }

    private func refuseReplayOffset(_ reader: FieldReader) {
        context.report(
            .isNot(
                "replay_from", "takes earliest, {timestamp: …} or {since: …}",
                at: context.location(reader.keyRange("replay_from")),
                help: "write replay_from: earliest"))
    }
}
