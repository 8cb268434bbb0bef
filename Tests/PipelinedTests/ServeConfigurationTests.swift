import Config
import Foundation
import Glibc
import Testing

@testable import Pipelined

@Suite("Settings, log and notes of the daemon")
struct ServeConfigurationTests {
    @Test("flags go before pipelined.yaml, and that before what is usual")
    func order() {
        var configuration = ServeConfiguration { _ in nil }
        #expect(configuration.pipelines == "pipelines")
        #expect(configuration.socketPath == "./.pipelined/control.sock")
        let yaml = """
            pipelines: /etc/pipelined
            allow_path: [/var/log, /srv]
            log_format: json
            state_retention: 1d
            allow_empty: true
            """
        #expect(configuration.take(yaml: Array(yaml.utf8), path: "pipelined.yaml").isEmpty)
        var invocation = Invocation(command: "serve")
        invocation.values = ["pipelines": ["here"], "allow-path": ["/opt"]]
        configuration.take(invocation)
        #expect(configuration.pipelines == "here")
        #expect(configuration.allowedPaths == ["/var/log", "/srv", "/opt"])
        #expect(configuration.logFormat == .json)
        #expect(configuration.stateRetentionMicros == 86_400_000_000)
        #expect(configuration.allowEmpty)
    }

    @Test("a repository to follow comes from the file or from flags, which go before it")
    func git() {
        let yaml = "git: {url: u, branch: b, path: ./p/, interval: 5m, verify_signatures: true}"
        func configuration(_ values: [String: [String]]) -> (ServeConfiguration, String?) {
            var configuration = ServeConfiguration { _ in nil }
            #expect(configuration.take(yaml: Array(yaml.utf8), path: "pipelined.yaml").isEmpty)
            var invocation = Invocation(command: "serve")
            invocation.values = values
            configuration.take(invocation)
            return (configuration, configuration.gitProblem(invocation))
        }
        var expected = GitSource(url: "u", branch: "b", path: "p", intervalMicros: 300_000_000)
        expected.verifiesSignatures = true
        #expect(configuration([:]).0.git == expected)
        #expect(configuration(["git": ["other"]]).0.git == GitSource(url: "other"))
        expected.branch = "c"
        #expect(configuration(["branch": ["c"]]).0.git == expected)
        // Who names a directory wants that one.
        #expect(configuration(["pipelines": ["here"]]).0.git == nil)
        for (values, problem) in [
            (["pipelines": ["a"], "git": ["u"]], "'--git' and '--pipelines' exclude each other"),
            (["pipelines": ["a"], "path": ["u"]], "'--path' is about a repository"),
            (["git": ["-u"]], "'--git' cannot be followed: it begins with '-'"),
            (["branch": ["-u"]], "'--branch' is wrong: it is no name of a branch"),
            (["path": ["/u"]], "'--path' is a folder below the root of the repository"),
            (["interval": ["1ms"]], "'--interval' is at least 1s"),
        ] { #expect(configuration(values).1?.hasPrefix(problem) == true, "\(values)") }
        #expect(configuration(["git": ["u"], "path": ["."], "interval": ["1s"]]).1 == nil)
    }

    @Test("systemd says where state and socket lie")
    func systemd() {
        let configuration = ServeConfiguration { name in
            ["STATE_DIRECTORY": "/var/lib/p:/var/lib/q", "RUNTIME_DIRECTORY": "/run/p"][name]
        }
        #expect(configuration.state == "/var/lib/p")
        #expect(configuration.socketPath == "/run/p/control.sock")
    }

    @Test(
        "a mistake in pipelined.yaml is placed, and nothing of the file is taken",
        arguments: [
            ("pipelines: a\nstat: b\n", 2, "unknown key 'stat'"),
            ("log_format: xml\n", 1, "'log_format' is logfmt or json"),
            ("allow_empty: yes\n", 1, "'allow_empty' is true or false"),
            ("state_retention: 5\n", 1, "'state_retention' is a duration, such as 7d"),
            ("allow_path: /srv\n", 1, "'allow_path' is a list of folders"),
            ("pipelines:\n", 1, "'pipelines' needs a value"),
            ("- a\n", 1, "pipelined.yaml is a mapping"),
            ("git: specs.git\n", 1, "'git' is a mapping with 'url'"),
            ("git:\n  branch: main\n", 1, "'git' needs 'url'"),
            ("git:\n  url: x\n  brnch: main\n", 3, "unknown key 'brnch' of 'git'"),
            (
                "git: {url: 'ext::sh -c id'}\n", 1,
                "'git.url' cannot be followed: transports that "
                    + "run a program are not allowed"
            ),
            ("git: {url: x, branch: -b}\n", 1, "'git.branch' is wrong: it is no name of a branch"),
            (
                "git: {url: x, path: ../y}\n", 1,
                "'git.path' is a folder below the root of the "
                    + "repository"
            ),
            (
                "git: {url: x, interval: 5}\n", 1,
                "'git.interval' is a duration of at least 1s, "
                    + "such as 30s"
            ),
            (
                "git: {url: x, interval: 10ms}\n", 1,
                "'git.interval' is a duration of at least 1s, "
                    + "such as 30s"
            ),
            (
                "git: {url: x, verify_signatures: 1}\n", 1,
                "'git.verify_signatures' is true or "
                    + "false"
            ),
        ])
    func mistakes(_ yaml: String, _ line: Int, _ message: String) {
        var configuration = ServeConfiguration { _ in nil }
        let before = configuration
        let problems = configuration.take(yaml: Array(yaml.utf8), path: "pipelined.yaml")
        #expect(problems.map(\.message) == [message])
        #expect(problems.first?.location?.line == line)
        #expect(configuration == before)
    }

    @Test("log lines quote what needs it")
    func log() {
        let fields = [("pipeline", "a"), ("error", "it \"broke\" =\n"), ("empty", "")]
        #expect(
            Log.text(.logfmt, "T", .info, "two words", fields)
                == "time=T level=info msg=\"two words\" pipeline=a "
                + "error=\"it \\\"broke\\\" =\\n\" empty=\"\"")
        #expect(
            Log.text(.json, "T", .warning, "m", [("k", "v")])
                == "{\"time\":\"T\",\"level\":\"warning\",\"message\":\"m\",\"k\":\"v\"}")
    }

    @Test("the note of a fatal signal is read, and nonsense is not")
    func crashNote() {
        #expect(
            CrashNote.parse("fatal signal=11 pipeline=clicks epoch=7\n")
                == CrashNote(signal: 11, pipeline: "clicks", epoch: 7))
        #expect(
            CrashNote.parse("fatal signal=6\n") == CrashNote(signal: 6, pipeline: nil, epoch: nil))
        for text in ["", "fatal", "fatal pipeline=a", "signal=11", "\n"] {
            #expect(CrashNote.parse(text) == nil)
        }
    }

    @Test("the catalog's record is read back as it was written, and foreign bytes are refused")
    func record() {
        var record = CatalogRecord()
        record.folder = "specs"
        record.file = "a.yaml"
        record.bytes = Array("pipeline: \"é\"\n".utf8)
        record.generation = 3
        record.digest = "abc"
        record.stateMeaning = PipelineMeaning(
            digest: "abc",
            nodes: [
                NodeMeaning(
                    name: "counts", kind: .step, isStateful: true, fingerprint: "ff", own: "0f")
            ])
        let spec = StoredSpec(
            file: "a.yaml", bytes: [97], digest: "d", generation: 2, revision: "0123abc")
        record.applied = spec
        record.previous = spec
        record.takeover = .init(meaning: PipelineMeaning(digest: "e", nodes: []), spec: spec)
        record.pin = .init(digest: "abc", spec: spec)
        record.pausedBy = "root"
        record.pausedAt = 7
        record.approvedPlan = "0a1b"
        record.applies = [
            AppliedChange(
                at: 1, micros: 2, generation: 3, revision: nil, result: .rolledBack, message: "m")
        ]
        record.isStateStale = true
        record.removedAt = 5
        record.deathCount = 1
        record.diedAt = 6
        #expect(CatalogRecord(record.encoded) == record)
        #expect(CatalogRecord(CatalogRecord().encoded) == CatalogRecord())
        #expect(CatalogRecord([]) == nil)
        // The first format knew the stateful nodes alone, and one text.
        let first = """
            {"format":1,"folder":"specs","file":"a.yaml","spec":"x","generation":3,"digest":"abc",\
            "state":{"digest":"abc","nodes":[["counts","ff"]]}}
            """
        let old = CatalogRecord(Array(first.utf8))
        #expect(old?.stateMeaning?["counts"]?.fingerprint == "ff")
        #expect(old?.applied?.generation == 3)
        let newer = first.replacingOccurrences(of: "\"format\":1", with: "\"format\":3")
        #expect(CatalogRecord(Array(newer.utf8)) == nil)
        #expect(CatalogRecord(Array("{\"format\":2}".utf8)) == nil)
    }

    @Test("the service manager is told over its socket")
    func notify() throws {
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let name = "@pipelined-test-\(getpid())"
        var path = Array(name.utf8)
        path[0] = 0
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
        let length = socklen_t(2 + path.count)
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) }
        }
        #expect(bound == 0)
        ServiceNotice.send("READY=1", to: name)
        var buffer = [UInt8](repeating: 0, count: 64)
        let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        #expect(count == 7)
        #expect(String(decoding: buffer.prefix(7), as: UTF8.self) == "READY=1")
        ServiceNotice.send("READY=1", to: "relative")
        ServiceNotice.send("READY=1", to: nil)
    }
}
