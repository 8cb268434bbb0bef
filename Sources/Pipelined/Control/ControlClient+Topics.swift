extension ControlClient {
    func produce(
        _ request: ProduceRequest, _ input: borrowing InputStream, _ reporter: ProduceReporter
    ) throws(ControlFailure) -> ProduceOutcome {
        throw ControlFailure(code: .failed, message: "not yet")
    }

    func consume(_ request: ConsumeRequest, _ printer: RowPrinter) throws(ControlFailure)
        -> JSONValue
    {
        throw ControlFailure(code: .failed, message: "not yet")
    }
}
