import TestSupport
import Testing

@testable import Store

/// The machine stops at every mutating call of a workload, and again while it recovers.
@Suite("Journal after a power cut")
struct JournalPowerCutTests {
    static let workload = Workload(seed: 11, epochs: 24, changes: 12)
    static let identity = Array("views/1".utf8)

    /// How far a run got before the machine stopped.
    struct Progress {
        var acknowledged = 0
        /// Whether a commit was begun and not acknowledged.
        var isInFlight = false
        var catalog = 0
        var isCatalogInFlight = false

        /// The states that may be found afterwards, as numbers of epochs.
        var allowed: ClosedRange<Int> { acknowledged...acknowledged + (isInFlight ? 1 : 0) }
        var allowedCatalog: ClosedRange<Int> { catalog...catalog + (isCatalogInFlight ? 1 : 0) }
    }

    static func openState(_ disk: SimulatedFileSystem) throws(StoreError) -> StateDirectory {
        try StateDirectory.open(path: "/s", fileSystem: disk, processID: 1, reserveBytes: 100)
    }

    static func openJournal(_ state: StateDirectory) throws(StoreError) -> Journal {
        try state.openJournal("views", identity: identity, options: .small)
    }

    /// Commits the epochs from `progress` on, with a restart in the middle, and after every third
    /// one a change to the catalog, until it is done or refused.
    static func run(_ disk: SimulatedFileSystem, _ progress: inout Progress) throws(StoreError) {
        var state = try openState(disk)
        defer { state.close() }
        var catalog = try state.openCatalog()
        var journal = try openJournal(state)
        while progress.acknowledged < workload.epochs.count {
            let epoch = progress.acknowledged
            if epoch % 3 == 2, progress.catalog < epoch / 3 {
                progress.isCatalogInFlight = true
                try catalog.set("p\(progress.catalog % 4)", entry(progress.catalog))
                progress.catalog += 1
                progress.isCatalogInFlight = false
            }
            if epoch % 10 == 9 {
                if epoch % 20 == 9 { journal.close() }
                state.close()
                state = try openState(disk)
                catalog = try state.openCatalog()
                journal = try openJournal(state)
            }
            var record = workload.record(epoch, blockBytes: 150)
            progress.isInFlight = true
            try journal.commit(&record)
            progress.acknowledged += 1
            progress.isInFlight = false
        }
    }

    static func entry(_ number: Int) -> CatalogEntry {
        CatalogEntry(
            incarnation: UInt64(number + 1), isPaused: number % 2 == 0, data: [UInt8(number)])
    }

    /// What the catalog holds after so many changes.
    static func catalog(after count: Int) -> [String: CatalogEntry] {
        var entries: [String: CatalogEntry] = [:]
        for number in 0..<count { entries["p\(number % 4)"] = entry(number) }
        return entries
    }

    /// Recovers, and says which epoch was found; records an issue where it may not be.
    static func check(_ disk: SimulatedFileSystem, _ progress: Progress, _ what: String)
        throws(StoreError) -> (epoch: Int, catalog: Int)?
    {
        let state = try openState(disk)
        defer { state.close() }
        let journal = try openJournal(state)
        let contents = journal.recovered?.contents ?? Contents()
        let catalog = try state.openCatalog()
        let entries = Dictionary(uniqueKeysWithValues: catalog.all.map { ($0.name, $0.entry) })
        guard let epoch = progress.allowed.first(where: { workload.states[$0] == contents }) else {
            let found = workload.states.firstIndex(of: contents)
            Issue.record(
                "\(what): epoch \(found.map(String.init) ?? "unknown"), not \(progress.allowed)")
            return nil
        }
        guard
            let entry = progress.allowedCatalog.first(where: { self.catalog(after: $0) == entries })
        else {
            Issue.record("\(what): the catalog holds \(entries), not \(progress.allowedCatalog)")
            return nil
        }
        return (epoch, entry)
    }

    static let cuts: [PowerCut] = [
        .lost, .kept, .prefix, .scattered(sectorBytes: 512), .scattered(sectorBytes: 4096),
        .scattered(sectorBytes: 64),
    ]

