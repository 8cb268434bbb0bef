/// SHA-256 (FIPS 180-4) of some bytes: how fingerprints are made short, and a function for rows.
///
/// - Complexity: O(bytes); allocates for each block, so that it is for short texts.
package func sha256(_ message: [UInt8]) -> [UInt8] {
    var padded = message
    padded.append(0x80)
    while padded.count % 64 != 56 { padded.append(0) }
    let bitCount = UInt64(message.count) * 8
    for shift in stride(from: 56, through: 0, by: -8) {
        padded.append(UInt8(truncatingIfNeeded: bitCount >> UInt64(shift)))
    }
    var state: [UInt32] = [
        0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab,
        0x5be0_cd19,
    ]
    for start in stride(from: 0, to: padded.count, by: 64) {
        mix(padded[start..<start + 64], into: &state)
    }
    return state.flatMap { word in
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: word >> UInt32($0)) }
    }
}

/// One block of 64 bytes. Additions wrap, as the standard has them modulo 2^32.
private func mix(_ block: ArraySlice<UInt8>, into state: inout [UInt32]) {
    var words: [UInt32] = []
    words.reserveCapacity(64)
    for start in stride(from: block.startIndex, to: block.endIndex, by: 4) {
        words.append(block[start..<start + 4].reduce(0) { $0 << 8 | UInt32($1) })
    }
    for index in 16..<64 {
        let early = words[index - 15]
        let late = words[index - 2]
        let small = rotate(early, 7) ^ rotate(early, 18) ^ (early >> 3)
        let large = rotate(late, 17) ^ rotate(late, 19) ^ (late >> 10)
        words.append(words[index - 16] &+ small &+ words[index - 7] &+ large)
    }
    var round = state
    for index in 0..<64 {
        let (a, e) = (round[0], round[4])
        let choice = (e & round[5]) ^ (~e & round[6])
        let majority = (a & round[1]) ^ (a & round[2]) ^ (round[1] & round[2])
        let left = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)
        let right = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)
        let first = round[7] &+ left &+ choice &+ roundConstants[index] &+ words[index]
        round = [
            first &+ right &+ majority, a, round[1], round[2], round[3] &+ first, e, round[5],
            round[6],
        ]
    }
    for index in 0..<8 { state[index] = state[index] &+ round[index] }
}

private func rotate(_ word: UInt32, _ count: UInt32) -> UInt32 {
    word >> count | word << (32 - count)
}

private let roundConstants: [UInt32] = [
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
]
