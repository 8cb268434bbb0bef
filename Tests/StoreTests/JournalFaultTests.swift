import Glibc
import TestSupport
import Testing

@testable import Store

/// Any call is refused, once or for ever; the journal is opened again as its owner would do it.
@Suite("Journal on a failing disk")
struct JournalFaultTests {
    static let workload = Workload(seed: 5, epochs: 14, changes: 10)

    /// What one run came to.
    struct Run {
        var acknowledged = 0
        /// A commit that threw may have been made all the same.
        var isInFlight = false
        var errors: [StoreError] = []
        var isDone: Bool { acknowledged == JournalFaultTests.workload.epochs.count }
    }

    static func open(_ disk: SimulatedFileSystem) throws(StoreError) -> Journal {
        try Journal.open(
            directory: "/s/p", identity: [1], fileSystem: disk, options: .small)
    }

    /// Commits all epochs. After an error it opens the journal again, and gives up after three.
    static func run(_ disk: SimulatedFileSystem, _ what: String) -> Run {
        var run = Run()
        var journal: Journal?
        while !run.isDone, run.errors.count < 3 {
            do throws(StoreError) {
                let open: Journal
                if let journal { open = journal } else { open = try self.open(disk) }
                if journal == nil {
                    journal = open
                    let contents = open.recovered?.contents ?? Contents()
                    let found = workload.states[...(run.acknowledged + (run.isInFlight ? 1 : 0))]
                        .lastIndex(of: contents)
                    guard let found, found >= run.acknowledged else {
                        Issue.record("\(what): opened with \(String(describing: found))")
                        return run
                    }
                    run.acknowledged = found
                    run.isInFlight = false
                    if run.isDone { break }
                }
                var record = workload.record(run.acknowledged, blockBytes: 150)
                run.isInFlight = true
                try open.commit(&record)
                run.isInFlight = false
                run.acknowledged += 1
                if run.acknowledged == 7 { open.releaseDescriptor() }
            } catch {
                run.errors.append(error)
                if let open = journal, open.isFenced {
                    var record = JournalRecordBuilder()
                    record.setMeta([1])
                    let second = #expect(throws: StoreError.self) { try open.commit(&record) }
                    #expect(second?.kind == .fenced, "\(what)")
                    journal = nil
                } else if journal != nil {
                    // Nothing was written: the same record can be committed again.
                    run.isInFlight = false
                }
            }
        }
        journal?.close()
        return run
    }

    /// The state after the faults are gone and the power was cut.
    static func check(_ disk: SimulatedFileSystem, _ run: Run, _ what: String) throws {
        disk.removeFaults()
        disk.setCapacity(.max)
        for error in run.errors {
            let isWellFormed = error.message.hasPrefix("cannot ") && error.message.contains("; ")
            #expect(isWellFormed && error.kind != .damaged, "\(what): \(error.message)")
        }
        for cut in [PowerCut.lost, .kept, .scattered(sectorBytes: 512)] {
            let after = disk.afterPowerCut(cut, seed: 3)
            let contents = try open(after).recovered?.contents ?? Contents()
            let found = workload.states.firstIndex(of: contents)
            let allowed = run.acknowledged...run.acknowledged + (run.isInFlight ? 1 : 0)
            #expect(found.map(allowed.contains) == true, "\(what), \(cut): \(found ?? -1)")
        }
    }

    static func newDisk() -> SimulatedFileSystem {
        let disk = SimulatedFileSystem()
        disk.setContents("/s/x", [])
        return disk
    }

    @Test("a call that is refused once costs at most a retry", arguments: [EIO, ENOSPC, EMFILE])
    func once(code: Int32) throws {
        let clean = Self.newDisk()
        #expect(Self.run(clean, "clean").isDone)
        let count = clean.trace.count
        for call in 0..<count {
            let what = "call \(call) (\(clean.trace[call])), error \(code), once"
            let disk = Self.newDisk()
            disk.inject(SimulatedFault(skipping: call, code: code))
            let run = Self.run(disk, what)
            #expect(run.isDone, "\(what): \(run.errors)")
            try Self.check(disk, run, what)
        }
        print("error \(code) at each of \(count) calls, once: all went on, 0 commits lost")
    }

