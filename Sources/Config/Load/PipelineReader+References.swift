import Operators

/// A `from` that names something that is there.
struct ReadReference {
    let reference: NodeReference
    let scalar: LocatedScalar
}

/// A step with its inputs found, before its columns are looked at.
struct LinkedStep {
    let node: NodeDeclaration
    let reader: FieldReader
    let inputs: [ReadReference]
    /// The right side of a join of streams.
    let right: ReadReference?
    /// Whether an input could not be found.
    let isBroken: Bool

    var allInputs: [ReadReference] { inputs + [right].compactMap { $0 } }
}

extension PipelineReader {
    /// Finds the inputs of all steps and orders them so that each comes after what feeds it, in
    /// the order of the file where that leaves a choice. Cycles are reported.
    func stepsInOrder() -> [LinkedStep] {
        var linked: [LinkedStep] = []
        for node in nodes where node.kind == .step {
            shapes[node.name] = .unknown
            guard let reader = FieldReader(node.value, SpecFields.step, owner: node.owner, context)
            else {
                hasBrokenReferences = true
                continue
            }
            let (inputs, isBroken) = readInputs(reader)
            linked.append(
                LinkedStep(
                    node: node, reader: reader, inputs: inputs, right: readRightInput(node),
                    isBroken: isBroken))
        }
        return ordered(linked)
    }

    /// `stream:` of a join.
    private func readRightInput(_ step: NodeDeclaration) -> ReadReference? {
        step.member("join").flatMap { member($0, "stream") }.flatMap { readReference($0) }
    }

    /// `from:` of a step: one reference or a list.
    private func readInputs(_ reader: FieldReader) -> ([ReadReference], isBroken: Bool) {
        guard let value = reader.value("from") else {
            hasBrokenReferences = true
            return ([], true)
        }
        guard case .sequence(let items) = value.content else {
            let reference = readReference(value)
            return (reference.map { [$0] } ?? [], reference == nil)
        }
        if items.isEmpty {
            context.report(.emptyList("from", at: context.location(value)))
            return ([], true)
        }
        var inputs: [ReadReference] = []
        var seen: Set<NodeReference> = []
        for item in items {
            guard let input = readReference(item) else { continue }
            if !seen.insert(input.reference).inserted {
                context.report(
                    .listedTwice(input.scalar.text, at: context.location(input.scalar)))
            } else {
                inputs.append(input)
            }
        }
        return (inputs, inputs.count != items.count)
    }

