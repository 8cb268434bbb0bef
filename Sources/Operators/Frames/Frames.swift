/// A call whose value over some rows is combined from the values of its parts.
final class Frames: FrameFunction {
    private let loop: any FrameFunction
    /// What `loop` runs. Reached through the protocol it would be the code for values of any type; made
    /// where the type is known it is that type's own.
    private let body: (FrameSteps, GroupStore.Arguments, inout [Int: String]) -> Column

    /// - Parameter inTurn: Whether results must depend on the rows of their frame alone, to the last
    ///   bit, and not on how many came before.
    init<Values: FrameValues>(_ values: Values, _ call: AggregateCall, inTurn: Bool) {
        let loop = FrameLoop(values, call, inTurn: inTurn)
        self.loop = loop
        body = { loop.run($0, $1, failed: &$2) }
    }

    func run(
        _ steps: FrameSteps, _ given: GroupStore.Arguments, failed: inout [Int: String]
    ) -> Column {
        body(steps, given, &failed)
    }

    func reserve(_ count: Int) { loop.reserve(count) }
    func release(_ slots: [Int32]) { loop.release(slots) }
    func clear() { loop.clear() }
    var memoryBytes: Int { loop.memoryBytes }
}

/// The steps of ``Frames``.
private final class FrameLoop<Values: FrameValues>: FrameFunction {
    private var values: Values
    private let trees = FrameTrees<Values.Value>()
    private let latest: LatestOccurrences?
    private let type: ColumnType
    private let inTurn: Bool

    init(_ values: Values, _ call: AggregateCall, inTurn: Bool) {
        self.values = values
        type = call.type
        self.inTurn = inTurn && Values.isRounded
        latest =
            call.isDistinct ? call.argument.map { LatestOccurrences(type: $0.type) } : nil
    }

    func reserve(_ count: Int) {
        trees.reserve(count)
        latest?.reserve(count)
    }

    func run(
        _ steps: FrameSteps, _ given: GroupStore.Arguments, failed: inout [Int: String]
    ) -> Column {
        var values = values
        values.take(given.argument, order: given.order, count: given.argument?.count ?? 0)
        latest?.take(given.argument)
        let identity = values.identity
        var builder = ColumnBuilder(type: type, capacity: steps.askCount)
        let isTrue = given.filter?.booleans
        for step in steps.steps {
            switch step.kind {
            case .forget:
                trees.forget(step.partition)
                latest?.forget(step.partition)
            case .add:
                let row = Int(step.row)
                let counts =
                    (isTrue.map { $0[row] != 0 } ?? true) && given.filter?.isNull(row) != true
                    && given.argument?.isNull(row) != true
                let value = counts ? values.value(row, slot: step.slot) : identity
                trees.append(
                    value, to: step.partition, ordinal: step.ordinal, start: step.start,
                    combine: values.combine)
                if let latest { note(step, counts: counts, latest, values) }
            case .ask:
                let value = self.value(step, values)
                if let cause = values.append(value, to: &builder) {
                    failed[builder.count] = cause
                    builder.appendNull()
                }
            }
        }
        let column = builder.finish(retained: values.takeRetained())
        self.values = values
        return column
    }

    /// Of equal values only the latest one counts.
    private func note(
        _ step: FrameSteps.Step, counts: Bool, _ latest: LatestOccurrences, _ values: Values
    ) {
        let before = latest.add(step, counts: counts, from: trees.start(step.partition))
        guard before >= 0 else { return }
        trees.replace(
            step.partition, before, by: values.identity, combine: values.combine)
    }

    @inline(__always)
    private func value(_ step: FrameSteps.Step, _ values: Values) -> Values.Value {
        let identity = values.identity
        guard step.ordinal >= step.start, step.ordinal < step.end else {
            return trees.value(
                step.partition, step.start..<step.end, identity: identity, inTurn: inTurn,
                combine: values.combine)
        }
        var result = trees.value(
            step.partition, step.start..<step.ordinal, identity: identity, inTurn: inTurn,
            combine: values.combine)
        // The row that is left out may stand for an equal one before it.
        if let latest, latest.previous(step.partition, step.ordinal) >= step.start,
            let own = trees.leaf(step.partition, step.ordinal)
        {
            result = values.combine(result, own)
        }
        let rest = trees.value(
            step.partition, step.ordinal + 1..<step.end, identity: identity, inTurn: inTurn,
            combine: values.combine)
        return values.combine(result, rest)
    }

