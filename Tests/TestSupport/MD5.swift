import Glibc

/// The MD5 of RFC 1321, for checksums that scripts make with their standard library.
package enum MD5 {
    private static let shifts: [UInt32] = [
        7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21,
    ]
    private static let sines: [UInt32] = (1...64).map { UInt32(abs(sin(Double($0))) * 0x1p32) }

    /// The second half of the digest as a big-endian number.
    package static func low64(_ bytes: [UInt8]) -> UInt64 {
        digest(bytes)[8...].reduce(0) { $0 << 8 | UInt64($1) }
    }

    package static func digest(_ bytes: [UInt8]) -> [UInt8] {
        var padded = bytes + [0x80]
        while padded.count % 64 != 56 { padded.append(0) }
        let bits = bytes.count * 8
        for shift in 0..<8 { padded.append(UInt8(truncatingIfNeeded: bits >> (8 * shift))) }
        var state: [UInt32] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476]
        padded.withUnsafeBufferPointer { padded in
            sines.withUnsafeBufferPointer { sines in
                shifts.withUnsafeBufferPointer { shifts in
                    for start in stride(from: 0, to: padded.count, by: 64) {
                        add(padded, start, sines, shifts, &state)
                    }
                }
            }
        }
        return state.flatMap { word in
            (0..<4).map { UInt8(truncatingIfNeeded: word >> UInt32(8 * $0)) }
        }
    }

    private static func add(
        _ bytes: UnsafeBufferPointer<UInt8>, _ start: Int, _ sines: UnsafeBufferPointer<UInt32>,
        _ shifts: UnsafeBufferPointer<UInt32>, _ state: inout [UInt32]
    ) {
        var (a, b, c, d) = (state[0], state[1], state[2], state[3])
        for step in 0..<64 {
            let mixed: UInt32
            let word: Int
            switch step / 16 {
            case 0: (mixed, word) = (b & c | ~b & d, step)
            case 1: (mixed, word) = (d & b | ~d & c, (5 * step + 1) % 16)
            case 2: (mixed, word) = (b ^ c ^ d, (3 * step + 5) % 16)
            default: (mixed, word) = (c ^ (b | ~d), 7 * step % 16)
            }
            let place = start + 4 * word
            let input =
                UInt32(bytes[place]) | UInt32(bytes[place + 1]) << 8
                | UInt32(bytes[place + 2]) << 16 | UInt32(bytes[place + 3]) << 24
            let sum = a &+ mixed &+ sines[step] &+ input
            let shift = shifts[step / 16 * 4 + step % 4]
            (a, d, c, b) = (d, c, b, b &+ (sum << shift | sum >> (32 - shift)))
        }
        state[0] &+= a
        state[1] &+= b
        state[2] &+= c
        state[3] &+= d
    }
}
