import TestSupport
import Testing

@testable import Store

/// The machine stops at every mutating call of the topics' workload, and again while it recovers.
@Suite("Topics after a power cut")
struct TopicPowerCutTests {
    typealias Progress = TopicWorkload.Progress
    static let workload = TopicWorkload()

    /// Recovers, and holds what readers see against what was acknowledged.
    ///
    /// - Returns: What was found, as progress to go on from; nil, recorded, where it may not be.
    static func check(_ disk: SimulatedFileSystem, _ progress: Progress, _ what: String)
        throws(StoreError) -> Progress?
    {
        switch try look(disk, progress) {
        case .success(let found): return found
        case .failure(let wrong):
            Issue.record("\(what): \(wrong.text)")
            return nil
        }
    }

    struct Wrong: Error { let text: String }

    private static func look(_ disk: SimulatedFileSystem, _ progress: Progress)
        throws(StoreError) -> Result<Progress, Wrong>
    {
        let (state, store) = try TopicWorkload.open(disk)
        defer {
            store.close()
            state.close()
        }
        var found = progress
        found.isCommitting = false
        found.isIngesting = false
        found.isAddingSchema = false
        guard let topic = try store.topic("t") else {
            guard progress.epochs == 0, progress.batches == 0, progress.schemas == 1 else {
                return .failure(Wrong(text: "the topic is not there"))
            }
            return .success(found)
        }
        guard progress.allowedSchemas.contains(topic.schemas.count) else {
            return .failure(
                Wrong(text: "\(topic.schemas.count) schemas, not \(progress.allowedSchemas)"))
        }
        found.schemas = topic.schemas.count
        let first = topic.partition("p.out")?.firstOffset ?? 0
        let written =
            try topic.partition("p.out").map { (partition) throws(StoreError) in
                try TopicFixture.rows(partition, from: partition.firstOffset)
            } ?? []
        let epochs = progress.allowedEpochs.first {
            TopicWorkload.rows(epochs: $0).dropFirst(Int(first)).elementsEqual(written)
        }
        let ingested =
            try topic.partition("ingest").map { (partition) throws(StoreError) in
                try TopicFixture.rows(partition)
            } ?? []
        let batches = progress.allowedBatches.first {
            TopicWorkload.rows(batches: $0) == ingested
        }
        guard let epochs, let batches, first <= progress.removedBelow else {
            return .failure(
                Wrong(
                    text: """
                        rows from \(first) on: \(written.count), the last \(written.last ?? -1), \
                        not epochs \(progress.allowedEpochs); \(ingested.count) ingested, not batches \
                        \(progress.allowedBatches)
                        """))
        }
        found.epochs = epochs
        found.batches = batches
        return .success(found)
    }

    static let cuts: [PowerCut] = [
        .lost, .kept, .prefix, .scattered(sectorBytes: 512), .scattered(sectorBytes: 64),
    ]

    static func mutationCount() throws -> Int {
        let disk = SimulatedFileSystem()
        var progress = Progress()
        try workload.run(disk, &progress)
        #expect(progress.epochs == workload.epochCount)
        #expect(progress.batches > 4)
        #expect(progress.removedBelow > 0)
        return disk.mutationCount
    }

    /// Runs the workload on a disk that stops at a call.
    static func stopped(at stop: Int) -> (SimulatedFileSystem, Progress) {
        let disk = SimulatedFileSystem()
        disk.crash(afterMutations: stop)
        var progress = Progress()
        // What is refused while a writer is closed is no error: nothing depends on it.
        do throws(StoreError) { try workload.run(disk, &progress) } catch {}
        #expect(disk.hasCrashed)
        return (disk, progress)
    }

    @Test("all that was acknowledged is there, and nothing that was not committed is seen")
    func everyCall() throws {
        let count = try Self.mutationCount()
        var outcomes = 0
        for stop in 0..<count {
            let (disk, progress) = Self.stopped(at: stop)
            for cut in Self.cuts {
                let isCertain = cut == .lost || cut == .kept
                for seed in 0..<UInt64(isCertain ? 1 : 2 * testDepth) {
                    let what = "stopped at call \(stop), \(cut), seed \(seed)"
                    let after = disk.afterPowerCut(cut, seed: seed &+ UInt64(stop) &* 1_000_003)
                    outcomes += 1
                    guard let found = try Self.check(after, progress, what) else { continue }
                    // What readers were shown is durable.
                    let again = after.afterPowerCut(.lost, seed: seed)
                    _ = try Self.check(again, found, what + ", then lost")
                    guard seed == 0, stop % 4 == 0 else { continue }
                    var rest = found
                    try Self.workload.run(again, &rest)
                    _ = try Self.check(again.afterPowerCut(.lost, seed: 1), rest, what + ", ended")
                }
            }
        }
        print(
            "topics stopped at each of \(count) mutating calls: \(outcomes) disks recovered, "
                + "0 acknowledged rows lost, 0 uncommitted rows seen")
    }

