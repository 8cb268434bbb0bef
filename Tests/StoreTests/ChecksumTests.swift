import CPrimitives
import TestSupport
import Testing

@Suite("CRC-32C")
struct ChecksumTests {
    private func sum(_ bytes: [UInt8], from crc: UInt32 = 0) -> UInt32 {
        cp_crc32c(crc, bytes, bytes.count)
    }

    @Test("has the values of RFC 3720")
    func knownValues() {
        #expect(sum(Array("123456789".utf8)) == 0xE306_9283)
        #expect(sum([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
        #expect(sum([UInt8](repeating: 0xFF, count: 32)) == 0x62A8_AB43)
        #expect(sum(Array(0..<32)) == 0x46DD_794E)
        #expect(sum([]) == 0)
    }

    @Test("is the same with and without the processor's instruction, in one call or several")
    func agrees() {
        var random = SeededRandom(seed: testSeed)
        for count in 0..<200 {
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            let crc = UInt32.random(in: 0...UInt32.max, using: &random)
            let table = cp_crc32c_table(crc, bytes, count)
            #expect(sum(bytes, from: crc) == table, "seed \(testSeed), \(count) bytes")
            let cut = Int.random(in: 0...count, using: &random)
            let first = sum(Array(bytes[..<cut]), from: crc)
            #expect(sum(Array(bytes[cut...]), from: first) == table, "seed \(testSeed)")
        }
    }
}
