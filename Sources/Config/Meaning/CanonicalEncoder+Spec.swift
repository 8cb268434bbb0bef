import Operators

/// Connectors, formats and clauses. `meaning` says how much is written: all of it, or only what
/// the rows depend on, without how fast they come or how often a file is looked at.
extension CanonicalEncoder {
    enum Depth { case rows, meaning }

    mutating func write(_ connector: SourceConnector, _ depth: Depth) {
        switch connector {
        case .file(let options):
            write("file")
            // A substituted value may be a secret, and another machine's folder is no other file.
            write(depth == .meaning ? options.path : options.writtenPath)
            guard depth == .meaning else { return }
            write(options.isFollowed)
            write(options.refreshMicros) { $0.write($1) }
        case .stdin: write("stdin")
        case .generate(let options):
            write("generate")
            write(Int64(bitPattern: options.seed))
            write(options.columns) { $0.write($1) }
            guard depth == .meaning else { return }
            write(options.count) { $0.write($1) }
            write(options.rate) { $0.write(Literal.double($1)) }
        case .nexmark(let options):
            write("nexmark")
            write(options.kind.rawValue)
            write(Int64(bitPattern: options.seed))
            write(options.rate)
            write(options.startMicros)
            if depth == .meaning { write(options.events) }
        case .topic(let options):
            write("topic")
            write(options.name)
            write(options.mode.rawValue)
            write(options.start)
            guard depth == .meaning else { return }
            write(options.stop) { $0.write($1) }
            write(options.onGap.rawValue)
        }
    }

    private mutating func write(_ position: TopicPosition) {
        switch position {
        case .earliest: write("earliest")
        case .latest: write("latest")
        case .offset(let partition, let offset):
            write("offset")
            write(partition) { $0.write($1) }
            write(Int64(bitPattern: offset))
        case .timestamp(let micros):
            write("timestamp")
            write(micros)
        case .since(let micros):
            write("since")
            write(micros)
        }
    }

    private mutating func write(_ column: GenerateOptions.Column) {
        switch column {
        case .sequence(let start):
            write("sequence")
            write(start)
        case .integer(let low, let high):
            write("integer")
            write(low)
            write(high)
        case .double(let low, let high):
            write("double")
            write(Literal.double(low))
            write(Literal.double(high))
        case .boolean: write("boolean")
        case .choice(let texts):
            write("choice")
            write(texts) { $0.write($1) }
        case .key(let prefix, let count):
            write("key")
            write(prefix)
            write(count)
        case .uuid(let count):
            write("uuid")
            write(count) { $0.write($1) }
        case .time(let start, let step, let jitter):
            write("time")
            write(start) { $0.write($1) }
            write(step)
            write(jitter)
        }
    }

    mutating func write(_ connector: SinkConnector, _ depth: Depth) {
        switch connector {
        case .file(let options):
            write("file")
            write(depth == .meaning ? options.path : options.writtenPath)
            write(options.partitionColumns) { $0.write(Int64($1)) }
            guard depth == .meaning else { return }
            write(options.rollBytes) { $0.write(Int64($1)) }
            write(options.rollMicros) { $0.write($1) }
        case .stdout: write("stdout")
        case .topic(let options):
            write("topic")
            write(options.name)
        }
    }

    /// Where a sink writes, as it is on this machine.
    mutating func writePlace(_ connector: SinkConnector) {
        switch connector {
        case .file(let options):
            write("file")
            write(options.path)
        case .stdout: write("stdout")
        case .topic(let options):
            write("topic")
            write(options.name)
        }
    }

    mutating func write(_ format: FormatSpec) {
        switch format {
        case .json(let json):
            write("json")
            write(json.onMissing.rawValue)
            write(json.timezone)
        case .csv(let csv):
            write("csv")
            write(Int64(csv.delimiter))
            write(csv.hasHeader)
            write(csv.quote) { $0.write(Int64($1)) }
            write(csv.null)
            write(csv.onMissing.rawValue)
            write(csv.onExtra.rawValue)
            write(csv.timezone)
            write(Int64(csv.columnCount))
        case .lines: write("lines")
        case .regex(let regex):
            write("regex")
            write(regex.pattern)
            write(regex.null)
            write(regex.timezone)
        case .logfmt(let logfmt):
            write("logfmt")
            write(logfmt.timezone)
        case .none: write("none")
        }
    }

