import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Pipelined

@Suite("Control socket")
struct ControlServerTests {
    private func request(_ method: String, _ params: JSONObject = JSONObject(), id: JSONValue = 1)
        -> [UInt8]
    {
        ControlRequest(id: id, method: method, params: params).line
    }

    @Test("is private to its user, and a socket left behind is replaced only under the lock")
    func socket() throws {
        let folder = try TemporaryFolder("socket")
        let path = folder.path(of: "control.sock")
        let first = try ControlSocket.listen(at: path, isGuarded: false)
        var status = stat()
        #expect(lstat(path, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600)
        #expect(throws: ControlFailure.self) {
            try ControlSocket.listen(at: path, isGuarded: false)
        }
        first.close()
        #expect(lstat(path, &status) != 0)
        // A daemon that died leaves its socket and gives up its lock.
        let dead = try ControlSocket.listen(at: path, isGuarded: true)
        let next = try ControlSocket.listen(at: path, isGuarded: false)
        dead.close()
        #expect(ControlSocket.connect(to: path).map { close($0) } == 0)
        next.close()
        try folder.write("precious", to: "file")
        #expect(throws: ControlFailure.self) {
            try ControlSocket.listen(at: folder.path(of: "file"), isGuarded: true)
        }
        #expect(try folder.read("file") == "precious")
    }

    @Test("lies at a path that is longer than a socket's address can be")
    func longPath() throws {
        let folder = try TemporaryFolder("socket")
        let deep = folder.path + "/" + String(repeating: "d", count: 120)
        let socket = try ControlSocket.listen(at: deep + "/control.sock", isGuarded: true)
        #expect(ControlSocket.connect(to: deep + "/control.sock").map { close($0) } == 0)
        socket.close()
    }

    @Test("refuses a folder in which others may replace the socket")
    func openFolder() throws {
        let folder = try TemporaryFolder("socket")
        chmod(folder.path, 0o777)
        #expect(throws: ControlFailure.self) {
            try ControlSocket.listen(at: folder.path(of: "control.sock"), isGuarded: false)
        }
    }

    @Test(
        "answers what it cannot take with an error, and goes on",
        arguments: [
            ("nonsense", "bad_request"), ("[]", "bad_request"), ("{}", "unsupported_version"),
            ("{\"v\":2,\"method\":\"status\"}", "unsupported_version"),
            ("{\"v\":1}", "bad_request"), ("{\"v\":1,\"method\":7}", "bad_request"),
            ("{\"v\":1,\"method\":\"statsu\"}", "unknown_method"),
            ("{\"v\":1,\"method\":\"status\",\"params\":[]}", "bad_request"),
            ("{\"v\":1,\"method\":\"status\",\"params\":{\"x\":1}}", "bad_request"),
            ("{\"v\":1,\"method\":\"status\",\"extra\":1}", "bad_request"),
            ("{\"v\":1,\"id\":{},\"method\":\"status\"}", "bad_request"),
            ("{\"v\":1,\"method\":\"describe\"}", "bad_request"),
            ("{\"v\":1,\"method\":\"describe\",\"params\":{\"name\":\"x\"}}", "not_found"),
            (
                "{\"v\":1,\"method\":\"reset\",\"params\":{\"name\":\"x\",\"output\":\"forget\"}}",
                "bad_request"
            ),
            ("{\"v\":1,\"method\":\"wait\",\"params\":{\"for\":\"godot\"}}", "bad_request"),
        ])
    func badRequests(_ line: String, _ code: String) throws {
        let daemon = try TestDaemon()
        defer { daemon.close() }
        let client = try #require(RawClient(daemon.socketPath))
        client.send(Array((line + "\n").utf8))
        let answer = try #require(client.line())
        #expect(answer.contains("\"error\":{\"code\":\"\(code)\""), "\(answer)")
        client.send(request("version"))
        #expect(client.line()?.contains("\"protocol\":1") == true)
    }

    @Test("several requests in one packet, and one in many, are answered in order")
    func packets() throws {
        let daemon = try TestDaemon()
        defer { daemon.close() }
        let client = try #require(RawClient(daemon.socketPath))
        client.send((1...5).flatMap { request("version", id: .integer($0)) })
        for id in 1...5 { #expect(client.line()?.hasPrefix("{\"v\":1,\"id\":\(id),") == true) }
        for byte in request("version", id: "slow") { client.send([byte]) }
        #expect(client.line()?.hasPrefix("{\"v\":1,\"id\":\"slow\",") == true)
        // A client may close its side and still read.
        client.send(request("version", id: 9))
        shutdown(client.descriptor, Int32(SHUT_WR))
        #expect(client.line()?.hasPrefix("{\"v\":1,\"id\":9,") == true)
        #expect(client.isClosed())
    }

    @Test("a request that is too long is refused and the client dropped")
    func oversized() throws {
        let daemon = try TestDaemon()
        defer { daemon.close() }
        let client = try #require(RawClient(daemon.socketPath))
        client.send([UInt8](repeating: UInt8(ascii: "x"), count: 70_000))
        #expect(client.line()?.contains("too_large") == true)
        #expect(client.isClosed())
        #expect(daemon.run("version").status == .usage)
        #expect(daemon.run("status").status == .done)
    }

    @Test("a client that never reads is dropped, and others notice nothing")
    func neverReads() throws {
        var limits = ControlLimits()
        limits.stallMicrosMax = 200_000
        limits.streamBacklogBytesMax = 64 << 10
        let daemon = try TestDaemon(limits: limits, specs: ["a.yaml": "a 1"])
        defer { daemon.close() }
        try daemon.converge()
        let lazy = try #require(RawClient(daemon.socketPath))
        lazy.send(request("tap", JSONObject([("name", "a"), ("node", "views")])))
        let pipeline = try #require(daemon.engine.state.withLock { $0.running["a"] })
        let row = "{\"x\":\"" + String(repeating: "y", count: 1000) + "\"}"
        // More than the socket and the queue hold; the lane is never blocked.
        let deadline = Date().addingTimeInterval(10)
        while Date() < deadline, pipeline.tapCount == 0 { usleep(1000) }
        for _ in 0..<2000 { pipeline.emit(row) }
        #expect(daemon.run("status").status == .done)
        while Date() < deadline, pipeline.tapCount > 0 {
            pipeline.emit(row)
            usleep(10_000)
        }
        #expect(pipeline.tapCount == 0, "the tap is still open")
    }

    @Test("an unfinished request and an idle connection end after their time")
    func slowClients() throws {
        var limits = ControlLimits()
        limits.stallMicrosMax = 100_000
        limits.idleMicrosMax = 200_000
        let daemon = try TestDaemon(limits: limits)
        defer { daemon.close() }
        let slow = try #require(RawClient(daemon.socketPath))
        slow.send(Array("{\"v\":1,".utf8))
        let idle = try #require(RawClient(daemon.socketPath))
        #expect(slow.isClosed())
        #expect(idle.isClosed())
    }

    @Test("a thousand connects: those beyond the limit are turned away with a reason")
    func thousandConnects() throws {
        let daemon = try TestDaemon()
        defer { daemon.close() }
        var clients: [RawClient] = []
        for _ in 0..<200 {
            if let client = RawClient(daemon.socketPath) { clients.append(client) }
        }
        let refused = clients.suffix(100).filter { $0.line()?.contains("\"busy\"") == true }
        #expect(refused.count == 100)
        clients = []
        for _ in 0..<800 { _ = RawClient(daemon.socketPath) }
        var status = Pipelined.ExitStatus.failed
        for _ in 0..<100 where status != .done { status = daemon.run("status").status }
        #expect(status == .done)
    }

    @Test("garbage of every kind leaves the daemon answering", arguments: 0..<4)
    func garbage(_ round: UInt64) throws {
        let seed = testSeed &+ round
        var random = SeededRandom(seed: seed)
        let daemon = try TestDaemon(specs: ["a.yaml": "a 1"])
        defer { daemon.close() }
        let methods = ControlMethod.all.map(\.name) + ["", "x"]
        for _ in 0..<100 {
            guard let client = RawClient(daemon.socketPath) else { continue }
            var bytes: [UInt8] = []
            for _ in 0..<Int.random(in: 1..<6, using: &random) {
                switch Int.random(in: 0..<3, using: &random) {
                case 0:
                    bytes += (0..<Int.random(in: 0..<300, using: &random)).map { _ in
                        UInt8.random(in: 0...255, using: &random)
                    }
                case 1:
                    let method = methods.randomElement(using: &random) ?? ""
                    let keys = ["name", "for", "node", "watch", "follow", "limit", "output", "z"]
                    let values: [JSONValue] = [
                        "a", 1, true, .null, [], [:], "views", -1, "keep", 0,
                    ]
                    var params = JSONObject()
                    for key in keys.shuffled(using: &random).prefix(3) {
                        params[key] = values.randomElement(using: &random)
                    }
                    bytes += request(method, params)
                default:
                    var line = request("status")
                    let index = Int.random(in: 0..<line.count, using: &random)
                    line[index] = UInt8.random(in: 0...255, using: &random)
                    bytes += line
                }
            }
            client.send(bytes)
        }
        var status = Pipelined.ExitStatus.failed
        for _ in 0..<100 where status != .done { status = daemon.run("status").status }
        #expect(status == .done, "seed \(seed)")
    }
}
