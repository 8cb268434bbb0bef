import Glibc

extension Command {
    static let doctor = Command(
        name: "doctor", group: .operate, summary: "look for what commonly goes wrong",
        flags: [
            Flag(
                name: "state", value: .folder("DIR"), summary: "the state directory",
                defaultText: "the daemon's, or what 'serve' would take"),
            Flag(
                name: "pipelines", value: .folder("DIR"), summary: "the directory of specs",
                defaultText: "the daemon's, or what 'serve' would take"),
            .allowPath, .format(), .socket,
        ],
        notes: """
            Looks at the state directory and its disk, limits of the system, the clock, the daemon that
            answers, and the specs. It changes nothing, but for a temporary file by which it measures how
            long the disk takes to sync. Exits with 1 when there is a problem; warnings are none. Run it
            as the user that the daemon runs as.
            """,
        examples: [
            Example("pipelined doctor", "before the first start, and when something is odd"),
            Example("pipelined doctor -o json", "for a deploy job"),
        ]
    ) { invocation, terminal in
        let findings = Doctor(invocation).findings()
        terminal.print(invocation.isJSON ? findings.json.indented : findings.rendered(terminal))
        return findings.contains { $0.level == .problem } ? .failed : .done
    }
}

/// Looks for what commonly goes wrong.
struct Doctor {
    private let state: String
    private let pipelines: String
    private let daemon: DaemonFacts
    private let invocation: Invocation

    /// Finds out what is meant: by the flags, or the daemon that answers, or as `serve` would.
    init(_ invocation: Invocation) {
        self.invocation = invocation
        daemon = DaemonFacts.ask(DaemonClient.candidates(invocation))
        var configuration = ServeConfiguration()
        if let bytes = SmallFile.read("pipelined.yaml", bytesMax: 1 << 20) {
            // What is wrong with it is for 'serve' to say.
            _ = configuration.take(yaml: bytes, path: "pipelined.yaml")
        }
        configuration.take(invocation)
        func folder(_ flag: String, _ running: String?, _ usual: String) -> String {
            if invocation.isSet(flag) { return usual }
            // A relative one is relative to the daemon's working directory.
            guard let running, running.hasPrefix("/") else { return usual }
            return running
        }
        state = folder("state", daemon.stateFolder, configuration.state)
        pipelines = folder("pipelines", daemon.pipelinesFolder, configuration.pipelines)
    }

    func findings() -> [Finding] {
        let specs = SpecFacts.read(pipelines, invocation)
        let disk = DiskFacts.read(state)
        let holder = disk.holder
        var findings = DiskChecks.all(disk, now: wallMicros())
        findings.append(SyncLatency.check(folder: disk.isThere ? state : disk.parent))
        findings.append(DaemonChecks.daemon(daemon, stateHolder: holder))
        findings.append(DaemonChecks.crash(CrashNote.read(stateDirectory: state)))
        findings += SpecChecks.all(specs)
        findings += LimitChecks.all(LimitFacts.read(process: holder), specCount: specs.fileCount)
        findings.append(ClockCheck.check(ClockFacts.read()))
        findings += ProgramChecks.all(ProgramFacts.read())
        return findings
    }
}
