import Glibc

/// Exact sums of doubles, or of their squares, one for each group: a fixed-point number that is wide
/// enough for every double (U. Kulisch, "Computer Arithmetic and Validity", 2008, chapter 8). Adding
/// and taking back commute, and only ``value(_:)`` rounds.
///
/// Memory: 0.5 KiB a group for sums, 1.1 KiB for sums of squares.
final class ExactDoubleSums {
    enum Term {
        case value, square
    }

    /// Limb `i` counts multiples of 2^(32·i + lowestExponent). It has 64 bits, so that carries can
    /// wait for 2³⁰ additions.
    private let limbs = GroupArray<Int64>(0)
    private let waiting = GroupArray<Int32>(0)
    private let term: Term
    private let limbCount: Int
    private let lowestExponent: Int
    private var scratch: [Int64]

    init(_ term: Term) {
        self.term = term
        // Doubles are multiples of 2^−1074 below 2^1024; 64 bits above are for 2⁶³ rows of them.
        limbCount = term == .value ? 68 : 134
        lowestExponent = term == .value ? -1074 : -2148
        scratch = Array(repeating: 0, count: limbCount)
    }

    func reserve(_ count: Int) {
        limbs.reserve(count * limbCount)
        waiting.reserve(count)
    }

    func reset(_ group: Int) {
        (limbs.base + group * limbCount).update(repeating: 0, count: limbCount)
        waiting.reset(group)
    }

    /// Adds a finite number, or its square, `weight` times.
    @inline(__always)
    func add(_ x: Double, to group: Int, weight: Int32) {
        let exponent = Int(x.exponentBitPattern)
        var significand = x.significandBitPattern
        if exponent > 0 { significand |= 1 << 52 }
        let place = max(exponent, 1) - 1
        switch term {
        case .value:
            add(significand, at: place, to: group, Int64(x.sign == .minus ? -1 : 1) * Int64(weight))
        case .square:
            let square = significand.multipliedFullWidth(by: significand)
            add(square.low, at: 2 * place, to: group, Int64(weight))
            add(square.high, at: 2 * place + 64, to: group, Int64(weight))
        }
    }

    /// Adds `weight` · `number` · 2^(place + lowestExponent); at most 2³¹ of them.
    @inline(__always)
    private func add(_ number: UInt64, at place: Int, to group: Int, _ weight: Int64) {
        // 64 bits of the number, 32 of the weight and 31 of the shift fit.
        var rest = (Int128(number) * Int128(weight)) << Int128(place & 31)
        var limb = limbs.base + group * limbCount + place >> 5
        while rest != 0 && rest != -1 {
            limb.pointee += Int64(truncatingIfNeeded: rest & 0xffff_ffff)
            rest >>= 32
            limb += 1
        }
        if rest == -1 { limb.pointee -= 1 }
        waiting.base[group] += 1
        if waiting.base[group] == 1 << 30 { carry(group) }
    }

    /// Adds what another group has.
    func merge(_ source: Int, into target: Int) {
        carry(source)
        carry(target)
        for index in 0..<limbCount {
            limbs.base[target * limbCount + index] += limbs.base[source * limbCount + index]
        }
        carry(target)
    }

    private func carry(_ group: Int) {
        ExactDoubleSums.carry(limbs.base + group * limbCount, limbCount)
        waiting.base[group] = 0
    }

    /// Makes every limb but the last one a number of 32 bits.
    private static func carry(_ limbs: UnsafeMutablePointer<Int64>, _ count: Int) {
        for index in 0..<count - 1 {
            limbs[index + 1] += limbs[index] >> 32
            limbs[index] &= 0xffff_ffff
        }
    }

    // MARK: Results

    /// The sum, rounded to nearest; infinite when it is beyond the doubles.
    func value(_ group: Int) -> Double {
        let isNegative = takeMagnitude(group)
        return isNegative ? -rounded() : rounded()
    }

