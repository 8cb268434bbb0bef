#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// What a spec may see of the machine that reads it: variables and folders.
package struct SpecEnvironment: Sendable {
    /// What `${NAME}` stands for.
    package var variables: [String: String]
    /// What relative paths start from, absolute. Files below it may be used.
    package var workingDirectory: String
    /// Further folders (`--allow-path`), absolute or relative to the working directory.
    package var allowedPaths: [String]

    package init(
        variables: [String: String] = [:], workingDirectory: String, allowedPaths: [String] = []
    ) {
        self.variables = variables
        self.workingDirectory = workingDirectory
        self.allowedPaths = allowedPaths
    }

    /// This process's own: its variables, its working directory.
    package static func process(allowedPaths: [String] = []) -> SpecEnvironment {
        var variables: [String: String] = [:]
        // SAFETY: `environ` is an array of C strings that ends with nil. Nothing in this program
        // changes the environment, so it does not move while it is read.
        var entry = environ
        while let text = entry.pointee.map({ String(cString: $0) }) {
            if let equals = text.firstIndex(of: "=") {
                variables[String(text[..<equals])] = String(text[text.index(after: equals)...])
            }
            entry += 1
        }
        return SpecEnvironment(
            variables: variables, workingDirectory: currentDirectory(), allowedPaths: allowedPaths)
    }
}

private func currentDirectory() -> String {
    // SAFETY: getcwd(nil, 0) allocates the text, which is freed here; nil is an error.
    guard let path = getcwd(nil, 0) else { return "/" }
    defer { free(path) }
    return String(cString: path)
}

/// Options of a load that are not of the machine.
package struct SpecLoadOptions: Sendable {
    /// `--param name=value`.
    package var parameterOverrides: [String: String]
    /// Whether an unset `${NAME}` fails its pipeline (`serve`, `run`), or is a note (`validate`
    /// without `--strict-env`).
    package var isEnvironmentStrict: Bool
    /// Topics that are known from elsewhere, by name: from the store, or from other files. A document
    /// among them (it has `fields`) goes before what the files of the load say of a topic; that goes
    /// before the others.
    package var topics: [String: KnownTopic]
    /// Whether `tests` are read and checked; what runs a pipeline does not care for them.
    package var readsTests: Bool
    /// Whether a parameter that is overridden need only be in one of the files of the load.
    package var sharesOverrides: Bool

    package init(
        parameterOverrides: [String: String] = [:], isEnvironmentStrict: Bool = true,
        topics: [String: KnownTopic] = [:], readsTests: Bool = true,
        sharesOverrides: Bool = false
    ) {
        self.parameterOverrides = parameterOverrides
        self.isEnvironmentStrict = isEnvironmentStrict
        self.topics = topics
        self.readsTests = readsTests
        self.sharesOverrides = sharesOverrides
    }
}
