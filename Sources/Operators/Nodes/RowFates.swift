/// What becomes of each row of a batch over all the windows that it belongs to.
///
/// A row counts in the windows that it is not late for. Only one that is in none goes to the late
/// port (SEMANTICS 15).
struct RowFates {
    private enum Fate {
        static let late: UInt8 = 0
        /// In time by its own split, but the window had fired.
        static let fired: UInt8 = 1
        static let placed: UInt8 = 2
    }

    private let buffer: Buffer
    private let fates: UnsafeMutablePointer<UInt8>
    private let count: Int

    init(count: Int) {
        buffer = Buffer(capacity: count)
        fates = buffer.pointer(to: UInt8.self)
        fates.initialize(repeating: Fate.late, count: count)
        self.count = count
    }

    /// The row counts in a window.
    @inline(__always)
    func place(_ row: Int) { fates[row] = Fate.placed }

    /// A window of the row has fired, for which it would have been in time.
    @inline(__always)
    func miss(_ row: Int) { if fates[row] == Fate.late { fates[row] = Fate.fired } }

    /// Sends rows that are in no window to the late port; those that take a row back are only
    /// counted, as that row may have been in time.
    func giveLate(of batch: Batch, to output: any OperatorOutput) {
        var late: [Int] = []
        var fired: [Int] = []
        for row in 0..<count {
            if fates[row] == Fate.late { late.append(row) }
            if fates[row] == Fate.fired { fired.append(row) }
        }
        let weights = batch.denseWeights
        let weight = weights?.pointer(to: Int32.self)
        for (rows, wasInTime) in [(late, false), (fired, true)] where !rows.isEmpty {
            let given = rows.filter { row in (weight?[row] ?? 1) > 0 }
            if given.count < rows.count {
                output.countLate(rows.count - given.count, wasInTime: wasInTime)
            }
            guard !given.isEmpty else { continue }
            output.emitLate(
                batch.selecting(RowSplit(failed: given, count: count).failed),
                wasInTime: wasInTime)
        }
    }
}
