import Glibc

/// MD5 (RFC 1321) of some bytes: to tell texts apart, not to keep secrets.
///
/// - Returns: 16 bytes.
/// - Complexity: O(bytes).
package func md5(_ message: [UInt8]) -> [UInt8] {
    var padded = message
    padded.append(0x80)
    while padded.count % 64 != 56 { padded.append(0) }
    padded.append(littleEndian: UInt64(message.count) &* 8)
    var state: [UInt32] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476]
    for start in stride(from: 0, to: padded.count, by: 64) {
        let words = (0..<16).map { word in
            (0..<4).reduce(UInt32(0)) {
                $0 | UInt32(padded[start + 4 * word + $1]) << UInt32(8 * $1)
            }
        }
        mix(words, into: &state)
    }
    var result: [UInt8] = []
    for word in state { result.append(littleEndian: word) }
    return result
}

/// The standard's constants: the digits behind the point of the sines of 1 to 64.
private let sines = (1...64).map { UInt32(abs(sin(Double($0))) * 0x1p32) }

private let rotations: [[UInt32]] = [
    [7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21],
]

/// One block of 16 words. Additions wrap, as the standard has them modulo 2^32.
private func mix(_ words: [UInt32], into state: inout [UInt32]) {
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
        let sum = a &+ mixed &+ sines[step] &+ words[word]
        let count = rotations[step / 16][step % 4]
        (a, d, c, b) = (d, c, b, b &+ (sum << count | sum >> (32 - count)))
    }
    for (index, value) in [a, b, c, d].enumerated() { state[index] = state[index] &+ value }
}
