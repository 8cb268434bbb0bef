import Config
import Glibc

/// What there is to know of a directory of specs.
struct SpecFacts {
    var path: String
    var isFolder = false
    var fileCount = 0
    var pipelineCount = 0
    var errorCount = 0
    /// The first thing that is wrong.
    var firstProblem: String?
    var mode: UInt32 = 0

    static func read(_ path: String, _ invocation: Invocation) -> SpecFacts {
        var facts = SpecFacts(path: path)
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { return facts }
        facts.isFolder = true
        facts.mode = UInt32(status.st_mode & 0o7777)
        let files = SpecFiles([path])
        var specs = LoadedSpecs(files, invocation, isEnvironmentStrict: false)
        specs.checkTogether()
        let errors = specs.diagnostics.filter { $0.severity == .error }
        facts.fileCount = files.files.count
        facts.pipelineCount = specs.pipelines.count
        facts.errorCount = errors.count + files.problems.count
        facts.firstProblem = files.problems.first ?? errors.first?.message
        return facts
    }
}

/// What may be wrong with specs.
enum SpecChecks {
    static func all(_ facts: SpecFacts) -> [Finding] { [specs(facts)] }

    static func specs(_ facts: SpecFacts) -> Finding {
        let check = "specs"
        guard facts.isFolder else {
            return .problem(
                check, "there is no folder \(facts.path)",
                "make it, or name another one with --pipelines")
        }
        func counted(_ count: Int, _ noun: String) -> String {
            "\(count) \(noun)\(count == 1 ? "" : "s")"
        }
        let text =
            "\(facts.path): \(counted(facts.fileCount, "file")), "
            + counted(facts.pipelineCount, "sound pipeline")
        if facts.errorCount > 0 {
            return .problem(
                check,
                "\(text), \(counted(facts.errorCount, "error")): "
                    + (facts.firstProblem ?? ""),
                "pipelined validate \(facts.path)")
        }
        if facts.mode & 0o002 != 0, facts.mode & 0o1000 == 0 {
            return .warning(
                check, "\(text); everybody may write there, and specs say what is read and written",
                "chmod o-w \(facts.path)")
        }
        return .ok(check, text)
    }
}
