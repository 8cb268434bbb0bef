/// The running value of one aggregate call for many groups, each known by a small number.
///
/// One call a batch: the loops over rows are inside, typed. `groups[row]` is the group of a row, or
/// −1 for a row that does not count (late, filtered out, null where the caller knows it).
protocol Accumulator: AnyObject {
    /// Makes room for groups `0..<count`; new ones are as after ``reset(_:)``.
    func reserve(_ count: Int)

    /// Makes a group's value that of no rows.
    func reset(_ group: Int)

    /// - Parameters:
    ///   - groups: `count` group numbers or −1.
    ///   - argument: The call's argument, dense; nil for `count(*)`.
    ///   - weights: +1 or −1 a row; nil when all are +1.
    func update(
        _ groups: UnsafePointer<Int32>, count: Int, argument: Column?,
        weights: UnsafePointer<Int32>?)

    /// The same with what the rows are ordered by, for calls to which that matters; dense.
    func update(
        _ groups: UnsafePointer<Int32>, count: Int, argument: Column?, order: Column?,
        weights: UnsafePointer<Int32>?)

    /// Adds to a group what another one has, whose rows do not overlap with its own in time. With
    /// `first` and its like, a group that was as good stays.
    func merge(_ source: Int, into target: Int)

    /// The values of `groups`; `failed` gets the positions in it whose value does not fit its type.
    func result(_ groups: [Int32], failed: inout [Int: String]) -> Column

    /// The value for a checkpoint, and back. Little-endian, self-delimiting.
    func write(_ group: Int, to bytes: inout [UInt8])
    func read(_ group: Int, from reader: inout ByteReader) -> Bool
}

extension Accumulator {
    func update(
        _ groups: UnsafePointer<Int32>, count: Int, argument: Column?, order: Column?,
        weights: UnsafePointer<Int32>?
    ) {
        update(groups, count: count, argument: argument, weights: weights)
    }
}

/// Numbers out of checkpoint bytes whose length is not trusted.
struct ByteReader {
    private let bytes: UnsafeBufferPointer<UInt8>
    private var offset = 0

    init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    var isAtEnd: Bool { offset == bytes.count }

    mutating func read<T: FixedWidthInteger>(_ type: T.Type) -> T? {
        let size = MemoryLayout<T>.size
        guard let base = bytes.baseAddress, bytes.count - offset >= size else { return nil }
        let value = UnsafeRawPointer(base + offset).loadUnaligned(as: T.self)
        offset += size
        return T(littleEndian: value)
    }

    mutating func readBytes(_ count: Int) -> UnsafeBufferPointer<UInt8>? {
        guard count >= 0, bytes.count - offset >= count else { return nil }
        let slice = UnsafeBufferPointer(rebasing: bytes[offset..<offset + count])
        offset += count
        return slice
    }
}

extension [UInt8] {
    /// Appends an integer, little-endian.
    mutating func append<T: FixedWidthInteger>(littleEndian value: T) {
        Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
    }
}

/// A growing array of plain values in raw memory, indexed by group, without bounds checks in
/// release builds and without reference counting in loops.
// SAFETY: owned by one accumulator; indices come from the aggregate's own group numbers.
final class GroupArray<Value: BitwiseCopyable> {
    private(set) var base: UnsafeMutablePointer<Value>
    private(set) var count = 0
    private var capacity: Int
    private let initial: Value

    init(_ initial: Value) {
        self.initial = initial
        capacity = 16
        base = .allocate(capacity: capacity)
    }

    deinit { base.deallocate() }

    func reserve(_ newCount: Int) {
        guard newCount > count else { return }
        if newCount > capacity {
            let grown = Swift.max(newCount, capacity * 2)
            let memory = UnsafeMutablePointer<Value>.allocate(capacity: grown)
            memory.update(from: base, count: count)
            base.deallocate()
            base = memory
            capacity = grown
        }
        (base + count).initialize(repeating: initial, count: newCount - count)
        count = newCount
    }

    func reset(_ index: Int) { base[index] = initial }
}
