import Foundation
import TestSupport
import Testing

/// The daemon under a service manager, or as the first process of a container.
@Suite("As a service")
struct ServiceTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder("service") }

    private func spec(rate: Int) throws {
        try folder.write(
            """
            pipeline: numbers
            sources:
              ticks:
                generate: {rate: \(rate), columns: {n: sequence}}
                schema: {n: bigint}
            sinks:
              kept: {from: ticks, topic: numbers}
            settings: {checkpoint_interval: 10m}
            """, to: "specs/numbers.yaml")
    }

    private static let serve = ["serve", "--pipelines", "specs", "--state", "state"]

    @Test(
        "says when it is ready, reloads, stops and that it is alive; SIGTERM takes last checkpoints"
    )
    func notices() throws {
        try spec(rate: 1000)
        let socket = try NotifySocket(folder.path(of: "notify"))
        let program = try Program(
            Self.serve, in: folder,
            variables: ["NOTIFY_SOCKET": socket.address, "WATCHDOG_USEC": "2000000"])
        #expect(socket.next() == "READY=1", "\(program.errors)")
        #expect(socket.next(having: "WATCHDOG=1") != nil)
        #expect(socket.next(having: "STATUS=1 of 1 pipelines ready") != nil)
        try spec(rate: 2000)
        program.send(SIGHUP)
        let reloading = try #require(socket.next(having: "RELOADING=1"))
        #expect(reloading.wholeMatch(of: /RELOADING=1\nMONOTONIC_USEC=\d+/) != nil, "\(reloading)")
        #expect(socket.next(having: "READY=1") == "READY=1")
        let described = try Program.run(
            ["describe", "numbers", "-o", "json", "--socket", "state/control.sock"], in: folder)
        #expect(described.output.contains("\"generation\": 2"), "\(described.output)")
        program.send(SIGTERM)
        #expect(
            socket.next(having: "STOPPING=1") == "STOPPING=1\nSTATUS=taking last checkpoints")
        #expect(try program.ended().status == 0)
        // There was no checkpoint but the last ones.
        let numbers = try folder.topicRows("numbers").compactMap { $0["n"] as? Int }
        #expect(!numbers.isEmpty && numbers == Array(0..<numbers.count))
    }

    @Test("as the first process of a namespace it heeds SIGHUP, SIGTERM and SIGINT")
    func firstProcess() throws {
        try spec(rate: 1000)
        let isRoot = geteuid() == 0
        let words =
            (isRoot ? [] : ["--user", "--map-root-user"])
            + ["--pid", "--fork", "--mount-proc", "--kill-child", Program.path] + Self.serve
        for signal in [SIGTERM, SIGINT] {
            let outer = Process()
            outer.executableURL = URL(fileURLWithPath: "/usr/bin/unshare")
            outer.arguments = words
            outer.currentDirectoryURL = folder.url
            outer.standardInput = FileHandle.nullDevice
            let log = folder.path(of: "log")
            try folder.write("", to: "log")
            outer.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: log))
            try outer.run()
            func text() -> String { (try? folder.read("log")) ?? "" }
            let isThere = eventually(within: 20) {
                text().contains("msg=serving") || !outer.isRunning
            }
            guard outer.isRunning else {
                // Namespaces are not to be had everywhere.
                #expect(text().contains("unshare"), "\(text())")
                return
            }
            #expect(isThere)
            let pid = outer.processIdentifier
            let children = try String(
                contentsOfFile: "/proc/\(pid)/task/\(pid)/children", encoding: .utf8)
            let inner = try #require(Int32(children.split(separator: " ").first ?? ""))
            #expect(try folder.read("state/LOCK") == "1\n")
            kill(inner, SIGHUP)
            #expect(eventually(within: 20) { text().contains("reloading, as SIGHUP asks") })
            kill(inner, signal)
            #expect(eventually(within: 20) { !outer.isRunning })
            outer.waitUntilExit()
            #expect(outer.terminationStatus == 0, "\(text())")
            #expect(text().contains("msg=stopped"))
        }
    }
}
