import Foundation
import TestSupport
import Testing

@testable import Pipelined

/// A bare repository and a working tree that pushes to it, by the real git, for tests.
final class GitRepository {
    let folder: TemporaryFolder
    private let work: String
    /// What a daemon is given.
    var url: String { folder.path(of: "origin.git") }

    init(specs: [String: String] = [:], branch: String = "main") throws {
        folder = try TemporaryFolder("git")
        work = folder.path(of: "work")
        git("init", "--quiet", "--bare", "--initial-branch=\(branch)", url, in: folder.path)
        git("config", "receive.denyDeleteCurrent", "ignore", in: url)
        git("clone", "--quiet", url, work, in: folder.path)
        git("checkout", "--quiet", "-B", branch)
        if !specs.isEmpty { try commit(specs) }
    }

    /// Runs git, which must succeed.
    @discardableResult
    func git(_ words: String..., in path: String? = nil) -> String {
        let identity = [
            "user.name=t", "user.email=t@example.org", "commit.gpgsign=false",
            "protocol.file.allow=always",
        ]
        let result = ChildProcess.run(
            "git",
            ["-C", path ?? work] + identity.flatMap { ["-c", $0] } + words)
        let error = String(decoding: result?.error ?? [], as: UTF8.self)
        #expect(result?.status == 0, "git \(words.joined(separator: " ")): \(error)")
        return String(decoding: result?.output ?? [], as: UTF8.self).trimmingNewlines
    }

    func path(_ name: String) -> String { work + "/" + name }

    /// Writes files below `pipelines` (an empty text removes one), commits and pushes.
    ///
    /// - Returns: The commit.
    @discardableResult
    func commit(_ specs: [String: String] = [:], message: String = "change") throws -> String {
        for (name, text) in specs {
            if text.isEmpty {
                unlink(path("pipelines/\(name)"))
            } else {
                try folder.write(text, to: "work/pipelines/\(name)")
            }
        }
        return commitAll(message)
    }

    @discardableResult
    func commitAll(_ message: String = "change") -> String {
        git("add", "--all")
        git("commit", "--quiet", "--allow-empty", "-m", message)
        push()
        return head
    }

    func push() { git("push", "--quiet", "--force", "origin", "HEAD") }

    var head: String { git("rev-parse", "HEAD") }
}

extension GitMirror {
    /// A mirror with a state folder of its own.
    init(
        _ repository: GitRepository, branch: String? = "main", path: String = "pipelines",
        verifiesSignatures: Bool = false, limits: Limits = Limits(), program: String = "git"
    ) {
        var source = GitSource(url: repository.url, branch: branch, path: path)
        source.verifiesSignatures = verifiesSignatures
        let state = repository.folder.path(of: "state")
        mkdir(state, 0o700)
        self.init(source, state: state, limits: limits, program: program)
    }

    /// The text of a file as it is looked at.
    func text(_ name: String) -> String? {
        SmallFile.read(trees.link + "/" + name, bytesMax: 1 << 20).map {
            String(decoding: $0, as: UTF8.self)
        }
    }
}