    mutating func write(_ field: FieldSpec) {
        write(field.name)
        write(field.type.name)
        write(field.path) { $0.write($1) }
        write(field.defaultValue) { $0.write($1) }
        write(field.isRequired)
        switch field.timestamp {
        case .rfc3339: write("rfc3339")
        case .integer(let unitsPerSecond): write(unitsPerSecond)
        case .pattern(let pattern): write(pattern)
        }
        write(Int64(field.ordinal))
    }

    mutating func write(_ time: EventTimeSpec, _ depth: Depth) {
        switch time.value {
        case .arrival: write("arrival")
        case .expression(let expression): write(expression)
        }
        write(time.maxOutOfOrdernessMicros)
        guard depth == .meaning else { return }
        write(time.idleTimeoutMicros) { $0.write($1) }
        write(time.maxFutureMicros)
    }

    /// The fields of a source or table. A topic's go by their names: where they stand in its schema
    /// matters to who reads it, not to the rows.
    private mutating func write(
        _ fields: [FieldSpec], of connector: SourceConnector, _ depth: Depth
    ) {
        guard case .topic = connector, depth == .rows else {
            write(fields) { $0.write($1) }
            return
        }
        write(fields) { encoder, field in
            encoder.write(field.name)
            encoder.write(field.type.name)
        }
    }

    mutating func write(_ source: SourceSpec, _ depth: Depth) {
        write("source")
        write(source.connector, depth)
        write(source.format)
        write(source.fields, of: source.connector, depth)
        if case .topic(let options) = source.connector { write(options.usesStoredTime) }
        write(source.metadata) { encoder, column in
            encoder.write(column.name)
            encoder.write(column.origin.rawValue)
        }
        write(source.eventTime, depth)
    }

    mutating func write(_ table: TableSpec, _ depth: Depth) {
        write("table")
        write(table.connector, depth)
        write(table.format)
        write(table.fields, of: table.connector, depth)
        write(table.key) { $0.write(Int64($1)) }
        write(table.deleteWhen) { $0.write($1) }
        // Only where it is said, so that tables without it mean what they did before there was one.
        if let time = table.eventTime {
            write("event time")
            write(time, depth)
        }
        if let history = table.historyMicros {
            write("history")
            write(history)
        }
        if table.isStreamed { write("streamed") }
    }

    /// What a step's state is made of: what comes in, and how it is kept.
    mutating func writeState(_ step: StepSpec) {
        write("step")
        write(step.inputSchema)
        write(step.filter) { $0.write($1) }
        switch step.verb {
        case .none: write("none")
        case .join(let join):
            write("join")
            write(join.kind.rawValue)
            write(join.match) { $0.write($1) }
            write(join.tableColumns) { $0.write(Int64($1)) }
            if let asOf = join.asOf {
                write("as of")
                write(asOf)
            }
            if join.isInputUpdating { write("updating") }
            if let wait = join.waitMicros {
                write("wait")
                write(wait)
            }
        case .streamJoin(let join): write(join)
        case .aggregate(let aggregate):
            write("aggregate")
            switch aggregate.window {
            case .none: write("none")
            case .hopping(let size, let every, let offset):
                write("hopping")
                write(size)
                write(every)
                write(offset)
            case .cumulative(let size, let every, let offset):
                write("cumulative")
                write(size)
                write(every)
                write(offset)
            case .inherited(let start, let end):
                write("inherited")
                write(Int64(start))
                write(Int64(end))
            case .session(let gap, let longest):
                write("session")
                write(gap)
                write(longest) { $0.write($1) }
            }
            write(aggregate.groups) { $0.write($1.expression) }
            write(aggregate.calls) { $0.write($1) }
            write(aggregate.graceMicros)
            if let timezone = aggregate.timezone {
                write("timezone")
                write(timezone)
            }
            if aggregate.emission != AggregateSpec.usualEmission(aggregate.window) {
                write("emit")
                switch aggregate.emission {
                case .final: write("final")
                case .changes: write("changes")
                case .every(let micros):
                    write("every")
                    write(micros)
                }
            }
        case .deduplicate(let deduplicate):
            write("deduplicate")
            write(deduplicate.by) { $0.write($1.expression) }
            write(deduplicate.keep.rawValue)
            write(deduplicate.withinMicros) { $0.write($1) }
            write(deduplicate.isInputUpdating)
        case .top(let top):
            write("top")
            write(Int64(top.limit))
            write(top.partition) { $0.write($1.expression) }
            write(top.order)
            write(top.ties.rawValue)
            write(top.windowEnd) { $0.write(Int64($1)) }
            write(top.isInputUpdating)
        case .parse(let parse):
            write("parse")
            write(Int64(parse.column))
            write(parse.format)
            write(parse.fields) { $0.write($1) }
        case .over(let over): write(over)
        case .pattern(let pattern): write(pattern)
        case .unnest(let unnest):
            write("unnest")
            write(Int64(unnest.column))
            write(unnest.replaces)
            write(unnest.hasPosition)
            write(unnest.keepsEmpty)
        }
    }

