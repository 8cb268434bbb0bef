import Config
import Operators

/// Leaves out of a spec the columns that nothing reads, so that sources do not build them.
///
/// Pure. State must not depend on what some later step reads: tables keep all their columns and
/// aggregates all their calls; joins of streams and steps that keep rows keep them whole.
enum ColumnPruning {
    static func prune(_ spec: PipelineSpec) -> PipelineSpec {
        var needs = Needs(spec)
        var result = spec
        for index in spec.steps.indices.reversed() {
            let step = spec.steps[index]
            result.steps[index] = prune(step, &needs)
        }
        for index in spec.sources.indices {
            result.sources[index] = prune(spec.sources[index], needs)
        }
        return result
    }

    /// What is read of each node, by column name.
    private struct Needs {
        private(set) var columns: [String: Set<String>] = [:]
        /// Nodes whose late or unmatched port is read: all of their input is needed.
        private(set) var portsRead: Set<String> = []

        init(_ spec: PipelineSpec) {
            for sink in spec.sinks { add(sink.inputSchema.fields.map(\.name), of: sink.input) }
            for step in spec.steps {
                for input in step.allInputs where input.port == .late || input.port == .unmatched {
                    portsRead.insert(input.node)
                }
            }
        }

        mutating func add(_ names: [String], of reference: NodeReference) {
            switch reference.port {
            case .main: columns[reference.node, default: []].formUnion(names)
            case .late, .unmatched: portsRead.insert(reference.node)
            case .invalid: break
            }
        }
    }

    private static func prune(_ step: StepSpec, _ needs: inout Needs) -> StepSpec {
        var result = step
        let wanted = needs.columns[step.name] ?? []
        result.projection = step.projection.filter { wanted.contains($0.name) }
        var needed = Set(result.projection.flatMap { $0.expression.columns })
        if let having = step.having { needed.formUnion(having.columns) }

        // Backwards through `add`: an item is needed if what it fills is.
        var keptAdditions: [(item: NamedExpression, position: Int)] = []
        for item in step.additions.reversed() {
            guard let position = step.addedSchema.index(of: item.name), needed.contains(position)
            else { continue }
            needed.remove(position)
            needed.formUnion(item.expression.columns)
            keptAdditions.insert((item, position), at: 0)
        }
        let keepsInput = needs.portsRead.contains(step.name)
        let inputNeeded = pruneVerb(
            step, &result, needed: needed, keepsInput: keepsInput, needs: &needs)

        // Forwards again: where each column of `addedSchema` now stands.
        var map: [Int: Int] = inputNeeded.verbMap
        var fields = result.verbSchema.fields
        result.additions = []
        for (item, position) in keptAdditions {
            result.additions.append(
                NamedExpression(name: item.name, expression: item.expression.remapped(map)))
            let field = Field(item.name, item.expression.type)
            if let known = map[position] {
                fields[known] = field
            } else {
                map[position] = fields.count
                fields.append(field)
            }
        }
        result.addedSchema = Schema(fields)
        result.having = step.having?.remapped(map)
        result.projection = result.projection.map {
            NamedExpression(name: $0.name, expression: $0.expression.remapped(map))
        }
        result.output.schema = Schema(
            result.projection.map { Field($0.name, $0.expression.type) })
        let names = result.inputSchema.fields.map(\.name)
        for input in step.inputs { needs.add(names, of: input) }
        if case .streamJoin(let join) = step.verb {
            needs.add(join.rightSchema.fields.map(\.name), of: join.right)
        }
        return result
    }

    private struct VerbColumns {
        /// Old position in the verb's schema → new one.
        var verbMap: [Int: Int]
    }

