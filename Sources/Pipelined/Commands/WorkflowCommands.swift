import Config
import Glibc

/// Diagnostics as GitHub's workflow commands: lines that a runner turns into marks in the changed
/// files.
struct WorkflowCommands {
    /// The folder that paths in marks are relative to, absolute; nil where the runner says none.
    var workspace: String?
    /// Where relative paths of diagnostics begin, absolute.
    var workingDirectory: String

    /// Of a job: what `GITHUB_WORKSPACE` says.
    static var ofProcess: WorkflowCommands {
        let workspace = getenv("GITHUB_WORKSPACE").map { String(cString: $0) }
        // SAFETY: getcwd(nil, 0) allocates the text, which is freed here; nil is an error.
        let folder = getcwd(nil, 0)
        defer { free(folder) }
        return WorkflowCommands(
            workspace: workspace, workingDirectory: folder.map { String(cString: $0) } ?? "/")
    }

    /// One line.
    func line(_ diagnostic: Diagnostic) -> String {
        let word =
            switch diagnostic.severity {
            case .error: "error"
            case .warning: "warning"
            case .note: "notice"
            }
        var properties: [(String, String)] = []
        if let place = diagnostic.location {
            properties = [
                ("file", path(place.file)), ("line", String(place.line)),
                ("col", String(place.column)), ("endColumn", String(place.endColumn)),
            ]
        }
        properties.append(("title", diagnostic.message))
        return command(word, properties, message(diagnostic))
    }

    /// What could not be read at all.
    func line(problem: String) -> String { command("error", [], problem) }

    private func command(
        _ word: String, _ properties: [(String, String)], _ message: String
    ) -> String {
        let list = properties.map { "\($0.0)=\(Self.escaped($0.1, isProperty: true))" }
        let head = list.isEmpty ? word : "\(word) \(list.joined(separator: ","))"
        return "::\(head)::\(Self.escaped(message, isProperty: false))"
    }

    /// All that a person would read on a terminal, without the line, which the mark stands at.
    private func message(_ diagnostic: Diagnostic) -> String {
        var lines = [diagnostic.message]
        if let label = diagnostic.label { lines[0] += ": \(label)" }
        if let help = diagnostic.help { lines.append("help: \(help)") }
        for note in diagnostic.related {
            let place = note.location
            lines.append(
                "note: \(note.message): \(path(place.file)):\(place.line):\(place.column)")
        }
        return lines.joined(separator: "\n")
    }

    /// A path from the workspace on, where it lies in it.
    private func path(_ file: String) -> String {
        var path = file
        while path.hasPrefix("./") { path = String(path.dropFirst(2)) }
        guard let workspace, !workspace.isEmpty else { return path }
        let base = workspace.hasSuffix("/") ? workspace : workspace + "/"
        let whole = path.hasPrefix("/") ? path : "\(workingDirectory)/\(path)"
        return whole.hasPrefix(base) ? String(whole.dropFirst(base.count)) : path
    }

    /// The runner takes `%`, ends of lines and, in properties, `:` and `,` for its own.
    private static func escaped(_ text: String, isProperty: Bool) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "%": result += "%25"
            case "\r": result += "%0D"
            case "\n": result += "%0A"
            case ":" where isProperty: result += "%3A"
            case "," where isProperty: result += "%2C"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
