import Glibc
import Operators

/// The repository that a daemon follows, and what of it.
struct GitSource: Equatable, Sendable {
    /// As git takes it: a URL, `host:path` or a path. May hold a password; ``shownURL`` does not.
    var url: String
    /// nil for the branch that the repository calls its default.
    var branch: String?
    /// The folder of specs, below the root of the repository; empty for the root itself.
    var path = "pipelines"
    var intervalMicros: Int64 = 30_000_000
    /// Only commits whose signature is good are applied.
    var verifiesSignatures = false

    static let intervalMicrosMin: Int64 = 1_000_000

    /// Why `text` cannot be a repository's URL; nil where it can.
    static func problem(url text: String) -> String? {
        if text.isEmpty { return "it is empty" }
        if text.hasPrefix("-") { return "it begins with '-'" }
        if text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f }) {
            return "it has a control character"
        }
        // `ext::command` and its like run what stands behind them.
        let scheme = text.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") }
        return text.dropFirst(scheme.count).hasPrefix("::")
            ? "transports that run a program are not allowed" : nil
    }

    /// Why `text` cannot be a branch; nil where it can. As `git check-ref-format` judges.
    static func problem(branch text: String) -> String? {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        let isBad =
            text.hasPrefix("-") || text == "@" || text.hasSuffix(".")
            || parts.contains { $0.isEmpty || $0.hasPrefix(".") || $0.hasSuffix(".lock") }
            || ["..", "@{"].contains { text.contains($0) }
            || text.utf8.contains { $0 <= 0x20 || $0 == 0x7f || "~^:?*[\\".utf8.contains($0) }
        return isBad ? "it is no name of a branch" : nil
    }

    /// A path below the root in one spelling; nil for one that is absolute or leads out.
    static func normalised(path text: String) -> String? {
        guard !text.hasPrefix("/"), !text.utf8.contains(where: { $0 < 0x20 }) else { return nil }
        let parts = text.split(separator: "/").filter { $0 != "." }
        return parts.contains("..") ? nil : parts.joined(separator: "/")
    }

    /// What may be shown: without a user's name and password.
    var shownURL: String {
        guard let scheme = url.range(of: "://") else { return url }
        let rest = url[scheme.upperBound...]
        let host = rest.prefix { $0 != "/" }
        guard let at = host.lastIndex(of: "@") else { return url }
        // With ssh the name is part of the address.
        if url.hasPrefix("ssh:"), !host[..<at].contains(":") { return url }
        return String(url[..<scheme.upperBound] + rest[host.index(after: at)...])
    }

    var shownBranch: String { branch.map { "'\($0)'" } ?? "the default branch" }

    /// `'main' of https://example.org/specs.git`
    var shown: String { "\(shownBranch) of \(shownURL)" }

    /// The folder of specs as messages name it.
    var shownPath: String { path.isEmpty ? "." : path }

    /// What must not be printed; nil where the URL holds no such thing.
    var secretURL: String? { shownURL == url ? nil : url }

    /// Tells what is followed apart from what was followed before: 16 hexadecimal digits of it, the
    /// same with another password.
    var identity: String {
        let words = [shownURL, branch ?? "", path, verifiesSignatures ? "signed" : ""]
        let digest = sha256(Array(words.joined(separator: "\n").utf8))
        let digits = Array("0123456789abcdef")
        return String(digest.prefix(8).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
    }

    /// What git is given: a path is made absolute, since git changes folders.
    var resolvedURL: String {
        guard !url.contains("://"), let resolved = realpath(url, nil) else { return url }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}

/// How it stands with a repository that is followed; a copy that the follower hands out.
struct GitFollowing: Equatable, Sendable {
    var source: GitSource
    /// The directory of specs: a link that leads to the files of ``applied``.
    var folder: String
    /// The commit whose files are looked at; nil before the first one.
    var applied: String?
    /// The newest commit of the branch that was tried.
    var attempted: String?
    /// When something was tried last, whatever came of it; microseconds.
    var attemptedAt: Int64?
    /// Why the last attempt did not count; nil while the newest commit is the one applied.
    var problem: String?
    /// When the repository was last reached.
    var fetchedAt: Int64?
    /// When it is asked again.
    var nextAt: Int64?
    /// Attempts in a row that did not count.
    var failureCount = 0

    init(_ source: GitSource, folder: String, applied: String? = nil) {
        self.source = source
        self.folder = folder
        self.applied = applied
    }

    /// The problem with what runs instead; nil where there is none.
    var shownProblem: String? {
        problem.map { problem in
            let running = applied.map { "revision \($0.prefix(8)) stays applied" }
            return "\(problem); \(running ?? "no revision has been applied yet")"
        }
    }
}

extension String {
    /// Where `other` first stands; nil where it does not. Compared as bytes.
    fileprivate func range(of other: String) -> Range<Index>? {
        guard let start = utf8.firstRange(of: Array(other.utf8)) else { return nil }
        return start
    }
}
