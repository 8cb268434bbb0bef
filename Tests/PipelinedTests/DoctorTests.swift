import Foundation
import Store
import TestSupport
import Testing

@testable import Pipelined

@Suite("Doctor")
struct DoctorTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder("doctor") }

    private static func disk(_ change: (inout DiskFacts) -> Void = { _ in }) -> DiskFacts {
        var facts = DiskFacts(path: "/s", parent: "/")
        facts.isThere = true
        facts.isFolder = true
        facts.isEmpty = false
        facts.isWritable = true
        facts.mode = 0o700
        facts.availableBytes = 50 << 30
        facts.totalBytes = 100 << 30
        facts.availableInodes = 1000
        facts.totalInodes = 2000
        facts.fileSystem = 0xef53
        change(&facts)
        return facts
    }

    private func expect(
        _ finding: Finding, _ level: Finding.Level, _ text: String = "",
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(finding.level == level, "\(finding)", sourceLocation: sourceLocation)
        #expect(
            text.isEmpty || finding.text.contains(text), "\(finding)",
            sourceLocation: sourceLocation)
        #expect((finding.remedy == nil) == (level == .ok), sourceLocation: sourceLocation)
    }

    @Test("judges the state directory")
    func state() {
        expect(DiskChecks.folder(Self.disk()), .ok, "/s, nobody holds it")
        expect(DiskChecks.folder(Self.disk { $0.holder = 7 }), .ok, "process 7 holds it")
        expect(DiskChecks.folder(Self.disk { $0.mode = 0o755 }), .warning, "mode 755")
        expect(DiskChecks.folder(Self.disk { $0.isFolder = false }), .problem, "no folder")
        expect(DiskChecks.folder(Self.disk { $0.isRestoring = true }), .problem, "interrupted")
        expect(
            DiskChecks.folder(Self.disk { $0.isWritable = false }), .problem, "cannot be written")
        expect(DiskChecks.folder(Self.disk { $0.isThere = false }), .ok, "not there yet")
        let nowhere = Self.disk {
            $0.isThere = false
            $0.isWritable = false
        }
        expect(DiskChecks.folder(nowhere), .problem, "/ cannot be written")
    }

    @Test("judges room, file system and the age of the last backup")
    func room() {
        expect(DiskChecks.room(Self.disk()), .ok, "50.0 GiB of 100 GiB left")
        expect(DiskChecks.room(Self.disk { $0.availableBytes = 31 << 20 }), .problem, "31.0 MiB")
        expect(DiskChecks.room(Self.disk { $0.availableBytes = 9 << 30 }), .warning)
        expect(DiskChecks.room(Self.disk { $0.availableInodes = 19 }), .warning, "19 of 2000")
        expect(DiskChecks.fileSystem(Self.disk()), .ok, "ext4")
        for (kind, level, text) in [
            (Int64(0x0102_1994), Finding.Level.problem, "tmpfs"),
            (0x794c_7630, .warning, "overlay"),
            (0x6969, .warning, "NFS"), (0xff53_4d42, .warning, "SMB"),
            (0x5846_5342, .ok, "xfs"), (0x1234, .ok, "0x1234"),
        ] {
            expect(DiskChecks.fileSystem(Self.disk { $0.fileSystem = kind }), level, text)
        }
        let day: Int64 = 86_400_000_000
        expect(DiskChecks.backup(Self.disk(), now: 0), .warning, "none was ever taken")
        expect(DiskChecks.backup(Self.disk { $0.isEmpty = true }, now: 0), .ok)
        let noted = Self.disk { $0.lastBackupAt = day }
        expect(DiskChecks.backup(noted, now: 3 * day), .ok, "2d old")
        expect(DiskChecks.backup(noted, now: 9 * day), .warning, "8d old")
    }

    @Test("finds who holds a lock without taking it")
    func locks() throws {
        let state = try StateDirectory.open(
            path: folder.path(of: "state"), fileSystem: SystemFileSystem(), reserveBytes: 4096)
        let facts = DiskFacts.read(folder.path(of: "state"))
        #expect(facts.holder == nil || facts.holder == getpid())
        state.close()
        #expect(DiskFacts.read(folder.path(of: "state")).holder == nil)
        let text = """
            1: POSIX  ADVISORY  WRITE 3568 fd:00:2531452 0 EOF
            2: FLOCK  ADVISORY  WRITE 4711 fd:01:42 0 EOF
            2: -> FLOCK  ADVISORY  WRITE 4712 fd:01:42 0 EOF
            """
        #expect(FileLocks.holder(in: text, device: 0xfd01, inode: 42) == 4711)
        #expect(FileLocks.holder(in: text, device: 0xfd00, inode: 42) == nil)
        #expect(FileLocks.holder(in: "x\n1: FLOCK", device: 1, inode: 1) == nil)
    }

    @Test("judges how long the disk takes to sync")
    func sync() {
        expect(SyncLatency.judge([300, 200, 400, 900]), .ok, "p50 0.40 ms, p99 0.90 ms")
        expect(SyncLatency.judge([2, 1, 3]), .warning, "too fast for a disk")
        expect(SyncLatency.judge([30_000, 21_000, 25_000]), .warning, "p50 25.00 ms")
        expect(SyncLatency.judge(Array(repeating: 900, count: 50) + [300_000]), .warning)
        expect(
            SyncLatency.check(folder: folder.path(of: "nowhere")), .warning, "cannot be measured")
        let measured = SyncLatency.check(folder: folder.path)
        #expect(measured.text.contains("8 KiB appended and synced"))
        #expect((try? SystemFileSystem().list(folder.path)) == [])
    }

    @Test("judges the daemon that answers against this program and the state's lock")
    func daemon() throws {
        expect(DaemonChecks.daemon(DaemonFacts(), stateHolder: nil), .ok, "none runs")
        expect(DaemonChecks.daemon(DaemonFacts(), stateHolder: 9), .problem, "process 9 holds")
        var facts = DaemonFacts(
            socket: "/x", version: PipelinedVersion.current,
            protocolVersion: ControlProtocol.version, process: 9, pipelineCount: 3)
        expect(DaemonChecks.daemon(facts, stateHolder: 9), .ok, "3 pipelines")
        expect(DaemonChecks.daemon(facts, stateHolder: 8), .problem, "process 8 holds")
        facts.unready = ["a", "b", "c", "d"]
        expect(DaemonChecks.daemon(facts, stateHolder: 9), .warning, "a, b, c and 1 more")
        facts.version = "0.0.9"
        expect(DaemonChecks.daemon(facts, stateHolder: 9), .warning, "version 0.0.9 runs")
        facts.failure = "it is silent"
        expect(DaemonChecks.daemon(facts, stateHolder: 9), .problem, "it is silent")
        let real = try TestDaemon(specs: ["a.yaml": "a 1"])
        defer { real.close() }
        try real.converge()
        let asked = DaemonFacts.ask(["/nowhere", real.socketPath])
        #expect(asked.version == PipelinedVersion.current && asked.pipelineCount == 1)
        #expect(asked.stateFolder == ".pipelined" && asked.failure == nil)
        expect(DaemonChecks.crash(nil), .ok)
        let note = CrashNote(signal: 11, pipeline: "views", epoch: 3)
        expect(DaemonChecks.crash(note), .warning, "signal 11 while pipeline 'views'")
    }

    @Test("judges limits, as the system's files have them")
    func limits() throws {
        for (name, text) in [
            (
                "proc/7/limits",
                "Limit  Soft  Hard\nMax core file size  0  unlimited  bytes\n"
                    + "Max open files            1024                 4096                 files\n"
            ),
            ("proc/7/cgroup", "0::/system.slice/pipelined.service\n"),
            ("proc/meminfo", "MemTotal:        8000000 kB\nMemFree: 1 kB\n"),
            ("proc/sys/fs/inotify/max_user_watches", "8192\n"),
            ("proc/sys/fs/inotify/max_user_instances", "8\n"),
            ("proc/sys/kernel/core_pattern", "core\n"),
            ("sys/fs/cgroup/system.slice/memory.max", "104857600\n"),
            ("sys/fs/cgroup/system.slice/pipelined.service/memory.max", "max\n"),
            ("sys/fs/cgroup/system.slice/pipelined.service/cpu.max", "20000 100000\n"),
        ] { try folder.write(text, to: name) }
        var facts = LimitFacts.read(process: 7, root: folder.path)
        #expect(facts.descriptorsMax == 4096 && facts.coreLimit == 0)
        expect(LimitChecks.descriptors(facts, specCount: 600), .ok, "600 specs take about 3728")
        expect(LimitChecks.descriptors(facts, specCount: 700), .problem)
        facts.watchFailure = nil
        expect(LimitChecks.watches(facts), .warning, "8 instances and 8192 watches")
        facts.watchFailure = EMFILE
        expect(LimitChecks.watches(facts), .warning, "Too many open files")
        expect(LimitChecks.memory(facts), .warning, "limited to 100 MiB of 7.63 GiB")
        facts.memoryMax = nil
        expect(LimitChecks.memory(facts), .ok)
        expect(LimitChecks.processors(facts), .warning, "limited to 0.20")
        facts.coresMax = 2
        facts.hasFastChecksums = false
        expect(LimitChecks.processors(facts), .warning, "without an instruction")
        expect(LimitChecks.cores(facts), .ok, "not kept")
        #expect(LimitFacts.read(process: 7, root: "/nowhere").descriptorsMax == .max)
    }

    @Test("judges clock, specs, git, time zones and what systemd was to make")
    func others() {
        let now: Int64 = 1_800_000_000_000_000
        func clock(_ isSynchronised: Bool, _ micros: Int64, now: Int64 = now) -> Finding {
            ClockCheck.check(
                ClockFacts(
                    isSynchronised: isSynchronised, errorMicrosMax: micros, nowMicros: now,
                    isKnown: true))
        }
        expect(clock(true, 20_000), .ok, "20 ms off at most")
        expect(clock(true, 2_000_000), .warning)
        expect(clock(false, 0), .warning, "not synchronised")
        expect(clock(true, 0, now: 0), .problem, "1970-01-01")
        var specs = SpecFacts(path: "p", isFolder: true, fileCount: 2, pipelineCount: 1)
        specs.mode = 0o755
        expect(SpecChecks.specs(specs), .ok, "2 files, 1 sound pipeline")
        specs.mode = 0o777
        expect(SpecChecks.specs(specs), .warning, "everybody may write")
        specs.errorCount = 1
        specs.firstProblem = "it is broken"
        expect(SpecChecks.specs(specs), .problem, "1 error: it is broken")
        expect(SpecChecks.specs(SpecFacts(path: "p")), .problem, "no folder p")
        let nothing = ProgramFacts.read(root: "/nowhere") { ["STATE_DIRECTORY": "/gone"][$0] }
        expect(ProgramChecks.zones(nothing), .warning)
        expect(ProgramChecks.systemd(nothing), .problem, "/gone")
        expect(ProgramChecks.git(ProgramFacts(git: nil)), .warning)
        expect(ProgramChecks.git(ProgramFacts(git: "/usr/bin/git")), .ok)
    }

    @Test("exits with 1 for a problem and with 0 for warnings, as text and as JSON")
    func command() throws {
        let daemon = try TestDaemon(specs: ["a.yaml": "a 1"])
        defer { daemon.close() }
        try folder.write("pipeline: a\nsources: {}\n", to: "specs/a.yaml")
        let state = folder.path(of: "state")
        let words = ["doctor", "--state", state, "--pipelines", folder.path(of: "specs")]
        func run(_ more: [String] = []) -> (Pipelined.ExitStatus, String) {
            let terminal = Terminal(capturing: ())
            let all = words + ["--socket", daemon.socketPath] + more
            return (CommandLineProgram.run(all, terminal: terminal), terminal.output)
        }
        let (status, text) = run()
        #expect(status == .failed)
        #expect(text.contains("-> pipelined validate"))
        let (_, json) = run(["-o", "json"])
        let answer = try JSONParser.parse(Array(json.utf8))
        #expect(answer["problems"]?.integer ?? 0 >= 1)
        #expect(answer["checks"]?.array?.count == 17)
        try folder.write("", to: "specs/a.yaml")
        let findings: [Finding] = [
            .ok("state", "/s"), .warning("clock", "not synchronised", "run a time service"),
            .problem("specs", "1 error", "pipelined validate"),
        ]
        expectGolden(findings.rendered(Terminal(capturing: ())) + "\n", "doctor.txt")
    }
}