    /// Prunes filter, input and verb of `result` to what `needed` of the verb's schema asks for.
    private static func pruneVerb(
        _ step: StepSpec, _ result: inout StepSpec, needed: Set<Int>, keepsInput: Bool,
        needs: inout Needs
    ) -> VerbColumns {
        var input = Set(step.filter?.columns ?? [])
        if keepsInput { input.formUnion(step.inputSchema.fields.indices) }
        switch step.verb {
        case .none: input.formUnion(needed)
        case .join(let join) where join.keepsRows:
            input.formUnion(step.inputSchema.fields.indices)
        case .join(let join):
            input.formUnion(needed.filter { $0 < step.inputSchema.count })
            for expression in join.match { input.formUnion(expression.columns) }
        case .streamJoin: input.formUnion(step.inputSchema.fields.indices)
        case .aggregate(let aggregate):
            for group in aggregate.groups { input.formUnion(group.expression.columns) }
            if case .inherited(let start, let end) = aggregate.window {
                input.formUnion([start, end])
            }
            for call in aggregate.calls {
                for expression in call.expressions { input.formUnion(expression.columns) }
            }
        case .deduplicate, .top, .over, .pattern: input.formUnion(step.inputSchema.fields.indices)
        case .parse(let parse):
            input.formUnion(needed.filter { $0 < step.inputSchema.count })
            input.insert(parse.column)
        case .unnest(let unnest):
            input.formUnion(needed.filter { $0 < step.inputSchema.count })
            input.insert(unnest.column)
        }
        let kept = input.sorted()
        let inputMap = Dictionary(uniqueKeysWithValues: zip(kept, kept.indices))
        result.inputSchema = Schema(kept.map { step.inputSchema[$0] })
        result.filter = step.filter?.remapped(inputMap)
        switch step.verb {
        case .none:
            result.verbSchema = result.inputSchema
            return VerbColumns(verbMap: inputMap)
        case .deduplicate, .top, .over, .pattern:
            let places = step.verbSchema.fields.indices
            return VerbColumns(
                verbMap: Dictionary(uniqueKeysWithValues: zip(places, places)))
        case .unnest(var unnest):
            // The new columns follow those of the input.
            let inputCount = step.inputSchema.count
            var verbMap = inputMap
            var fields = kept.map { step.verbSchema[$0] }
            for old in inputCount..<max(inputCount, step.verbSchema.count) {
                verbMap[old] = fields.count
                fields.append(step.verbSchema[old])
            }
            result.verbSchema = Schema(fields)
            unnest.column = inputMap[unnest.column] ?? 0
            result.verb = .unnest(unnest)
            return VerbColumns(verbMap: verbMap)
        case .join(var join):
            let leftCount = step.inputSchema.count
            let right = join.tableColumns.indices.filter {
                join.keepsRows || needed.contains(leftCount + $0)
            }
            var verbMap = inputMap
            for (place, old) in right.enumerated() {
                verbMap[leftCount + old] = kept.count + place
            }
            result.verbSchema = Schema(
                result.inputSchema.fields + right.map { step.verbSchema[leftCount + $0] })
            join.match = join.match.map { $0.remapped(inputMap) }
            join.asOf = join.asOf?.remapped(inputMap)
            join.tableColumns = right.map { join.tableColumns[$0] }
            result.verb = .join(join)
            return VerbColumns(verbMap: verbMap)
        case .parse(var parse):
            let inputCount = step.inputSchema.count
            // A row without a required field is invalid, whoever reads it.
            let fields = parse.fields.indices.filter {
                needed.contains(inputCount + $0) || parse.fields[$0].isRequired
            }
            var verbMap = inputMap
            for (place, old) in fields.enumerated() {
                verbMap[inputCount + old] = kept.count + place
            }
            result.verbSchema = Schema(
                result.inputSchema.fields + fields.map { step.verbSchema[inputCount + $0] })
            parse.column = inputMap[parse.column] ?? parse.column
            parse.fields = fields.map { parse.fields[$0] }
            result.verb = .parse(parse)
            return VerbColumns(verbMap: verbMap)
        case .streamJoin:
            return VerbColumns(
                verbMap: Dictionary(
                    uniqueKeysWithValues: step.verbSchema.fields.indices.map { ($0, $0) }))
        case .aggregate(var aggregate):
            aggregate.groups = aggregate.groups.map {
                NamedExpression(name: $0.name, expression: $0.expression.remapped(inputMap))
            }
            aggregate.calls = aggregate.calls.map { $0.remapped(inputMap) }
            if case .inherited(let start, let end) = aggregate.window,
                let start = inputMap[start], let end = inputMap[end]
            {
                aggregate.window = .inherited(start: start, end: end)
            }
            result.verb = .aggregate(aggregate)
            let count = step.verbSchema.count
            return VerbColumns(
                verbMap: Dictionary(uniqueKeysWithValues: (0..<count).map { ($0, $0) }))
        }
    }

    private static func prune(_ source: SourceSpec, _ needs: Needs) -> SourceSpec {
        // Its rows are kept by key.
        if source.upsertKey != nil { return source }
        var needed = Set<Int>()
        for name in needs.columns[source.name] ?? [] {
            if let index = source.output.schema.index(of: name) { needed.insert(index) }
        }
        if case .expression(let expression) = source.eventTime.value {
            needed.formUnion(expression.columns)
        }
        for (index, field) in source.fields.enumerated() where field.isRequired {
            needed.insert(index)
        }
        let kept = needed.sorted()
        let map = Dictionary(uniqueKeysWithValues: zip(kept, kept.indices))
        var result = source
        let fieldCount = source.fields.count
        result.fields = kept.filter { $0 < fieldCount }.map { source.fields[$0] }
        result.metadata = kept.filter { $0 >= fieldCount }.map { source.metadata[$0 - fieldCount] }
        result.output.schema = Schema(kept.map { source.output.schema[$0] })
        if case .expression(let expression) = source.eventTime.value {
            result.eventTime.value = .expression(expression.remapped(map))
        }
        if case .generate(var options) = source.connector {
            options.columns = kept.filter { $0 < fieldCount }.map { options.columns[$0] }
            result.connector = .generate(options)
        }
        return result
    }
}
