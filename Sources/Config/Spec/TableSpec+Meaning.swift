extension TableSpec {
    /// Whether all rows are read before streams flow, and none comes later.
    package var isComplete: Bool {
        switch connector {
        case .file(let options): return options.refreshMicros == nil
        case .topic(let options): return options.stop == .latest || options.stop == .earliest
        case .stdin, .generate, .nexmark: return true
        }
    }
}

extension TableJoinSpec {
    /// Whether rows of the input are in the step's state, whole.
    package var keepsRows: Bool { asOf != nil || isInputUpdating || waitMicros != nil }
}

extension SourceSpec {
    /// Of a topic whose rows stand for their key until the next one: the key's positions in the output.
    package var upsertKey: [Int]? {
        guard case .topic(let options) = connector, options.mode == .upsert,
            case .updating(let names?) = output.change
        else { return nil }
        return names.compactMap { output.schema.index(of: $0) }
    }
}