    private mutating func write(_ join: StreamJoinSpec) {
        write("stream join")
        write(join.rightSchema)
        write(join.kind.rawValue)
        switch join.bounds {
        case .around(let before, let after):
            write("around")
            write(before)
            write(after)
        case .between(let from, let to):
            write("between")
            write(from)
            write(to)
        case .unbounded(let timeToLive):
            write("unbounded")
            write(timeToLive) { $0.write($1) }
        case .sameWindow: write("same window")
        }
        write(join.leftMatch) { $0.write($1) }
        write(join.rightMatch) { $0.write($1) }
        write(join.condition) { $0.write($1) }
        write(join.leftIsAppend)
        write(join.rightIsAppend)
    }

    private mutating func write(_ pattern: PatternSpec) {
        write("pattern")
        write(pattern.partition) { $0.write($1.expression) }
        write(pattern.order)
        write(pattern.pattern.root.canonical)
        write(pattern.conditions) { encoder, condition in
            encoder.write(condition) { encoder, condition in
                encoder.write(condition.result)
                encoder.write(condition.calls) { $0.write($1.canonical) }
            }
        }
        write(pattern.calls) { $0.write($1.canonical) }
        write(pattern.withinMicros) { $0.write($1) }
        write(pattern.skipsToNextRow)
    }

    private mutating func write(_ over: OverSpec) {
        write("over")
        write(over.partition) { $0.write($1.expression) }
        write(over.order)
        switch over.frame {
        case .none: write("none")
        case .rows(let count):
            write("rows")
            write(Int64(count))
        case .range(let range):
            write("range")
            write(range)
        }
        write(over.calls) { $0.write($1) }
        write(over.rowCalls) { $0.write($1.canonical) }
        write(over.isOrdered)
        write(over.timeToLiveMicros) { $0.write($1) }
    }

    private mutating func write(_ order: RowOrder) {
        write(order.items) { encoder, item in
            encoder.write(item.expression)
            encoder.write(item.isDescending)
            encoder.write(item.isNullFirst)
        }
        write(order.isLatestFirst)
    }

    /// What comes out of a step, besides its state.
    mutating func writeOutput(_ step: StepSpec) {
        if case .aggregate(let aggregate) = step.verb {
            write(aggregate.compute) { $0.write($1) }
        }
        if case .streamJoin(let join) = step.verb {
            write(join.columns) { encoder, column in
                switch column {
                case .left(let index): encoder.write("left \(index)")
                case .right(let index): encoder.write("right \(index)")
                case .either(let left, let right): encoder.write("either \(left) \(right)")
                }
            }
        }
        if case .top(let top) = step.verb { write(top.hasRank) }
        if case .pattern(let pattern) = step.verb { write(pattern.measures) { $0.write($1) } }
        if case .over(let over) = step.verb {
            write(over.excludesCurrent)
            write(over.compute) { $0.write($1) }
        }
        write(step.verbSchema)
        write(step.additions) { $0.write($1) }
        write(step.having) { $0.write($1) }
        write(step.projection) { $0.write($1) }
    }

    mutating func write(_ sink: SinkSpec, _ depth: Depth) {
        write("sink")
        write(sink.inputSchema)
        write(sink.connector, depth)
        write(sink.format)
        switch sink.mode {
        case .append: write("append")
        case .upsert(let key):
            write("upsert")
            write(key) { $0.write(Int64($1)) }
        case .changelog: write("changelog")
        }
        write(sink.deleteWhen) { $0.write($1) }
    }

    mutating func write(_ settings: PipelineSettings) {
        write(settings.checkpointIntervalMicros)
        write(settings.onError.rawValue)
        write(settings.isSuspended)
        write(settings.memoryBytesMax) { $0.write(Int64($1)) }
        // Only where it is said, so that specs without it mean what they did before there was one.
        let usual = PipelineSettings().deadLetterRetentionMicros
        if settings.deadLetterRetentionMicros != usual { write(settings.deadLetterRetentionMicros) }
    }
}
