import Foundation
import TestSupport
import Testing

@testable import Pipelined

@Suite("Frames on the control socket")
struct FrameTests {
    private func harness() throws -> (TopicHarness, RawClient) {
        let harness = try TopicHarness(.daemon)
        try harness.produce("{\"n\":1}\n{\"n\":2}\n", to: "t", "--schema", "n: bigint")
        return (harness, try connect(harness))
    }

    private func connect(_ harness: TopicHarness) throws -> RawClient {
        let path = try #require(harness.daemon?.socketPath)
        return try #require(RawClient(path))
    }

    private func line(_ method: String, _ params: JSONObject, id: JSONValue = 1) -> [UInt8] {
        ControlRequest(id: id, method: method, params: params).line
    }

    private let produce = ProduceRequest(topic: "t").params

    @Test("come in any packets, directly behind the request, and lines go on behind them")
    func packets() throws {
        let (harness, client) = try harness()
        defer { harness.close() }
        let row = Array("{\"n\":3}\n".utf8)
        let frames =
            row.flatMap { ControlFrame.head(1) + [$0] } + ControlFrame.head(row.count) + row
        let all = line("produce", produce) + frames + ControlFrame.head(0)
        for byte in all { client.send([byte]) }
        client.send(line("version", JSONObject(), id: 2))
        var lines: [String] = []
        // The second answer does not wait for the first.
        while lines.count(where: { $0.contains("\"result\"") }) < 2, let line = client.line() {
            lines.append(line)
        }
        #expect(lines.contains { $0.contains("\"ready\":true") }, "\(lines)")
        #expect(lines.contains { $0.contains("\"protocol\":1") }, "\(lines)")
        #expect(
            lines.contains { $0.contains("\"result\":{\"topic\":\"t\",\"rows\":2") }, "\(lines)")
        #expect(harness.run("consume", "t", "--from", "2").output == "{\"n\":3}\n{\"n\":3}\n")
    }

    @Test("that are too long end the connection")
    func tooLong() throws {
        let (harness, client) = try harness()
        defer { harness.close() }
        client.send(line("produce", produce) + ControlFrame.head(ControlProtocol.frameBytesMax + 1))
        var last = ""
        while let line = client.line(), !line.contains("too_large") { last = line }
        #expect(client.isClosed(), "\(last)")
        #expect(harness.run("consume", "t").output == "{\"n\":1}\n{\"n\":2}\n")
    }

    @Test("are not mixed with other requests of the connection")
    func mixed() throws {
        let (harness, client) = try harness()
        defer { harness.close() }
        let wait = JSONObject([
            ("name", "nothing"), ("for", "ready"), ("timeout_micros", 60_000_000),
        ])
        client.send(
            line("wait", wait, id: 5) + line("events", JSONObject([("follow", true)]), id: 6))
        client.send(line("produce", produce, id: 7))
        var answer = ""
        while let line = client.line() {
            guard line.contains("\"id\":7") else { continue }
            answer = line
            break
        }
        #expect(answer.contains("\"code\":\"busy\""), "\(answer)")
        let reader = try connect(harness)
        let follow = ConsumeRequest(topic: "t", isFollowing: true).params
        reader.send(line("consume", follow))
        #expect(reader.line()?.contains("\"frames\":true") == true)
        reader.send(line("version", JSONObject()))
        #expect(reader.isClosed())
    }

    @Test("are acknowledged although more could follow, and what is cut off is not taken")
    func pressed() throws {
        let (harness, client) = try harness()
        defer { harness.close() }
        let rows = Array("{\"n\":3}\n{\"n\":".utf8)
        client.send(line("produce", produce) + ControlFrame.head(rows.count) + rows)
        #expect(client.line()?.contains("\"ready\":true") == true)
        #expect(client.line()?.contains("\"rows\":1,\"bytes\":8,") == true)
        shutdown(client.descriptor, Int32(SHUT_RDWR))
        let deadline = Date().addingTimeInterval(5)
        while Date() < deadline, harness.daemon?.logs.producers(of: "t") ?? 0 > 0 { usleep(1000) }
        #expect(harness.daemon?.logs.producers(of: "t") == 0)
        #expect(harness.run("consume", "t", "--from", "2").output == "{\"n\":3}\n")
    }
}
