import Operators

extension PipelineSpec {
    /// The version of the encoding below. Raised when it changes; fingerprints of two versions are
    /// never equal, so an upgrade that raises it says that all state was made by another meaning.
    package static let fingerprintVersion = 1

    /// What each node means, by name: equal exactly when the node and all that feeds it give the
    /// same rows. Neither names of nodes, nor comments, order, formatting, speed, or the values of
    /// `${…}` are part of it.
    /// - Returns: Lower-case hexadecimal, for every source, table, step and sink.
    package func fingerprints() -> [String: String] { nodeFingerprints().output }

    /// What the state of each stateful node was made by: less than ``fingerprints()``, so that a
    /// change after the state, such as another `having`, keeps it.
    package func stateFingerprints() -> [String: String] {
        let all = nodeFingerprints().state
        return all.filter { statefulNodes.contains($0.key) }
    }

    /// Nodes that keep something in the checkpoint: sources their positions, tables and steps with
    /// state their rows, and sinks that are written by a key which is not the stream's own what stands
    /// under it. In the order of the spec.
    package var statefulNodes: [String] {
        let keeping = steps.filter {
            switch $0.verb {
            case .none, .parse, .unnest: return false
            case .join(let join): return join.keepsRows
            case .aggregate, .streamJoin, .deduplicate, .top, .over, .pattern:
                return true
            }
        }
        let rekeyed = sinks.filter { sink in
            if case .upsert(let key) = sink.mode, let own = sink.inputKey { return key != own }
            return false
        }
        return sources.map(\.name) + tables.map(\.name) + keeping.map(\.name)
            + rekeyed.map(\.name)
    }

    /// The whole spec as one hash: a spec with the same meaning is no change, however it is
    /// written. Holds everything that a running pipeline could notice, values of `${…}` too.
    package var meaning: String {
        var encoder = CanonicalEncoder()
        encoder.write("pipeline/\(Self.fingerprintVersion)")
        encoder.write(name)
        // The order of sources decides between rows of one time; that of other nodes nothing.
        encoder.write(sources) { encoder, source in
            encoder.write(source.name)
            encoder.write(source, .meaning)
        }
        encoder.write(tables.sorted { $0.name < $1.name }) { encoder, table in
            encoder.write(table.name)
            encoder.write(table, .meaning)
        }
        encoder.write(steps.sorted { $0.name < $1.name }) { encoder, step in
            encoder.write(step.name)
            encoder.write(step.allInputs) { encoder, input in
                encoder.write(input.node)
                encoder.write(input.port.rawValue)
            }
            if case .join(let join) = step.verb { encoder.write(join.table) }
            encoder.writeState(step)
            encoder.writeOutput(step)
        }
        encoder.write(sinks.sorted { $0.name < $1.name }) { encoder, sink in
            encoder.write(sink.name)
            encoder.write(sink.input.node)
            encoder.write(sink.input.port.rawValue)
            encoder.write(sink, .meaning)
        }
        encoder.write(settings)
        return encoder.digest
    }

    /// By node: of its output, of its state, and of the node without what feeds it.
    func nodeFingerprints() -> (
        output: [String: String], state: [String: String], own: [String: String]
    ) {
        var own: [String: String] = [:]
        var output: [String: String] = [:]
        var state: [String: String] = [:]
        // Late, unmatched and invalid rows leave a node before its output.
        var besides: [String: String] = [:]
        func begin() -> CanonicalEncoder {
            var encoder = CanonicalEncoder()
            encoder.write("node/\(Self.fingerprintVersion)")
            return encoder
        }
        for source in sources {
            var encoder = begin()
            encoder.write(source, .rows)
            output[source.name] = encoder.digest
            own[source.name] = encoder.digest
            besides[source.name] = encoder.digest
            // A position is one in the bytes, whatever is read out of them.
            var place = begin()
            place.write(source.connector, .rows)
            // Rows that are kept by key are of its columns.
            state[source.name] =
                source.upsertKey == nil ? place.digest : output[source.name]
        }
        for table in tables {
            var encoder = begin()
            encoder.write(table, .rows)
            output[table.name] = encoder.digest
            own[table.name] = encoder.digest
            besides[table.name] = encoder.digest
            state[table.name] = encoder.digest
        }
        for step in steps {
            var encoder = begin()
            encoder.write(step.allInputs) { encoder, input in
                encoder.write(feed(input, output, besides))
            }
            if case .join(let join) = step.verb { encoder.write(output[join.table] ?? "") }
            encoder.writeState(step)
            state[step.name] = encoder.digest
            besides[step.name] = encoder.digest
            encoder.writeOutput(step)
            output[step.name] = encoder.digest
            var alone = begin()
            alone.writeState(step)
            alone.writeOutput(step)
            own[step.name] = alone.digest
        }
        for sink in sinks {
            var alone = begin()
            alone.write(sink, .rows)
            own[sink.name] = alone.digest
            var encoder = begin()
            encoder.write(feed(sink.input, output, besides))
            encoder.write(sink, .rows)
            output[sink.name] = encoder.digest
            state[sink.name] = encoder.digest
        }
        return (output, state, own)
    }

    /// What a reference brings.
    private func feed(
        _ input: NodeReference, _ output: [String: String], _ besides: [String: String]
    ) -> String {
        let node = input.port == .main ? output[input.node] : besides[input.node]
        return "\(node ?? "")/\(input.port.rawValue)"
    }
}
