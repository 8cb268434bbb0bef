import Config

extension SpecEnvironment {
    /// What specs may see when a command without a daemon reads them: the folders of its
    /// `--allow-path` flags, and those that `pipelined.yaml` in the working directory allows, so that
    /// `validate` and `run` agree with `serve`.
    static func of(_ invocation: Invocation) -> SpecEnvironment {
        var configuration = ServeConfiguration()
        let path = "pipelined.yaml"
        if let bytes = SmallFile.read(path, bytesMax: 1 << 20) {
            // What is wrong with it is for `serve` to say; nothing of it is taken then.
            _ = configuration.take(yaml: bytes, path: path)
        }
        return .process(allowedPaths: configuration.allowedPaths + invocation.all("allow-path"))
    }
}
