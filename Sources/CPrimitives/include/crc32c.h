#ifndef CPRIMITIVES_CRC32C_H
#define CPRIMITIVES_CRC32C_H

#include <stddef.h>
#include <stdint.h>
#if defined(__aarch64__)
#include <arm_acle.h>
#if defined(__linux__)
#include <sys/auxv.h>
#endif
#endif

// CRC-32C (Castagnoli), the polynomial 0x1EDC6F41 reflected, with the usual inversions of the first
// and the last value: the checksum of iSCSI (RFC 3720, appendix B.4), ext4 and others. The running
// value is inverted at both ends of every call, so that a call continues where another stopped:
// crc(crc(0, a), b) == crc(0, a followed by b).

/// The portable way, half a byte a step. About 0.4 GB/s.
static inline uint32_t cp_crc32c_table(uint32_t crc, const uint8_t *_Nullable p, size_t count) {
    static const uint32_t table[16] = {
        0x00000000, 0x105EC76F, 0x20BD8EDE, 0x30E349B1, 0x417B1DBC, 0x5125DAD3,
        0x61C69362, 0x7198540D, 0x82F63B78, 0x92A8FC17, 0xA24BB5A6, 0xB21572C9,
        0xC38D26C4, 0xD3D3E1AB, 0xE330A81A, 0xF36E6F75,
    };
    crc = ~crc;
    for (size_t i = 0; i < count; i++) {
        crc ^= p[i];
        crc = (crc >> 4) ^ table[crc & 15];
        crc = (crc >> 4) ^ table[crc & 15];
    }
    return ~crc;
}

#if defined(__x86_64__)

/// With the instruction of SSE 4.2, 8 bytes a step. Only where cp_crc32c_has_hardware().
__attribute__((target("sse4.2"))) static inline uint32_t cp_crc32c_hardware(
    uint32_t crc, const uint8_t *_Nullable p, size_t count) {
    uint64_t c = (uint32_t)~crc, word;
    for (; count >= 8; p += 8, count -= 8) {
        __builtin_memcpy(&word, p, 8);
        c = __builtin_ia32_crc32di(c, word);
    }
    for (; count > 0; p++, count--) c = __builtin_ia32_crc32qi((uint32_t)c, *p);
    return ~(uint32_t)c;
}

static inline int cp_crc32c_has_hardware(void) { return __builtin_cpu_supports("sse4.2") != 0; }

#elif defined(__aarch64__)

/// With the instructions of ARMv8's CRC extension, 8 bytes a step. Only where
/// cp_crc32c_has_hardware().
__attribute__((target("crc"))) static inline uint32_t cp_crc32c_hardware(
    uint32_t crc, const uint8_t *_Nullable p, size_t count) {
    uint64_t word;
    crc = ~crc;
    for (; count >= 8; p += 8, count -= 8) {
        __builtin_memcpy(&word, p, 8);
        crc = __crc32cd(crc, word);
    }
    for (; count > 0; p++, count--) crc = __crc32cb(crc, *p);
    return ~crc;
}

static inline int cp_crc32c_has_hardware(void) {
#if defined(__ARM_FEATURE_CRC32)
    return 1;
#elif defined(__linux__)
    return (getauxval(AT_HWCAP) & (1UL << 7)) != 0;
#else
    return 0;
#endif
}

#else

static inline uint32_t cp_crc32c_hardware(uint32_t crc, const uint8_t *_Nullable p, size_t count) {
    return cp_crc32c_table(crc, p, count);
}

static inline int cp_crc32c_has_hardware(void) { return 0; }

#endif

/// The CRC-32C of `count` bytes, continued from `crc` (0 to begin).
static inline uint32_t cp_crc32c(uint32_t crc, const uint8_t *_Nullable p, size_t count) {
    if (cp_crc32c_has_hardware()) return cp_crc32c_hardware(crc, p, count);
    return cp_crc32c_table(crc, p, count);
}

#endif