    func release(_ slots: [Int32]) { values.release(slots) }

    func clear() {
        trees.clear()
        latest?.clear()
        values.clear()
    }

    var memoryBytes: Int { trees.memoryBytes + values.memoryBytes + (latest?.memoryBytes ?? 0) }
}

/// Where each value of a partition occurred last, for calls with DISTINCT.
final class LatestOccurrences {
    private let codec: KeyCodec
    /// Values behind the life of their partition.
    private var table = KeyTable()
    private var ordinals: [Int64] = []
    private var partitions: [Int32] = []
    private var lifeOf: [UInt32] = []
    /// A number for each life of a partition; never given twice.
    private let lives = GroupArray<UInt32>(0)
    private let starts = GroupArray<Int64>(0)
    private var lifeCount: UInt32 = 0
    /// The occurrence before each row of its value, −1 where there is none.
    private let before = FrameTrees<Int64>()
    private var keys: Column?
    private var scratch: [UInt8] = []
    /// The table is looked through when it has become this large.
    private var entriesMax = 64

    init(type: ColumnType) { codec = KeyCodec(types: [type]) }

    func reserve(_ count: Int) {
        lives.reserve(count)
        starts.reserve(count)
        before.reserve(count)
    }

    func forget(_ partition: Int32) {
        lives.reset(Int(partition))
        before.forget(partition)
    }

    func clear() {
        for partition in 0..<lives.count { forget(Int32(partition)) }
        table = KeyTable()
        ordinals.removeAll()
        partitions.removeAll()
        lifeOf.removeAll()
        entriesMax = 64
    }

    /// Makes ready for the rows of a batch.
    func take(_ argument: Column?) {
        keys = argument.map { codec.encode([$0], count: $0.count) }
    }

    /// Notes a row.
    ///
    /// - Returns: The ordinal of the row of the same value that was the latest one, −1 without one.
    func add(_ step: FrameSteps.Step, counts: Bool, from start: Int64) -> Int64 {
        let found = counts ? note(step, from: start) : -1
        before.append(
            found, to: step.partition, ordinal: step.ordinal, start: step.start,
            combine: { first, _ in first })
        return found
    }

    private func note(_ step: FrameSteps.Step, from start: Int64) -> Int64 {
        guard let keys else { return -1 }
        let place = Int(step.partition)
        if lives.base[place] == 0 {
            lifeCount &+= 1
            lives.base[place] = lifeCount
        }
        starts.base[place] = start
        scratch.removeAll(keepingCapacity: true)
        scratch.append(littleEndian: lives.base[place])
        scratch.append(contentsOf: keys.strings[Int(step.row)].bytes)
        if table.count >= entriesMax { dropIdle() }
        return scratch.withUnsafeBufferPointer { bytes in
            let key = StringView(bytes)
            let hash = key.hash
            let known = Int(table.find(key, hash: hash))
            guard known >= 0 else {
                table.insert(key, hash: hash, value: Int32(ordinals.count))
                ordinals.append(step.ordinal)
                partitions.append(step.partition)
                lifeOf.append(lives.base[place])
                return -1
            }
            let found = ordinals[known]
            ordinals[known] = step.ordinal
            return found >= start ? found : -1
        }
    }

    /// The row of the same value before a row, −1 where there is none.
    func previous(_ partition: Int32, _ ordinal: Int64) -> Int64 {
        before.leaf(partition, ordinal) ?? -1
    }

    private func dropIdle() {
        let old = (table, ordinals, partitions, lifeOf)
        table = KeyTable()
        ordinals.removeAll(keepingCapacity: true)
        partitions.removeAll(keepingCapacity: true)
        lifeOf.removeAll(keepingCapacity: true)
        for index in old.1.indices {
            let partition = Int(old.2[index])
            guard lives.base[partition] == old.3[index], old.1[index] >= starts.base[partition]
            else { continue }
            let entry = old.0.entries[index]
            table.insert(entry.key, hash: entry.hash, value: Int32(ordinals.count))
            ordinals.append(old.1[index])
            partitions.append(old.2[index])
            lifeOf.append(old.3[index])
        }
        entriesMax = max(64, table.count * 2)
    }

    var memoryBytes: Int { table.memoryBytes + ordinals.count * 16 + before.memoryBytes }
}
