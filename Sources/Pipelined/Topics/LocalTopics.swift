import Store

/// The topics of a state directory that no daemon holds, opened by this process.
final class LocalTopics: Sendable {
    let topics: TopicService
    let logs = IngestLogs()
    private let state: StateDirectory

    /// - Throws: ``ControlFailure`` where somebody else holds the directory, and says how to ask them.
    init(_ folder: String) throws(ControlFailure) {
        do throws(StoreError) {
            state = try StateDirectory.open(path: folder, fileSystem: SystemFileSystem())
        } catch {
            guard case .locked(let processID) = error.kind else {
                throw ControlFailure(code: .failed, message: error.message)
            }
            let holder = processID.map { "process \($0)" } ?? "another process"
            throw ControlFailure(
                code: .failed,
                message:
                    "cannot open the state in \(folder): \(holder) holds it; leave --state out to "
                    + "ask a daemon that listens, or name its socket with --socket "
                    + "\(folder)/control.sock")
        }
        do throws(EngineError) {
            topics = try TopicService.open(state)
        } catch {
            state.close()
            throw ControlFailure(code: .failed, message: error.message)
        }
    }

    /// Lets go of the directory; what was appended is durable.
    func close() {
        logs.close()
        topics.close()
        state.close()
    }
}
