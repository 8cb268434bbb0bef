import Glibc

/// Numbers counted in buckets whose bounds grow by 2 %, so that every percentile is within 1 % of the
/// number that has its rank (Masson, Rim, Lee, "DDSketch", VLDB 2019). The result does not depend on
/// the order of the numbers. At most 36,000 buckets of each sign cover all doubles; data that spans six
/// decimal orders of magnitude fills 700.
struct QuantileSketch {
    /// Counts of adjacent buckets; the first is bucket `base`.
    private struct Buckets {
        var base = 0
        var counts: [Int64] = []

        mutating func add(_ index: Int, _ count: Int64) {
            if counts.isEmpty { base = index }
            if index < base {
                counts.insert(contentsOf: repeatElement(0, count: base - index), at: 0)
                base = index
            }
            let place = index - base
            if place >= counts.count {
                counts.append(contentsOf: repeatElement(0, count: place + 1 - counts.count))
            }
            counts[place] += count
        }
    }

    private static let accuracy = 0.01
    private static let gamma = (1 + accuracy) / (1 - accuracy)
    private static let scale = 1 / log(gamma)
    /// The bucket of the least and of the greatest double is nearer to 0 than this.
    private static let indexMax = 40_000

    private var positive = Buckets()
    private var negative = Buckets()
    private var zeros: Int64 = 0
    private var negativeInfinities: Int64 = 0
    private var positiveInfinities: Int64 = 0
    private var nans: Int64 = 0
    private var count: Int64 = 0

    mutating func add(_ value: Double) {
        count += 1
        if value.isNaN {
            nans += 1
        } else if value.isInfinite {
            if value > 0 { positiveInfinities += 1 } else { negativeInfinities += 1 }
        } else if value == 0 {
            zeros += 1
        } else if value > 0 {
            positive.add(QuantileSketch.bucket(value), 1)
        } else {
            negative.add(QuantileSketch.bucket(-value), 1)
        }
    }

    /// Adds all that the other one has.
    mutating func merge(_ other: QuantileSketch) {
        for (place, count) in other.positive.counts.enumerated() where count > 0 {
            positive.add(other.positive.base + place, count)
        }
        for (place, count) in other.negative.counts.enumerated() where count > 0 {
            negative.add(other.negative.base + place, count)
        }
        zeros += other.zeros
        negativeInfinities += other.negativeInfinities
        positiveInfinities += other.positiveInfinities
        nans += other.nans
        count += other.count
    }

    private static func bucket(_ value: Double) -> Int { Int((log(value) * scale).rounded(.up)) }

    private static func middle(_ bucket: Int) -> Double {
        // In two steps, for the last bucket's bound is beyond the doubles.
        min(exp((Double(bucket) - 1) / scale) * (2 * gamma / (gamma + 1)), .greatestFiniteMagnitude)
    }

    /// The smallest number that `fraction` of all numbers are at most; nil of none.
    func value(at fraction: Double) -> Double? {
        guard count > 0 else { return nil }
        var rest = max(1, Int64((fraction * Double(count)).rounded(.up)))
        rest -= negativeInfinities
        if rest <= 0 { return -.infinity }
        for place in negative.counts.indices.reversed() {
            rest -= negative.counts[place]
            if rest <= 0 { return -QuantileSketch.middle(negative.base + place) }
        }
        rest -= zeros
        if rest <= 0 { return 0 }
        for place in positive.counts.indices {
            rest -= positive.counts[place]
            if rest <= 0 { return QuantileSketch.middle(positive.base + place) }
        }
        return rest <= positiveInfinities ? .infinity : .nan
    }

    func write(to bytes: inout [UInt8]) {
        for number in [zeros, negativeInfinities, positiveInfinities, nans] {
            bytes.append(littleEndian: number)
        }
        for buckets in [negative, positive] {
            let filled = buckets.counts.indices.filter { buckets.counts[$0] > 0 }
            bytes.append(littleEndian: UInt32(filled.count))
            for place in filled {
                bytes.append(littleEndian: Int32(buckets.base + place))
                bytes.append(littleEndian: buckets.counts[place])
            }
        }
    }

    static func read(from reader: inout ByteReader) -> QuantileSketch? {
        var result = QuantileSketch()
        guard let zeros = reader.read(Int64.self), let low = reader.read(Int64.self),
            let high = reader.read(Int64.self), let nans = reader.read(Int64.self)
        else { return nil }
        result.zeros = zeros
        result.negativeInfinities = low
        result.positiveInfinities = high
        result.nans = nans
        result.count = zeros &+ low &+ high &+ nans
        for isNegative in [true, false] {
            guard let filled = reader.read(UInt32.self) else { return nil }
            for _ in 0..<filled {
                guard let index = reader.read(Int32.self), let count = reader.read(Int64.self),
                    count > 0, abs(Int(index)) <= indexMax
                else { return nil }
                if isNegative {
                    result.negative.add(Int(index), count)
                } else {
                    result.positive.add(Int(index), count)
                }
                result.count &+= count
            }
        }
        return result
    }
}

/// `approx_percentile`.
final class QuantileSketchAccumulator: Accumulator {
    private var sketches: [QuantileSketch] = []
    private let fraction: Double

    init(fraction: Double) { self.fraction = fraction }

    func reserve(_ count: Int) {
        guard count > sketches.count else { return }
        sketches.append(
            contentsOf: Array(repeating: QuantileSketch(), count: count - sketches.count))
    }

    func reset(_ group: Int) { sketches[group] = QuantileSketch() }

    func update(
        _ groups: UnsafePointer<Int32>, count: Int, argument: Column?,
        weights: UnsafePointer<Int32>?
    ) {
        guard let argument else { return }
        let values = argument.doubles
        for row in 0..<count {
            let group = Int(groups[row])
            if group < 0 || argument.isNull(row) { continue }
            sketches[group].add(values[row])
        }
    }

    func result(_ groups: [Int32], failed: inout [Int: String]) -> Column {
        var builder = ColumnBuilder(type: .double, capacity: groups.count)
        for group in groups {
            if let value = sketches[Int(group)].value(at: fraction) {
                builder.append(double: value)
            } else {
                builder.appendNull()
            }
        }
        return builder.finish()
    }

    func merge(_ source: Int, into target: Int) { sketches[target].merge(sketches[source]) }

    func write(_ group: Int, to bytes: inout [UInt8]) { sketches[group].write(to: &bytes) }

    func read(_ group: Int, from reader: inout ByteReader) -> Bool {
        guard let sketch = QuantileSketch.read(from: &reader) else { return false }
        sketches[group] = sketch
        return true
    }
}
