import Foundation
import TestSupport
import Testing

@testable import Pipelined

@Suite("Signatures of commits")
struct GitSignatureTests {
    /// A key, and a configuration that trusts it, given to git by the environment as an operator may.
    private struct Keys {
        let folder: TemporaryFolder
        var key: String { folder.path(of: "key") }

        init() throws {
            folder = try TemporaryFolder("keys")
            for name in ["key", "other"] {
                let made = ChildProcess.run(
                    "ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", folder.path(of: name)])
                #expect(made?.status == 0)
            }
            let line = "t@example.org " + (try folder.read("key.pub"))
            try folder.write(line, to: "allowed")
        }

        /// A git that knows who is trusted.
        func program() throws -> String {
            let script = try folder.writeSpec(
                """
                #!/bin/sh
                exec git -c gpg.ssh.allowedSignersFile=\(folder.path(of: "allowed")) "$@"
                """, to: "trusting-git")
            chmod(script, 0o755)
            return script
        }

        func commit(_ repository: GitRepository, _ text: String, by key: String) throws -> String {
            try repository.folder.write(text, to: "work/pipelines/a.yaml")
            repository.git("add", "--all")
            repository.git(
                "-c", "gpg.format=ssh", "-c", "user.signingkey=\(folder.path(of: key))", "commit",
                "--quiet", "-S", "-m", "signed")
            repository.push()
            return repository.head
        }
    }

    @Test("a commit without a signature, or with a bad one, is not applied; a good one is")
    func verifies() throws {
        let keys = try Keys()
        let repository = try GitRepository()
        let mirror = GitMirror(
            repository, verifiesSignatures: true, program: try keys.program())
        let good = try keys.commit(repository, "a 1", by: "key")
        let first = mirror.update()
        #expect(first.problem == nil)
        #expect(first.applied == good)
        let unsigned = try repository.commit(["a.yaml": "a 2"])
        let second = mirror.update()
        #expect(second.attempted == unsigned)
        #expect(
            second.problem?.hasPrefix(
                "cannot apply revision \(unsigned.prefix(8)) of 'main' of \(repository.url): "
                    + "its signature is not good") == true, "\(second.problem ?? "")")
        #expect(mirror.text("a.yaml") == "a 1")
        let foreign = try keys.commit(repository, "a 3", by: "other")
        let third = mirror.update()
        #expect(third.attempted == foreign)
        #expect(third.applied == nil)
        #expect(mirror.trees.current == good)
        let next = try keys.commit(repository, "a 4", by: "key")
        #expect(mirror.update().applied == next)
        #expect(mirror.text("a.yaml") == "a 4")
    }

    @Test("what was applied without a look at signatures does not pass for verified")
    func notInherited() throws {
        let repository = try GitRepository(specs: ["a.yaml": "a 1"])
        #expect(GitMirror(repository).update().problem == nil)
        let strict = GitMirror(repository, verifiesSignatures: true)
        #expect(strict.trees.current == nil)
        #expect(strict.update().problem != nil)
        #expect(strict.trees.current == nil)
    }
}
