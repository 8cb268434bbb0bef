extension Batch {
    /// The rows that are behind neither their split's watermark nor the node's; the others are given
    /// as late.
    func keepingTimely(watermark: Int64, to output: any OperatorOutput) -> Batch {
        let times = self.times
        let time = times.integers
        let watermarks = denseRowWatermarks
        let rowWatermark = watermarks?.pointer(to: Int64.self)
        var late: [Int] = []
        var passed: [Int] = []
        for row in 0..<count {
            if let rowWatermark, time[row] < rowWatermark[row] {
                late.append(row)
            } else if time[row] < watermark {
                passed.append(row)
            }
        }
        guard !late.isEmpty || !passed.isEmpty else { return self }
        for (rows, wasInTime) in [(late, false), (passed, true)] where !rows.isEmpty {
            let split = RowSplit(failed: rows, count: count)
            output.emitLate(selecting(split.failed), wasInTime: wasInTime)
        }
        return selecting(RowSplit(failed: (late + passed).sorted(), count: count).good)
    }
}