    /// The sum as `high` + `low`, good to about 106 bits.
    func parts(_ group: Int) -> (high: Double, low: Double) {
        let isNegative = takeMagnitude(group)
        let high = rounded()
        guard high.isFinite else { return (isNegative ? -high : high, 0) }
        subtract(high)
        let isLowNegative = makePositive()
        let low = isLowNegative ? -rounded() : rounded()
        return isNegative ? (-high, -low) : (high, low)
    }

    /// Puts the sum's magnitude into the scratch limbs; true when it is negative.
    private func takeMagnitude(_ group: Int) -> Bool {
        carry(group)
        for index in 0..<limbCount { scratch[index] = limbs.base[group * limbCount + index] }
        return makePositive()
    }

    private func makePositive() -> Bool {
        guard scratch[limbCount - 1] < 0 else { return false }
        for index in 0..<limbCount { scratch[index] = -scratch[index] }
        scratch.withUnsafeMutableBufferPointer {
            if let base = $0.baseAddress { ExactDoubleSums.carry(base, limbCount) }
        }
        return true
    }

    /// Takes a number that ``rounded()`` gave out of the scratch limbs.
    private func subtract(_ x: Double) {
        guard x > 0 else { return }
        // The least bit of a double that is a rounded sum may lie above the doubles' own least one.
        let place = Int(x.exponent) - 52 - lowestExponent
        let significand = Int128(scalbn(x.significand, 52))
        var rest = place >= 0 ? significand << Int128(place & 31) : significand >> Int128(-place)
        var index = max(place, 0) >> 5
        while rest != 0 {
            scratch[index] -= Int64(truncatingIfNeeded: rest & 0xffff_ffff)
            rest >>= 32
            index += 1
        }
        scratch.withUnsafeMutableBufferPointer {
            if let base = $0.baseAddress { ExactDoubleSums.carry(base, limbCount) }
        }
    }

    /// The scratch limbs, at least 0, as a double.
    private func rounded() -> Double {
        guard let top = scratch.lastIndex(where: { $0 != 0 }) else { return 0 }
        // 96 bits or more, and one for whether anything is below them.
        let low = max(top - 2, 0)
        var head: UInt128 = 0
        for index in stride(from: top, through: low, by: -1) {
            head = head << 32 | UInt128(scratch[index].magnitude)
        }
        if scratch[..<low].contains(where: { $0 != 0 }) { head |= 1 }
        return scalbn(Double(head), Int32(32 * low + lowestExponent))
    }

    // MARK: State

    /// Sign, place of the first limb that is not 0, how many limbs, limbs of 32 bits, the last limb.
    func write(_ group: Int, to bytes: inout [UInt8]) {
        let isNegative = takeMagnitude(group)
        let body = scratch[..<(limbCount - 1)]
        let first = body.firstIndex { $0 != 0 } ?? 0
        let end = (body.lastIndex { $0 != 0 } ?? -1) + 1
        bytes.append(isNegative ? 1 : 0)
        bytes.append(UInt8(first))
        bytes.append(UInt8(max(end - first, 0)))
        for index in first..<max(end, first) {
            bytes.append(littleEndian: UInt32(truncatingIfNeeded: scratch[index]))
        }
        bytes.append(littleEndian: scratch[limbCount - 1])
    }

    func read(_ group: Int, from reader: inout ByteReader) -> Bool {
        guard let sign = reader.read(UInt8.self), sign <= 1,
            let first = reader.read(UInt8.self), let count = reader.read(UInt8.self),
            Int(first) + Int(count) < limbCount
        else { return false }
        let factor: Int64 = sign == 1 ? -1 : 1
        let limbs = limbs.base + group * limbCount
        for index in 0..<Int(count) {
            guard let limb = reader.read(UInt32.self) else { return false }
            limbs[Int(first) + index] = factor * Int64(limb)
        }
        guard let last = reader.read(Int64.self), last >= 0 else { return false }
        limbs[limbCount - 1] = factor * last
        carry(group)
        return true
    }
}
