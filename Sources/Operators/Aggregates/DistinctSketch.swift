import Glibc

/// An estimate of how many different hashes were added: HyperLogLog with 4,096 registers (Flajolet and
/// others, 2007) and Ertl's estimator without a bias ("New cardinality estimation algorithms for
/// HyperLogLog sketches", 2017, section 4). Up to 256 hashes are kept as they are, and counted.
///
/// The standard error is 1.04 / √4096 = 1.6 %.
struct DistinctSketch {
    private static let indexBits = 12
    private static let registerCount = 1 << indexBits
    private static let exactMax = 256
    /// The largest rank: leading zeros of the 52 bits behind the index, plus one.
    private static let rankMax = 64 - indexBits + 1

    /// Ascending, until `registers` takes over.
    private var hashes: [UInt64] = []
    private var registers: [UInt8] = []

    mutating func add(_ hash: UInt64) {
        guard registers.isEmpty else { return addToRegisters(hash) }
        var low = 0
        var high = hashes.count
        while low < high {
            let middle = (low + high) / 2
            if hashes[middle] < hash { low = middle + 1 } else { high = middle }
        }
        if low < hashes.count && hashes[low] == hash { return }
        hashes.insert(hash, at: low)
        if hashes.count > DistinctSketch.exactMax { useRegisters() }
    }

    private mutating func useRegisters() {
        registers = Array(repeating: 0, count: DistinctSketch.registerCount)
        for hash in hashes { addToRegisters(hash) }
        hashes = []
    }

    /// Adds all that the other one has.
    mutating func merge(_ other: DistinctSketch) {
        if !other.registers.isEmpty && registers.isEmpty { useRegisters() }
        for (index, rank) in other.registers.enumerated() where registers[index] < rank {
            registers[index] = rank
        }
        for hash in other.hashes { add(hash) }
    }

    private mutating func addToRegisters(_ hash: UInt64) {
        let index = Int(hash >> (64 - UInt64(DistinctSketch.indexBits)))
        // The bit behind the last one stops the count.
        let rest = hash << UInt64(DistinctSketch.indexBits) | 1 << 11
        let rank = UInt8(rest.leadingZeroBitCount + 1)
        if registers[index] < rank { registers[index] = rank }
    }

    var estimate: Int64 {
        guard !registers.isEmpty else { return Int64(hashes.count) }
        var histogram = [Double](repeating: 0, count: DistinctSketch.rankMax + 1)
        for rank in registers { histogram[Int(rank)] += 1 }
        let count = Double(DistinctSketch.registerCount)
        var z = count * DistinctSketch.tau(1 - histogram[DistinctSketch.rankMax] / count)
        for rank in stride(from: DistinctSketch.rankMax - 1, through: 1, by: -1) {
            z = 0.5 * (z + histogram[rank])
        }
        z += count * DistinctSketch.sigma(histogram[0] / count)
        return Int64((count * count / (2 * log(2)) / z).rounded())
    }

    private static func sigma(_ start: Double) -> Double {
        if start == 1 { return .infinity }
        var (x, y, z) = (start, 1.0, start)
        while true {
            x *= x
            let before = z
            z += x * y
            y += y
            if z == before { return z }
        }
    }

    private static func tau(_ start: Double) -> Double {
        if start == 0 || start == 1 { return 0 }
        var (x, y, z) = (start, 1.0, 1 - start)
        while true {
            x = x.squareRoot()
            let before = z
            y *= 0.5
            z -= (1 - x) * (1 - x) * y
            if z == before { return z / 3 }
        }
    }

    /// The number of hashes and they, or 0xffff and the registers.
    func write(to bytes: inout [UInt8]) {
        guard registers.isEmpty else {
            bytes.append(littleEndian: UInt16.max)
            return bytes.append(contentsOf: registers)
        }
        bytes.append(littleEndian: UInt16(hashes.count))
        for hash in hashes { bytes.append(littleEndian: hash) }
    }

    static func read(from reader: inout ByteReader) -> DistinctSketch? {
        guard let count = reader.read(UInt16.self) else { return nil }
        var result = DistinctSketch()
        if count == .max {
            guard let registers = reader.readBytes(registerCount),
                registers.allSatisfy({ $0 <= rankMax })
            else { return nil }
            result.registers = Array(registers)
            return result
        }
        guard count <= exactMax else { return nil }
        for _ in 0..<count {
            guard let hash = reader.read(UInt64.self) else { return nil }
            result.add(hash)
        }
        return result
    }
}

/// `approx_count_distinct`. Values are told apart by a hash of their key bytes.
final class DistinctSketchAccumulator: Accumulator {
    private var sketches: [DistinctSketch] = []
    private let codec: KeyCodec

    init(type: ColumnType) { codec = KeyCodec(types: [type]) }

    func reserve(_ count: Int) {
        guard count > sketches.count else { return }
        sketches.append(
            contentsOf: Array(repeating: DistinctSketch(), count: count - sketches.count))
    }

    func reset(_ group: Int) { sketches[group] = DistinctSketch() }

    func update(
        _ groups: UnsafePointer<Int32>, count: Int, argument: Column?,
        weights: UnsafePointer<Int32>?
    ) {
        guard let argument else { return }
        let keys = codec.encode([argument], count: count)
        let views = keys.strings
        for row in 0..<count {
            let group = Int(groups[row])
            if group < 0 || argument.isNull(row) { continue }
            sketches[group].add(StableHash.hash(views[row].bytes))
        }
    }

    func result(_ groups: [Int32], failed: inout [Int: String]) -> Column {
        var builder = ColumnBuilder(type: .bigint, capacity: groups.count)
        for group in groups { builder.append(integer: sketches[Int(group)].estimate) }
        return builder.finish()
    }

    func merge(_ source: Int, into target: Int) { sketches[target].merge(sketches[source]) }

    func write(_ group: Int, to bytes: inout [UInt8]) { sketches[group].write(to: &bytes) }

    func read(_ group: Int, from reader: inout ByteReader) -> Bool {
        guard let sketch = DistinctSketch.read(from: &reader) else { return false }
        sketches[group] = sketch
        return true
    }
}
