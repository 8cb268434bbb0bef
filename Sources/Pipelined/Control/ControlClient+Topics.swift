/// Rows on their way to a daemon.
final class ProduceUpload {
    private let client: ControlClient
    private let id: JSONValue
    private let onProgress: (_ rows: Int64, _ bytes: Int64) -> Void
    /// What the daemon last said that it has.
    private(set) var latest: JSONValue

    /// Asks, and returns when the daemon is ready.
    ///
    /// - Throws: ``ControlFailure`` as the daemon says: there is no such topic, and the like.
    init(
        _ client: ControlClient, _ request: ProduceRequest,
        onProgress: @escaping (_ rows: Int64, _ bytes: Int64) -> Void
    ) throws(ControlFailure) {
        self.client = client
        self.onProgress = onProgress
        latest = ProduceJSON.summary(request.topic, ProduceSession.Progress())
        id = try client.begin("produce", request.params)
        _ = try take(client.line(for: id))
    }

    /// Sends bytes of the input. Waits while the daemon takes no more.
    func send(_ bytes: UnsafeRawBufferPointer) throws(ControlFailure) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let part = rest.prefix(ControlProtocol.frameBytesMax)
            rest = rest.dropFirst(part.count)
            let head = ControlFrame.head(part.count)
            try client.send(head.span.bytes)
            try client.send(UnsafeRawBufferPointer(rebasing: part).bytes)
        }
        while client.hasInput { _ = try take(client.line(for: id)) }
    }

    /// Says that this was all, and waits for the acknowledgement.
    func finish() throws(ControlFailure) -> JSONValue {
        let head = ControlFrame.head(0)
        try client.send(head.span.bytes)
        while true {
            if let result = try take(client.line(for: id)) { return result }
        }
    }

    private func take(_ line: ControlLine) throws(ControlFailure) -> JSONValue? {
        switch line {
        case .result(let result): return result
        case .error(let failure): throw failure
        case .item(let item):
            if let rows = item["rows"]?.integer {
                latest = item
                onProgress(rows, item["bytes"]?.integer ?? 0)
            }
            return nil
        }
    }
}

extension ControlClient {
    /// Reads a topic.
    ///
    /// - Parameters:
    ///   - isWanted: Asked while nothing comes.
    ///   - write: Takes whole rows; returns false when no more are wanted.
    /// - Returns: The summary; nil when no more was wanted.
    func consume(
        _ request: ConsumeRequest, isWanted: () -> Bool,
        write: (UnsafeRawBufferPointer) -> Bool
    ) throws(ControlFailure) -> JSONValue? {
        let id = try begin("consume", request.params)
        // The item that says that frames follow, or the error instead of them.
        if case .error(let failure) = try line(for: id) { throw failure }
        guard try frames(isWanted, write) else { return nil }
        switch try line(for: id) {
        case .result(let result): return result
        case .error(let failure): throw failure
        case .item: return nil
        }
    }
}