    @Test("a call that is refused for ever stops with the reason", arguments: [EIO, ENOSPC])
    func forEver(code: Int32) throws {
        let clean = Self.newDisk()
        _ = Self.run(clean, "clean")
        let count = clean.trace.count
        for call in 0..<count {
            let what = "from call \(call) (\(clean.trace[call])), error \(code)"
            let disk = Self.newDisk()
            disk.inject(SimulatedFault(skipping: call, code: code, isPermanent: true))
            let run = Self.run(disk, what)
            #expect(!run.errors.isEmpty || run.isDone, "\(what)")
            try Self.check(disk, run, what)
        }
        print("error \(code) from each of \(count) calls on: all stopped with it, 0 commits lost")
    }

    @Test("syncs that are refused are never believed", arguments: [1, 2, 3, 5])
    func syncs(every: Int) throws {
        for first in 0..<12 {
            let disk = Self.newDisk()
            for number in 0..<2 {
                disk.inject(SimulatedFault(.sync, skipping: first + number * every, code: EIO))
            }
            let what = "syncs \(first) and \(first + every) refused"
            let run = Self.run(disk, what)
            try Self.check(disk, run, what)
        }
    }

    @Test("a full disk stops with the reason, and the room of a reserve lets it go on")
    func full() throws {
        let clean = Self.newDisk()
        _ = Self.run(clean, "clean")
        for capacity in stride(from: 50, to: 4000, by: 97) {
            let disk = Self.newDisk()
            disk.setCapacity(capacity)
            let run = Self.run(disk, "capacity \(capacity)")
            if !run.isDone {
                #expect(run.errors.contains { $0.kind == .full }, "capacity \(capacity)")
                #expect(run.errors.allSatisfy { $0.isRetriable }, "capacity \(capacity)")
            }
            try Self.check(disk, run, "capacity \(capacity)")
        }
    }

    @Test("a read error is not the end of the file: nothing is cut")
    func readErrors() throws {
        let disk = Self.newDisk()
        _ = Self.run(disk, "clean")
        let names = try disk.list("/s/p")
        let before = names.map { disk.contents("/s/p/\($0)") }
        for skipping in 0..<4 {
            disk.inject(SimulatedFault(.read, skipping: skipping, code: EIO))
            do throws(StoreError) {
                _ = try Self.open(disk)
            } catch {
                #expect(error.kind == .io(EIO))
                #expect(error.message.hasPrefix("cannot read '/s/p/"))
            }
            disk.removeFaults()
        }
        #expect(names.map { disk.contents("/s/p/\($0)") } == before)
        #expect(try disk.list("/s/p") == names)
    }

    @Test("every acknowledgement follows a completed sync of what it acknowledges")
    func acknowledgements() throws {
        let disk = Self.newDisk()
        let journal = try Self.open(disk)
        for epoch in Self.workload.epochs.indices {
            let start = disk.trace.count
            var record = Self.workload.record(epoch)
            try journal.commit(&record)
            let calls = disk.trace[start...].map(\.call)
            let lastWrite = try #require(calls.lastIndex(of: .write))
            #expect(calls[lastWrite...].contains(.sync))
            if let rename = calls.lastIndex(of: .rename) {
                #expect(try #require(calls.firstIndex(of: .sync)) < rename)
                #expect(calls[rename...].contains(.syncDirectory))
                if let unlink = calls.lastIndex(of: .unlink) {
                    #expect(try #require(calls.lastIndex(of: .syncDirectory)) < unlink)
                }
            }
        }
    }

    @Test("a record that is too large is refused before anything is written")
    func tooLarge() throws {
        let disk = Self.newDisk()
        let journal = try Self.open(disk)
        var record = JournalRecordBuilder()
        record.put(node: [UInt8](repeating: 1, count: 70_000), key: [], time: 0, value: [])
        let error = #expect(throws: StoreError.self) { try journal.commit(&record) }
        #expect(error?.kind == .tooLarge)
        #expect(
            error?.message == "cannot write the name of a node to '/s/p': it has 70000 bytes and "
                + "the limit is 65535; make it smaller")
        #expect(!journal.isFenced)
        #expect(disk.mutationCount == 0)
    }

    @Test("a file that something else has written is not appended to")
    func changedByOthers() throws {
        let disk = Self.newDisk()
        let journal = try Self.open(disk)
        var record = Self.workload.record(0)
        try journal.commit(&record)
        journal.releaseDescriptor()
        let path = try #require(journal.path)
        disk.setContents(path, (disk.contents(path) ?? []) + [1])
        record = Self.workload.record(1)
        let error = #expect(throws: StoreError.self) { try journal.commit(&record) }
        #expect(error?.kind == .damaged)
        #expect(journal.isFenced)
        #expect(disk.openCount == 0)
    }
}
