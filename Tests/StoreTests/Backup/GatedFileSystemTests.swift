import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Store

@Suite("Gated file system")
struct GatedFileSystemTests {
    private let folder: TemporaryFolder
    private let gated = GatedFileSystem(SystemFileSystem())

    init() throws { folder = try TemporaryFolder("gate") }

    @Test("no change is made while changes are held, and all are made afterwards")
    func held() throws {
        let written = Atomic(0)
        let isEnough = Atomic(false)
        let ended = DispatchGroup()
        let gated = gated
        for number in 0..<4 {
            let path = folder.path(of: "\(number)")
            DispatchQueue.global().async(group: ended) {
                guard let file = try? gated.open(path, .create, permissions: 0o600) else { return }
                defer { gated.close(file) }
                var place: Int64 = 0
                while !isEnough.load(ordering: .relaxed) {
                    try? gated.write(file, at: place, [1, 2, 3])
                    place += 3
                    written.add(1, ordering: .relaxed)
                }
            }
        }
        for _ in 0..<50 {
            let before = written.load(ordering: .relaxed)
            while written.load(ordering: .relaxed) < before + 10 { usleep(100) }
            let (lengths, micros) = try gated.holding(atMostMicros: 1_000_000) {
                () throws(StoreError) in
                func lengths() throws(StoreError) -> [Int64] {
                    var all: [Int64] = []
                    for number in 0..<4 {
                        all.append(
                            try gated.base.status(path: folder.path(of: "\(number)"))?.length ?? 0)
                    }
                    return all
                }
                let first = try lengths()
                usleep(500)
                return [first, try lengths()]
            }
            #expect(lengths[0] == lengths[1])
            #expect(lengths[0].allSatisfy { $0 % 3 == 0 })
            #expect(micros >= 500)
        }
        isEnough.store(true, ordering: .relaxed)
        ended.wait()
    }

    @Test("a pinned file grows, and is cut or overwritten only when it is let go")
    func pinned() throws {
        let path = folder.path(of: "a")
        let file = try gated.open(path, .create, permissions: 0o600)
        defer { gated.close(file) }
        try gated.write(file, at: 0, [1, 2, 3, 4])
        let identity = FileIdentity(try gated.status(file))
        gated.gate.pin(identity, length: 4)
        try gated.write(file, at: 4, [5])
        try gated.truncate(file, to: 4)
        let isCut = Atomic(false)
        let ended = DispatchGroup()
        let gated = gated
        DispatchQueue.global().async(group: ended) {
            try? gated.truncate(file, to: 2)
            isCut.store(true, ordering: .sequentiallyConsistent)
            try? gated.write(file, at: 0, [9])
        }
        usleep(30_000)
        let isEarly = isCut.load(ordering: .sequentiallyConsistent)
        #expect(!isEarly)
        #expect(try gated.readBytes(file, at: 0, count: 4) == [1, 2, 3, 4])
        gated.gate.unpin(identity)
        ended.wait()
        #expect(try gated.readBytes(file, at: 0, count: 2) == [9, 2])
    }

    @Test("a hold that somebody else has, and a write that does not end, are said")
    func refused() throws {
        gated.gate.enter()
        let error = #expect(throws: StoreError.self) {
            try gated.holding(atMostMicros: 2_000) { () throws(StoreError) in }
        }
        #expect(error?.kind == .inUse)
        gated.gate.leave()
        try gated.holding(atMostMicros: 2_000) { () throws(StoreError) in
            _ = #expect(throws: StoreError.self) {
                try gated.holding(atMostMicros: 2_000) { () throws(StoreError) in }
            }
        }.result
        try gated.holding(atMostMicros: 2_000) { () throws(StoreError) in }.result
    }
}