    @Test("what is recovered after a kill survives a power cut that follows")
    func killed() throws {
        var outcomes = 0
        for stop in 0..<(try Self.mutationCount()) {
            let (disk, progress) = Self.stopped(at: stop)
            let after = disk.afterKill()
            guard let found = try Self.check(after, progress, "killed at \(stop)") else { continue }
            for cut in Self.cuts {
                outcomes += 1
                let again = after.afterPowerCut(cut, seed: UInt64(stop))
                _ = try Self.check(again, found, "killed at \(stop), then \(cut)")
            }
        }
        print("topics after a kill and a power cut: \(outcomes) disks, 0 wrong")
    }

    @Test("recovery can itself be stopped at every call")
    func duringRecovery() throws {
        let count = try Self.mutationCount()
        var stops = 0
        for stop in stride(from: 3, to: count, by: testDepth > 1 ? 1 : 5) {
            let (disk, progress) = Self.stopped(at: stop)
            let cut = Self.cuts[stop % Self.cuts.count]
            var again = 0
            while true {
                let second = disk.afterPowerCut(cut, seed: UInt64(stop))
                second.crash(afterMutations: again)
                do throws(StoreError) {
                    _ = try Self.check(second, progress, "stop \(stop), recovery")
                } catch {
                    #expect(second.hasCrashed, "\(error.message)")
                }
                guard second.hasCrashed else { break }
                for cut in [PowerCut.lost, .kept, .scattered(sectorBytes: 512)] {
                    let third = second.afterPowerCut(cut, seed: UInt64(again))
                    let what = "stop \(stop), then \(again) in recovery, \(cut)"
                    _ = try Self.check(third, progress, what)
                    stops += 1
                }
                again += 1
            }
        }
        print("recovery of topics stopped again at each of its calls: \(stops) disks, 0 wrong")
    }

    @Test(
        "the harness notices when syncs are left out",
        arguments: [SimulatedCall.sync, .syncDirectory])
    func noticesMissingSyncs(call: SimulatedCall) throws {
        let count = try Self.mutationCount()
        var lost = 0
        for stop in stride(from: 0, to: count, by: 9) {
            let disk = SimulatedFileSystem()
            disk.ignore(call)
            disk.crash(afterMutations: stop)
            var progress = Progress()
            do throws(StoreError) { try Self.workload.run(disk, &progress) } catch {}
            let after = disk.afterPowerCut(.lost, seed: 1)
            do throws(StoreError) {
                if case .failure = try Self.look(after, progress) { lost += 1 }
            } catch {
                lost += 1
            }
        }
        #expect(lost > 0)
    }

    @Test(
        "a refused call is an error and no lie",
        arguments: [5, 28])
    func refused(code: Int32) throws {
        var tried = 0
        var ended = 0
        for isPermanent in [false, true] {
            var skip = 0
            while true {
                let disk = SimulatedFileSystem()
                disk.inject(SimulatedFault(skipping: skip, code: code, isPermanent: isPermanent))
                var progress = Progress()
                var failure: StoreError?
                do throws(StoreError) { try Self.workload.run(disk, &progress) } catch {
                    failure = error
                }
                let calls = disk.trace.count
                disk.removeFaults()
                if let failure {
                    #expect(failure.message.hasPrefix("cannot "), "\(failure.message)")
                } else {
                    ended += 1
                }
                // What the process had acknowledged is there, for the next one and after a power cut.
                for after in [disk.afterKill(), disk.afterPowerCut(.lost, seed: UInt64(skip))] {
                    let what = "error \(code) at call \(skip), \(isPermanent)"
                    guard let found = try Self.check(after, progress, what) else { continue }
                    guard skip % 11 == 0 else { continue }
                    var rest = found
                    try Self.workload.run(after, &rest)
                    _ = try Self.check(after, rest, what + ", gone on")
                }
                tried += 1
                if skip >= calls { break }
                skip += testDepth > 1 ? 1 : 2
            }
        }
        print(
            "error \(code) at \(tried) calls of the topics' workload: \(ended) went on, 0 rows lost"
        )
    }
}
