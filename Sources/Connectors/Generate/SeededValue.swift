/// Random numbers that are a function of a seed and a place, so that any row can be made at any
/// time: the outputs of SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number
/// generators", 2014). Part of what `generate` promises; it must not change.
struct SeededValue {
    private let seed: UInt64

    init(seed: UInt64) { self.seed = seed }

    /// An independent sequence, for another column.
    init(seed: UInt64, stream: Int) {
        self.seed = SeededValue(seed: seed)[UInt64(truncatingIfNeeded: stream)]
    }

    @inline(__always)
    subscript(place: UInt64) -> UInt64 {
        var mixed = seed &+ (place &+ 1) &* 0x9e37_79b9_7f4a_7c15
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    /// Uniform in 0..<bound, as near as 64 bits come; 0 for the bound 0.
    @inline(__always)
    func below(_ bound: UInt64, at place: UInt64) -> UInt64 {
        self[place].multipliedFullWidth(by: bound).high
    }

    /// Uniform in 0..<1, 53 bits.
    @inline(__always)
    func fraction(at place: UInt64) -> Double { Double(self[place] >> 11) * 0x1p-53 }
}