    /// A node, or the port of one, that rows can be read from; nil when reported.
    func readReference(
        _ value: LocatedValue, _ group: FieldGroup = SpecFields.step
    ) -> ReadReference? {
        guard let scalar = context.scalar(value, group["from"]) else {
            hasBrokenReferences = true
            return nil
        }
        let place = context.location(scalar)
        let parts = scalar.text.split(
            separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        let name = String(parts.first ?? "")
        guard let node = node(name) else {
            let known = nodes.filter { $0.kind != .sink }.map(\.name)
            if !badNames.contains(name), !hasOpenSections {
                context.report(.unknownNode(name, known: known, at: place))
            }
            hasBrokenReferences = true
            return nil
        }
        readNames.insert(name)
        if node.kind == .sink {
            context.report(.readsSink(name, at: place))
            return nil
        }
        guard parts.count == 2 else {
            if node.kind == .table { streamedTables.insert(name) }
            return ReadReference(reference: NodeReference(node: name, port: .main), scalar: scalar)
        }
        let portName = String(parts[1])
        let join = node.member("join")
        let isStreamJoin = join.flatMap { member($0, "stream") } != nil
        let isRegular =
            if case .scalar(let within)? = join.flatMap({ member($0, "within") })?.content {
                within.text == "unbounded"
            } else {
                false
            }
        let isJoin = join != nil && !isRegular
        let hasLate = hasLateRows(node) || isStreamJoin
        guard let port = NodeReference.Port(rawValue: portName), port != .main else {
            let ports =
                (hasLate ? ["late"] : []) + (isJoin ? ["unmatched"] : []) + ["invalid"]
            context.report(.unknownPort(portName, node: name, ports: ports, at: place))
            return nil
        }
        switch port {
        case .late where !hasLate:
            context.report(
                .noSuchPort(
                    "late", node: name,
                    needs:
                        "an aggregate or top with a window, deduplicate that keeps the first, over "
                        + "in the order of event time, a pattern, or a join of streams,",
                    at: place))
            return nil
        case .unmatched where !isJoin:
            context.report(
                .noSuchPort(
                    "unmatched", node: name, needs: "a join of a table or with bounds", at: place))
            return nil
        default: break
        }
        return ReadReference(reference: NodeReference(node: name, port: port), scalar: scalar)
    }

    /// Whether rows of the step can be too late, as written.
    private func hasLateRows(_ node: NodeDeclaration) -> Bool {
        let isWindowed = ["aggregate", "top"].contains { verb in
            node.member(verb).flatMap { member($0, "window") } != nil
        }
        if let over = node.member("over") { return isByEventTime(over) }
        if node.member("pattern") != nil { return true }
        guard let deduplicate = node.member("deduplicate") else { return isWindowed }
        guard let keep = member(deduplicate, "keep"), case .scalar(let scalar) = keep.content
        else { return true }
        return scalar.text != DeduplicateSpec.Keep.last.rawValue
    }

    /// Whether `over` goes by event time, as written.
    private func isByEventTime(_ over: LocatedValue) -> Bool {
        guard let order = member(over, "order_by") else { return true }
        guard case .sequence(let items) = order.content,
            case .scalar(let scalar)? = items.first?.content
        else { return false }
        let words = scalar.text.lowercased().split(separator: " ")
        return words.first == "rowtime" && !words.contains("desc")
    }

    private func member(_ value: LocatedValue, _ name: String) -> LocatedValue? {
        guard case .mapping(let entries) = value.content else { return nil }
        return entries.first { $0.key.text == name }?.value
    }

    /// What a reference gives.
    func shape(of reference: NodeReference) -> NodeShape {
        switch reference.port {
        case .main: return shapes[reference.node] ?? .unknown
        case .late, .unmatched: return inputShapes[reference.node] ?? .unknown
        case .invalid: return .invalidRows
        }
    }

    private func ordered(_ steps: [LinkedStep]) -> [LinkedStep] {
        var indexes: [String: Int] = [:]
        for (index, step) in steps.enumerated() { indexes[step.node.name] = index }
        let feeders = steps.map { step in
            step.allInputs.compactMap { indexes[$0.reference.node] }
        }
        var waiting = feeders.map(\.count)
        var readers = Array(repeating: [Int](), count: steps.count)
        for (index, feeders) in feeders.enumerated() {
            for feeder in feeders { readers[feeder].append(index) }
        }
        // Kept in descending order, so that the step that stands first in the file is taken last.
        var ready = steps.indices.filter { waiting[$0] == 0 }.reversed() as [Int]
        var order: [Int] = []
        while let next = ready.popLast() {
            order.append(next)
            for reader in readers[next] {
                waiting[reader] -= 1
                if waiting[reader] == 0 {
                    ready.insert(reader, at: ready.firstIndex { $0 < reader } ?? ready.count)
                }
            }
        }
        let left = steps.indices.filter { waiting[$0] > 0 }
        reportCycles(among: left, feeders, steps)
        return (order + left).map { steps[$0] }
    }

    private func reportCycles(among left: [Int], _ feeders: [[Int]], _ steps: [LinkedStep]) {
        var isSeen = Array(repeating: false, count: steps.count)
        let open = Set(left)
        for start in left where !isSeen[start] {
            var path: [Int] = []
            var places: [Int: Int] = [:]
            var current = start
            while !isSeen[current] {
                isSeen[current] = true
                places[current] = path.count
                path.append(current)
                guard let feeder = feeders[current].first(where: open.contains) else { break }
                current = feeder
            }
            guard let place = places[current], path.count > place,
                feeders[path[path.count - 1]].contains(current)
            else { continue }
            // Feeders were followed upstream; people read downstream.
            let cycle = path[place...].reversed() as [Int]
            let first = cycle.min() ?? current
            let turn = cycle.firstIndex(of: first) ?? 0
            let names = (cycle[turn...] + cycle[..<turn] + [first]).map { steps[$0].node.name }
            let step = steps[first]
            let scalar = step.allInputs.first { $0.reference.node == names[names.count - 2] }?
                .scalar
            context.report(.cycle(names, at: context.location(scalar ?? step.node.key)))
        }
    }
}
