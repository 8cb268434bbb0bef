import Config
import Foundation
import Operators
import Store
import TestSupport
import Testing

@testable import Connectors

/// A pipeline as a file sink sees it: epochs of rows, and a journal that keeps the last token.
private struct SinkRun {
    enum Shape: String, CaseIterable { case plain, csv, rolled, partitioned, appended, replaced }

    let shape: Shape
    let epochs: Int64 = 3
    /// The last epoch whose record is durable, with its token.
    var epoch: Int64 = 0
    var token: [UInt8]?

    init(_ shape: Shape) { self.shape = shape }

    /// Prepares a disk with what is there before the sink.
    func disk(seed: UInt64 = 1) -> SimulatedFileSystem {
        let disk = SimulatedFileSystem(seed: seed)
        if shape == .appended || shape == .replaced {
            disk.setContents("out/rows.txt", Array("old\n".utf8))
        }
        return disk
    }

    func sink(_ disk: SimulatedFileSystem) throws(ConnectorError) -> FileSink {
        var options = FileSinkOptions(path: "out/rows.txt")
        var existing = ExistingOutput.refuse
        switch shape {
        case .plain, .csv: break
        case .rolled: options.rollBytes = 20
        case .partitioned: options.path = "out/%Y/d-%j.txt"
        case .appended: existing = .append
        case .replaced: existing = .overwrite
        }
        return try FileSink(
            options, schema: Schema([Field("n", .bigint)]),
            format: shape == .csv ? .csv(CSVOptions()) : .json(JSONOptions()),
            existing: existing, fileSystem: disk, clock: { 0 })
    }

    /// The rows of an epoch: numbers from 10 × epoch on, over two years and three days.
    func batches(_ epoch: Int64) -> [Batch] {
        let day: Int64 = 86_400_000_000
        return (0..<2).map { part in
            let numbers = (0..<3).map { Optional(epoch * 10 + Int64(part) * 3 + $0) }
            let times = (0..<3).map { (Int64($0) + epoch % 2 * 365) * day }
            return batch([column(numbers)], times: times)
        }
    }

    func rows(upTo epoch: Int64) -> [Int64] {
        guard epoch > 0 else { return [] }
        return (1...epoch).flatMap { epoch in (0..<6).map { epoch * 10 + $0 } }
    }

    /// Goes on from the journal's record to the end, or to the first error.
    mutating func run(_ disk: SimulatedFileSystem, recoverOnly: Bool = false)
        throws(ConnectorError)
    {
        let sink = try sink(disk)
        defer { sink.close() }
        try sink.recover(token: token)
        if recoverOnly { return }
        while epoch < epochs {
            for batch in batches(epoch + 1) { try sink.write(batch) }
            let cut = try sink.cut(epoch: UInt64(epoch + 1))
            try cut.sync()
            // The journal's record: the commit point.
            token = cut.token
            epoch += 1
            try cut.commit()
        }
    }

    /// The rows that a reader finds, and what is wrong with the files otherwise.
    func visible(_ disk: SimulatedFileSystem) throws -> (rows: [Int64], problems: [String]) {
        var rows: [Int64] = []
        var problems: [String] = []
        func visit(_ folder: String) throws {
            for name in try disk.list(folder) {
                let path = folder + "/" + name
                if name.hasSuffix(".lock") { continue }
                if try disk.status(path: path)?.kind == .directory {
                    try visit(path)
                    continue
                }
                if name.hasSuffix(".pending") {
                    problems.append("left over: \(path)")
                    continue
                }
                var text = String(decoding: disk.contents(path) ?? [], as: UTF8.self)
                if shape == .appended, text.hasPrefix("old\n") { text.removeFirst(4) }
                if shape == .replaced, epoch == 0, text == "old\n" { text = "" }
                for (index, line) in text.split(separator: "\n").enumerated() {
                    if shape == .csv, index == 0, line == "n" { continue }
                    let digits =
                        shape == .csv ? line : line.dropFirst("{\"n\":".count).dropLast()
                    if let number = Int64(digits) {
                        rows.append(number)
                    } else {
                        problems.append("\(path): \(line)")
                    }
                }
                if !text.isEmpty, !text.hasSuffix("\n") { problems.append("torn: \(path)") }
            }
        }
        if try disk.status(path: "out") != nil { try visit("out") }
        return (rows.sorted(), problems)
    }

    func check(_ disk: SimulatedFileSystem, _ what: String) throws {
        let (rows, problems) = try visible(disk)
        #expect(rows == self.rows(upTo: epoch), "\(shape) \(what)")
        #expect(problems.isEmpty, "\(shape) \(what)")
    }
}

@Suite("File sink crashes")
struct FileSinkCrashTests {
    /// What a machine may be like after it stopped.
    private static func outcomes(_ disk: SimulatedFileSystem) -> [(String, SimulatedFileSystem)] {
        var outcomes = [("killed", disk.afterKill())]
        for (index, cut) in [PowerCut.lost, .kept, .prefix, .scattered(sectorBytes: 8)].enumerated()
        {
            for seed in UInt64(0)..<(index < 2 ? 1 : 3) {
                outcomes.append(("\(cut) seed \(seed)", disk.afterPowerCut(cut, seed: seed)))
            }
        }
        return outcomes
    }

