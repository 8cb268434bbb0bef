import Connectors
import Glibc
import Store
import Synchronization
import TestSupport
import Testing

@testable import Pipelined

@Suite("Ingest log")
struct IngestLogTests {
    /// A topic with one number, on a disk that can be told to refuse.
    private struct Bench {
        let disk = SimulatedFileSystem()
        let state: StateDirectory
        let topics: TopicService
        let logs: IngestLogs

        init(lingerMicros: Int64 = 30_000_000) throws {
            logs = IngestLogs(lingerMicros: lingerMicros)
            state = try StateDirectory.open(
                path: "/s", fileSystem: disk, processID: 1, reserveBytes: 100)
            topics = try TopicService.open(state, clock: { 1000 })
            _ = try topics.catalog.apply(
                InlineSchema.read("n: bigint", topic: "t", eventTime: nil), isDocumented: false)
        }

        /// Produces rows n, as the first ones of an input or its whole.
        func produce(_ numbers: Range<Int>, id: String? = nil) throws -> ProduceSession.Progress {
            let session = try ProduceSession(
                ProduceRequest(topic: "t", identifier: id), topics: topics, logs: logs)
            let bytes = Array(numbers.map { "{\"n\":\($0)}\n" }.joined().utf8)
            bytes.withUnsafeBytes { session.room(bytes.count).copyMemory(from: $0) }
            try session.received(bytes.count)
            try session.finish()
            return session.progress
        }

        func rows() throws -> [String] {
            let output = Mutex("")
            let session = try ConsumeSession(ConsumeRequest(topic: "t"), topics: topics)
            _ = try session.run(
                isWanted: { true },
                write: { bytes in
                    output.withLock { $0 += String(decoding: bytes, as: UTF8.self) }
                    return true
                })
            return output.withLock { $0 }.split(separator: "\n").map(String.init)
        }
    }

    @Test(
        "acknowledges nothing that was refused, and goes on when it can",
        arguments: [SimulatedCall.sync, .write], [EIO, ENOSPC])
    func refused(_ call: SimulatedCall, _ code: Int32) throws {
        let bench = try Bench()
        #expect(try bench.produce(0..<10, id: "a").rows == 10)
        bench.disk.inject(SimulatedFault(call, code: code))
        let failure = #expect(throws: ControlFailure.self) { try bench.produce(0..<20, id: "a") }
        #expect(failure?.message.hasPrefix("cannot ") == true)
        // The retry finds out what of it has become durable after all.
        let retried = try bench.produce(0..<20, id: "a")
        #expect(retried.rows + retried.alreadyThere == 20)
        #expect(try bench.rows() == (0..<20).map { "{\"n\":\($0)}" })
        bench.logs.close()
    }

    @Test("is the same for all producers of a topic, and is closed when nobody produces")
    func shared() throws {
        let bench = try Bench()
        let topic = try #require(try bench.topics.catalog.entry("t")).topic
        let first = try bench.logs.acquire(topic)
        let second = try bench.logs.acquire(topic)
        #expect(first === second)
        #expect(bench.logs.producers(of: "t") == 2)
        bench.logs.release(first)
        bench.logs.closeIfIdle("t")
        #expect(topic.partitions.first?.hasWriter == true)
        bench.logs.release(second)
        #expect(bench.logs.producers(of: "t") == 0)
        bench.logs.closeIfIdle("t")
        #expect(topic.partitions.first?.hasWriter == false)
        let third = try bench.logs.acquire(topic)
        #expect(third !== first)
        bench.logs.release(third)
        bench.logs.close()
    }

    @Test("lets go of the partition when nobody has produced for a while")
    func idle() throws {
        let bench = try Bench(lingerMicros: 1000)
        for round in 1...3 {
            _ = try bench.produce(0..<5)
            let topic = try #require(try bench.topics.catalog.entry("t")).topic
            let deadline = MonotonicClock.micros() + 5_000_000
            while topic.partitions[0].hasWriter, MonotonicClock.micros() < deadline { usleep(500) }
            #expect(!topic.partitions[0].hasWriter)
            #expect(try bench.rows().count == round * 5)
        }
        bench.logs.close()
    }

    @Test("remembers every producer of a group")
    func groups() throws {
        let bench = try Bench()
        for id in ["a", "b", "c"] { _ = try bench.produce(0..<5, id: id) }
        bench.logs.close()
        bench.topics.close()
        let again = try TopicService.open(bench.state)
        let topic = try #require(try again.catalog.entry("t")).topic
        let bytes = UInt64((0..<5).map { "{\"n\":\($0)}\n" }.joined().utf8.count)
        for id in ["a", "b", "c"] {
            #expect(topic.partitions[0].producers[Array(id.utf8)]?.sequence == bytes)
        }
    }
}
