/// Gives each row that counts and has a value its group, the value as a double, and its weight.
///
/// - Parameters:
///   - groups: `count` group numbers or −1.
///   - argument: Doubles or decimals, dense.
///   - weights: nil when all are +1.
@inline(__always)
func forEachDouble(
    _ groups: UnsafePointer<Int32>, count: Int, of argument: Column,
    weights: UnsafePointer<Int32>?, _ body: (_ group: Int, _ x: Double, _ weight: Int32) -> Void
) {
    let validity = argument.validityPointer
    @inline(__always)
    func visit(_ value: (Int) -> Double) {
        for row in 0..<count {
            let group = Int(groups[row])
            if group < 0 || validity?[row] == 0 { continue }
            body(group, value(row), weights?[row] ?? 1)
        }
    }
    if case .decimal(_, let scale) = argument.type {
        let values = argument.decimals
        visit { Decimal38.double(values[$0], scale: scale) }
    } else {
        let values = argument.doubles
        visit { values[$0] }
    }
}