    @Test(
        "has every committed row once and no other, wherever it is stopped",
        arguments: SinkRun.Shape.allCases.map(\.rawValue))
    func everyStop(_ name: String) throws {
        let shape = try #require(SinkRun.Shape(rawValue: name))
        let whole = SinkRun(shape).disk()
        var complete = SinkRun(shape)
        try complete.run(whole)
        try complete.check(whole, "run through")
        for stop in 0..<whole.mutationCount {
            var run = SinkRun(shape)
            let disk = run.disk(seed: UInt64(stop))
            disk.crash(afterMutations: stop)
            #expect(throws: ConnectorError.self) { try run.run(disk) }
            for (outcome, found) in Self.outcomes(disk) {
                let what = "stopped at \(stop), \(outcome)"
                var next = run
                do {
                    try next.run(found, recoverOnly: true)
                    try next.check(found, what + ", recovered")
                    try next.run(found)
                    try next.check(found, what + ", at the end")
                } catch {
                    Issue.record("\(shape) \(what): \(error)")
                }
            }
        }
    }

    @Test(
        "can be stopped again while it recovers",
        arguments: SinkRun.Shape.allCases.map(\.rawValue))
    func stopInRecovery(_ name: String) throws {
        let shape = try #require(SinkRun.Shape(rawValue: name))
        let whole = SinkRun(shape).disk()
        var complete = SinkRun(shape)
        try complete.run(whole)
        for stop in stride(from: 0, to: whole.mutationCount, by: 2) {
            var run = SinkRun(shape)
            let disk = run.disk()
            disk.crash(afterMutations: stop)
            #expect(throws: ConnectorError.self) { try run.run(disk) }
            for again in 0..<8 {
                let second = disk.afterKill()
                second.crash(afterMutations: again)
                do { try run.run(second, recoverOnly: true) } catch {}
                guard second.hasCrashed else { break }
                let third = second.afterPowerCut(.prefix, seed: UInt64(again))
                var last = run
                try last.run(third)
                try last.check(third, "stopped at \(stop) and \(again)")
            }
        }
    }

    @Test(
        "loses and repeats nothing whatever call is refused",
        arguments: SinkRun.Shape.allCases.map(\.rawValue), [EIO, ENOSPC, EMFILE])
    func everyFault(_ name: String, _ code: Int32) throws {
        let shape = try #require(SinkRun.Shape(rawValue: name))
        let whole = SinkRun(shape).disk()
        var complete = SinkRun(shape)
        try complete.run(whole)
        for skipping in 0..<whole.trace.count {
            var run = SinkRun(shape)
            let disk = run.disk(seed: UInt64(skipping))
            disk.inject(SimulatedFault(skipping: skipping, code: code))
            do { try run.run(disk) } catch {
                #expect(error.message.hasPrefix("cannot "))
                try run.run(disk)
            }
            try run.check(disk, "call \(skipping) refused with \(code)")
        }
    }

    @Test("takes the same rows again once a full disk has room")
    func fullDisk() throws {
        let disk = SimulatedFileSystem()
        let sink = try FileSink(
            FileSinkOptions(path: "rows.txt"), schema: Schema([Field("n", .bigint)]),
            format: .json(JSONOptions()), existing: .refuse, fileSystem: disk, clock: { 0 })
        try sink.recover(token: nil)
        disk.setCapacity(500_000)
        let numbers = (Int64(0)..<100_000).map { $0 }
        var failures = 0
        for start in stride(from: 0, to: numbers.count, by: 1000) {
            let rows = batch([column(numbers[start..<start + 1000].map { Optional($0) })])
            do { try sink.write(rows) } catch {
                failures += 1
                #expect(error.kind == .transient)
                #expect(error.message.contains("rows.txt"))
                #expect(throws: ConnectorError.self) { try sink.cut(epoch: 1) }
                disk.setCapacity(.max)
                try sink.write(rows)
            }
        }
        let cut = try sink.cut(epoch: 1)
        try cut.sync()
        try cut.commit()
        #expect(failures == 1)
        let text = String(decoding: try #require(disk.contents("rows.txt")), as: UTF8.self)
        #expect(text == numbers.map { "{\"n\":\($0)}\n" }.joined())
    }

    @Test("notices sinks that forget to sync (the test finds planted mistakes)")
    func planted() throws {
        var found = 0
        for call in [SimulatedCall.sync, .syncDirectory] {
            var run = SinkRun(.plain)
            let disk = run.disk()
            disk.ignore(call)
            try run.run(disk)
            let lost = disk.afterPowerCut(.lost, seed: 1)
            do { try run.run(lost, recoverOnly: true) } catch { found += 1 }
        }
        #expect(found == 2)
    }
}
