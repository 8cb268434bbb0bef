import Foundation
import TestSupport
import Testing

@testable import Pipelined

@Suite("Words for systemd")
struct ServiceNoticeTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder("notify") }

    @Test("reach a socket with a path and one with an abstract name")
    func addresses() throws {
        for name in [folder.path(of: "notify"), "@pipelined-test-\(UUID().uuidString)"] {
            let socket = try NotifySocket(name)
            ServiceNotice.send("READY=1", to: name)
            #expect(socket.next() == "READY=1", "\(name)")
        }
    }

    @Test("go nowhere where nobody asked, and where nobody listens")
    func silence() {
        for name in [nil, "", "notify", "unix:/x", "/nowhere/notify", "@nobody-is-here"] {
            ServiceNotice.send("READY=1", to: name)
        }
        ServiceNotice.send("READY=1", to: "/" + String(repeating: "x", count: 200))
    }

    private func pulse(_ socket: NotifySocket?, _ variables: [String: String]) -> ServicePulse {
        var all = variables
        all["NOTIFY_SOCKET"] = socket?.address
        return ServicePulse(environment: { all[$0] }, processID: 77, now: 0)
    }

    @Test(
        "the watchdog hears four times in its limit that the controller is alive, and not when it hangs"
    )
    func watchdog() throws {
        let socket = try NotifySocket(folder.path(of: "notify"))
        var pulse = pulse(socket, ["WATCHDOG_USEC": "8000000", "WATCHDOG_PID": "77"])
        #expect(pulse.limitMicros == 8_000_000)
        pulse.beat(now: 0, silentMicros: 10) { "1 of 2 pipelines ready" }
        #expect(socket.next() == "WATCHDOG=1\nSTATUS=1 of 2 pipelines ready")
        #expect(pulse.dueAt == 2_000_000)
        pulse.beat(now: 1_999_999, silentMicros: 10) { "not asked" }
        #expect(socket.next(within: 0) == nil)
        pulse.beat(now: 2_000_000, silentMicros: 3_999_999) { "1 of 2 pipelines ready" }
        #expect(socket.next() == "WATCHDOG=1")
        pulse.beat(now: 4_000_000, silentMicros: 4_000_000) { "1 of 2 pipelines ready" }
        #expect(socket.next(within: 0) == nil)
        pulse.beat(now: 6_000_000, silentMicros: 0) { "2 of 2 pipelines ready" }
        #expect(socket.next() == "WATCHDOG=1\nSTATUS=2 of 2 pipelines ready")
    }

    @Test("a watchdog of another process, or none, hears nothing")
    func noWatchdog() throws {
        let socket = try NotifySocket(folder.path(of: "notify"))
        for variables in [
            ["WATCHDOG_USEC": "8000000", "WATCHDOG_PID": "78"], ["WATCHDOG_USEC": "x"], [:],
        ] {
            var pulse = pulse(socket, variables)
            #expect(pulse.limitMicros == nil)
            pulse.beat(now: 0, silentMicros: 0) { "ready" }
            #expect(socket.next() == "STATUS=ready")
            #expect(pulse.dueAt == 10_000_000)
        }
        var silent = pulse(nil, ["WATCHDOG_USEC": "8000000"])
        #expect(silent.dueAt == .max)
        silent.beat(now: .max, silentMicros: 0) { "ready" }
    }

    @Test("a controller that is alive comes round again and again")
    func rounds() throws {
        let daemon = try TestDaemon(specs: ["a.yaml": "a 1"])
        defer { daemon.close() }
        try daemon.converge()
        #expect(daemon.controller.silentMicros < 30_000_000)
    }
}
