import Connectors
import Store

/// What the store says, as an answer to a request.
func storing<T>(_ body: () throws(StoreError) -> T) throws(ControlFailure) -> T {
    do throws(StoreError) { return try body() } catch {
        throw ControlFailure(code: .failed, message: error.message)
    }
}

/// What a connector says, as an answer to a request.
func connecting<T>(_ body: () throws(ConnectorError) -> T) throws(ControlFailure) -> T {
    do throws(ConnectorError) { return try body() } catch {
        throw ControlFailure(code: .failed, message: error.message)
    }
}

extension ControlFailure {
    static func notFound(_ message: String) -> ControlFailure {
        ControlFailure(code: .notFound, message: message)
    }
}

extension TopicService {
    /// That there is no topic of a name, and which was probably meant.
    func unknown(_ name: String, _ remedy: String = "") throws(ControlFailure) -> ControlFailure {
        let names = try storing { () throws(StoreError) in try catalog.store.names() }
        let near = Suggestion.nearest(to: name, among: names)
        let help = near.map { "; did you mean '\($0)'?" } ?? "; 'pipelined topics' lists them"
        return .notFound(
            "there is no topic '\(name)'" + (near == nil && !remedy.isEmpty ? remedy : help))
    }
}
