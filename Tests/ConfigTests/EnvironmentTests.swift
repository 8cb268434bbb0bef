import Config
import Foundation
import Operators
import TestSupport
import Testing

private func spec(path: String, parameters: String = "{}") -> String {
    """
    pipeline: test
    parameters: \(parameters)
    sources:
      s: {file: {path: "\(path)"}, format: json, schema: {n: bigint}}
    sinks:
      out: {from: s, stdout: {}, format: json}
    """
}

private func path(_ result: LoadResult) -> String? {
    guard case .file(let options)? = result.pipelines.first?.sources.first?.connector else {
        return nil
    }
    return options.path
}

@Suite("What a spec sees of its machine")
struct EnvironmentTests {
    @Test(
        "puts variables into text",
        arguments: [
            ("${DIR}/a.json", "data/a.json"), ("${NONE:-b}.json", "b.json"),
            ("${EMPTY:-b}.json", "b.json"), ("${DIR}${DIR}", "datadata"), ("$${DIR}", "${DIR}"),
            ("$DIR", "$DIR"), ("${INNER}", "${DIR}"), ("x${NONE:-}", "x"),
        ])
    func variables(_ written: String, _ expected: String) {
        let result = load(
            spec(path: written),
            loader(variables: ["DIR": "data", "EMPTY": "", "INNER": "${DIR}"]))
        #expect(path(result) == expected)
    }

    @Test("keeps what is written beside what it stands for")
    func written() throws {
        let result = load(spec(path: "${DIR}/a.json"), loader(variables: ["DIR": "data"]))
        let connector = try #require(result.pipelines.first?.sources.first?.connector)
        #expect(
            connector
                == .file(
                    FileSourceOptions(
                        path: "data/a.json", isFollowed: false, writtenPath: "${DIR}/a.json")))
    }

    @Test("fails a pipeline for an unset variable, or notes it where nothing is to run")
    func unset() {
        let strict = load(spec(path: "${NONE}/a.json"))
        #expect(strict.diagnostics.map(\.severity) == [.error])
        #expect(strict.failed.map(\.name) == ["test"])
        let lenient = load(spec(path: "${NONE}/a.json"), loader(isStrict: false))
        #expect(lenient.diagnostics.map(\.severity) == [.note])
    }

    @Test("reads secrets from allowed files and never prints them")
    func secrets() throws {
        let folder = try TemporaryFolder()
        try folder.write("hunter2\n", to: "secret")
        try folder.write("10 hunter2 minutes", to: "bad")
        let loader = loader(workingDirectory: folder.path)
        #expect(path(load(spec(path: "${file:secret}"), loader)) == "hunter2")
        let text = spec(path: "${file:bad}").replacing(
            "sinks:", with: "settings: {checkpoint_interval: \"${file:bad}\"}\nsinks:")
        let result = load(text, loader)
        #expect(result.diagnostics.hasErrors)
        #expect(!result.diagnostics.rendered.contains("hunter2"))
        #expect(!result.diagnostics.json.contains("hunter2"))
    }

    @Test("refuses links and dots that lead out of the folder")
    func escapes() throws {
        let folder = try TemporaryFolder()
        let outside = try TemporaryFolder("outside")
        try outside.write("x", to: "secret")
        try FileManager.default.createSymbolicLink(
            atPath: folder.path(of: "link"), withDestinationPath: outside.path)
        try FileManager.default.createSymbolicLink(
            atPath: folder.path(of: "within"), withDestinationPath: folder.path)
        let closed = loader(workingDirectory: folder.path)
        for bad in [
            "link/a.json", "../x", "link/../../x", "/etc/passwd", "${file:link/secret}",
            "/" + folder.path(of: "../outside"), folder.path + "x/y",
        ] {
            let result = load(spec(path: bad), closed)
            #expect(
                result.diagnostics.contains { $0.help?.contains("--allow-path") ?? false }, "\(bad)"
            )
        }
        for good in ["a/b/c.json", "./a/../b", "within/a.json", folder.path(of: "x.json")] {
            #expect(path(load(spec(path: good), closed)) == good)
        }
        let open = loader(workingDirectory: folder.path, allowedPaths: [outside.path])
        #expect(path(load(spec(path: "link/a.json"), open)) == "link/a.json")
        #expect(path(load(spec(path: "${file:link/secret}"), open)) == "x")
    }

    @Test("refuses secrets that are no small regular files of text")
    func badSecrets() throws {
        let folder = try TemporaryFolder()
        try Data(repeating: 65, count: 70_000).write(to: folder.url.appendingPathComponent("big"))
        try Data([0xff, 0xfe]).write(to: folder.url.appendingPathComponent("binary"))
        #expect(mkfifo(folder.path(of: "pipe"), 0o600) == 0)
        for name in ["big", "binary", "pipe", "missing", "."] {
            let result = load(
                spec(path: "${file:\(name)}"), loader(workingDirectory: folder.path))
            #expect(
                messages(result).first?.hasPrefix("cannot read '\(name)'") == true,
                "\(messages(result))")
        }
    }

    @Test("types parameters by how they are written, and overrides by their parameter")
    func parameters() throws {
        let text = spec(
            path: "a",
            parameters: "{limit: 10, share: 0.50, tiny: 1e-3, region: eu, deep: true, code: '7'}")
        let result = load(
            text, loader(overrides: ["limit": "25", "region": "7", "share": "1", "deep": "false"]))
        #expect(result.diagnostics.rendered == "")
        let found = try #require(result.pipelines.first)
        #expect(
            found.parameters == [
                "limit": .bigint(25), "share": .decimal(unscaled: 1, scale: 0),
                "tiny": .double(0.001), "region": .string(Array("7".utf8)), "deep": .boolean(false),
                "code": .string(Array("7".utf8)),
            ])
        #expect(
            load(text).pipelines.first?.parameters["share"] == .decimal(unscaled: 50, scale: 2))
    }

    @Test("refuses overrides of another type, and of nothing")
    func badOverrides() {
        let text = spec(path: "a", parameters: "{limit: 10}")
        #expect(
            messages(load(text, loader(overrides: ["limit": "ten", "limits": "1"]))) == [
                "--param limit=ten is no whole number", "--param limits names no parameter",
            ])
    }
}
