import Config
import Operators
import Store
import TestSupport
import Testing

@testable import Connectors

@Suite("Topic merge")
struct TopicMergeTests {
    private func merge(_ bench: TopicBench, isFollowing: Bool = false) throws -> TopicMerge {
        let entry = try #require(try bench.catalog.entry("t"))
        return TopicMerge(
            entry, catalog: bench.catalog,
            options: TopicSourceOptions(name: "t", stop: isFollowing ? nil : .latest),
            fields: TopicBench.schema.fieldSpecs, partition: nil, isFollowing: isFollowing,
            reader: "test", prepare: { $0 })
    }

    private func read(_ merge: TopicMerge) throws -> [String] {
        var result: [String] = []
        while case .rows(let run) = try merge.next() {
            let columns = run.rows.batch.columns
            result += run.range.map {
                "\(columns[0].strings[$0].string)\(columns[1].integers[$0])"
            }
        }
        return result
    }

    @Test("gives two partitions' history in order of time, ties by partition")
    func order() throws {
        let bench = try TopicBench()
        let a = try bench.sink(pipeline: "a")
        let b = try bench.sink(pipeline: "b")
        try a.recover(token: nil)
        try b.recover(token: nil)
        try bench.write([("a", 1), ("a", 3), ("a", 5)], to: a, epoch: 1)
        try bench.write([("b", 2), ("b", 3), ("b", 4)], to: b, epoch: 1)
        try bench.write([("a", 5), ("a", 4), ("a", 9)], to: a, epoch: 2)
        try bench.write([("b", 5), ("b", 6)], to: b, epoch: 2)
        // A partition's own rows stay in their order.
        #expect(
            try read(merge(bench)) == [
                "a1", "b2", "a3", "b3", "b4", "a5", "a5", "a4", "b5", "b6", "a9",
            ])
    }

    @Test("is a stable merge of what any partitions hold")
    func random() throws {
        let seed = testSeed
        var random = SeededRandom(seed: seed)
        let bench = try TopicBench()
        var expected: [(time: Int, pipeline: Int)] = []
        for pipeline in 0..<5 {
            let sink = try bench.sink(pipeline: "p\(pipeline)")
            try sink.recover(token: nil)
            var time = 0
            for epoch in 1...4 {
                let rows = (0..<Int.random(in: 0...3000, using: &random)).map { _ in
                    time += Int.random(in: 0...2, using: &random)
                    expected.append((time, pipeline))
                    return ("p\(pipeline)", time)
                }
                if !rows.isEmpty { try bench.write(rows, to: sink, epoch: UInt64(epoch)) }
            }
        }
        expected.sort { ($0.time, $0.pipeline) < ($1.time, $1.pipeline) }
        #expect(
            try read(merge(bench)) == expected.map { "p\($0.pipeline)\($0.time)" }, "seed \(seed)")
    }

    @Test("goes on at the live end, with partitions that come later")
    func live() throws {
        let bench = try TopicBench()
        let a = try bench.sink(pipeline: "a")
        try a.recover(token: nil)
        try bench.write([("a", 1)], to: a, epoch: 1)
        let merge = try merge(bench, isFollowing: true)
        #expect(try read(merge) == ["a1"])
        try bench.write([("a", 7)], to: a, epoch: 2)
        let b = try bench.sink(pipeline: "b")
        try b.recover(token: nil)
        try bench.write([("b", 3)], to: b, epoch: 1)
        merge.wake()
        #expect(try read(merge) == ["b3", "a7"])
    }
}