    /// How many mutating calls the whole workload makes.
    static func mutationCount() throws -> Int {
        let disk = SimulatedFileSystem()
        var progress = Progress()
        try run(disk, &progress)
        #expect(progress.acknowledged == workload.epochs.count)
        return disk.mutationCount
    }

    @Test("every acknowledged commit is there, and nothing but the one in flight besides")
    func everyCall() throws {
        let count = try Self.mutationCount()
        var outcomes = 0
        for stop in 0..<count {
            let disk = SimulatedFileSystem()
            disk.crash(afterMutations: stop)
            var progress = Progress()
            #expect(throws: StoreError.self) { try Self.run(disk, &progress) }
            #expect(disk.hasCrashed)
            for cut in Self.cuts {
                let isCertain = cut == .lost || cut == .kept
                for seed in 0..<UInt64(isCertain ? 1 : 4 * testDepth) {
                    let what = "stopped at call \(stop), \(cut), seed \(seed)"
                    let after = disk.afterPowerCut(cut, seed: seed &+ UInt64(stop) &* 1_000_003)
                    outcomes += 1
                    guard let found = try Self.check(after, progress, what) else { continue }
                    // What was recovered is durable: sinks have been made equal to it.
                    let exact = Progress(acknowledged: found.epoch, catalog: found.catalog)
                    let again = after.afterPowerCut(.lost, seed: seed)
                    _ = try Self.check(again, exact, what + ", then lost")
                    // And work goes on from there.
                    guard seed == 0, stop % 3 == 0 else { continue }
                    var rest = exact
                    try Self.run(again, &rest)
                    _ = try Self.check(again.afterPowerCut(.lost, seed: 1), rest, what + ", ended")
                }
            }
        }
        print(
            "journal and catalog stopped at each of \(count) mutating calls: \(outcomes) disks "
                + "recovered, 0 acknowledged commits lost, 0 that were not made")
    }

    @Test("what is recovered after a kill survives a power cut that follows")
    func killed() throws {
        for stop in 0..<(try Self.mutationCount()) {
            let disk = SimulatedFileSystem()
            disk.crash(afterMutations: stop)
            var progress = Progress()
            #expect(throws: StoreError.self) { try Self.run(disk, &progress) }
            let after = disk.afterKill()
            guard let found = try Self.check(after, progress, "killed at \(stop)") else { continue }
            let exact = Progress(acknowledged: found.epoch, catalog: found.catalog)
            for cut in Self.cuts {
                let again = after.afterPowerCut(cut, seed: UInt64(stop))
                _ = try Self.check(again, exact, "killed at \(stop), then \(cut)")
            }
        }
    }

    @Test("recovery can itself be stopped at every call")
    func duringRecovery() throws {
        let count = try Self.mutationCount()
        var stops = 0
        for stop in stride(from: 3, to: count, by: 3) {
            let disk = SimulatedFileSystem()
            disk.crash(afterMutations: stop)
            var progress = Progress()
            #expect(throws: StoreError.self) { try Self.run(disk, &progress) }
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
        print("recovery stopped again at each of its calls: \(stops) disks, 0 wrong")
    }

    @Test(
        "the harness notices when syncs are left out",
        arguments: [
            SimulatedCall.sync, .syncDirectory,
        ])
    func noticesMissingSyncs(call: SimulatedCall) throws {
        let count = try Self.mutationCount()
        var lost = 0
        for stop in stride(from: 0, to: count, by: 5) {
            let disk = SimulatedFileSystem()
            disk.ignore(call)
            disk.crash(afterMutations: stop)
            var progress = Progress()
            #expect(throws: StoreError.self) { try Self.run(disk, &progress) }
            let after = disk.afterPowerCut(.lost, seed: 1)
            guard let state = try? Self.openState(after), let journal = try? Self.openJournal(state)
            else {
                lost += 1
                continue
            }
            let contents = journal.recovered?.contents ?? Contents()
            if !progress.allowed.contains(where: { Self.workload.states[$0] == contents }) {
                lost += 1
            }
        }
        #expect(lost > 0)
    }
}
