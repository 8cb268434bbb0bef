import Config
import Foundation
import TestSupport

/// A loader as a test needs it: no variables unless given, files below the repository.
func loader(
    variables: [String: String] = [:], workingDirectory: String = repositoryRoot.path,
    allowedPaths: [String] = [], overrides: [String: String] = [:], isStrict: Bool = true
) -> SpecLoader {
    SpecLoader(
        environment: SpecEnvironment(
            variables: variables, workingDirectory: workingDirectory, allowedPaths: allowedPaths),
        options: SpecLoadOptions(parameterOverrides: overrides, isEnvironmentStrict: isStrict))
}

/// Loads a text as the file `test.yaml`.
func load(_ text: String, _ loader: SpecLoader = loader()) -> LoadResult {
    loader.load(bytes: Array(text.utf8), path: "test.yaml")
}

/// A pipeline with one source, one step as given and one sink that reads it.
func pipeline(step: String, sink: String = "from: out, stdout: {}, format: json") -> String {
    let lines = step.split(separator: "\n", omittingEmptySubsequences: false)
    return """
        pipeline: test
        sources:
          events:
            file: {path: data/events.ndjson}
            format: json
            schema: {id: string, kind: string, amount: bigint, price: double, at: timestamp(ms)}
            event_time: {column: at}
        tables:
          users:
            file: {path: data/users.csv}
            format: csv
            schema: {id: string, name: string}
            key: [id]
        steps:
          known:
            from: events
            join: {table: users, match: [id]}
          out:
        \(lines.map { "    " + $0 }.joined(separator: "\n"))
        sinks:
          all: {from: known, file: {path: out/all.ndjson}, format: json}
          result: {\(sink)}
        """
}

/// The first lines of all diagnostics.
func messages(_ result: LoadResult) -> [String] { result.diagnostics.map(\.message) }
