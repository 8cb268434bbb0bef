#ifndef CPRIMITIVES_HASH_H
#define CPRIMITIVES_HASH_H

#include <stddef.h>
#include <stdint.h>

/// One multiplication of 64 by 64 bits, its halves xored: the mixing step of the wyhash family.
static inline uint64_t cp_mix(uint64_t a, uint64_t b) {
    unsigned __int128 r = (unsigned __int128)a * b;
    return (uint64_t)r ^ (uint64_t)(r >> 64);
}

/// A hash of `count` bytes for hash tables in memory. It is the same on every machine of one byte
/// order, but is not part of any format: nothing on disk or in an output depends on it.
static inline uint64_t cp_hash(const uint8_t *_Nonnull p, size_t count) {
    const uint64_t k0 = 0xa0761d6478bd642fULL, k1 = 0xe7037ed1a0b428dbULL;
    uint64_t seed = k0 ^ count, a = 0, b = 0;
    size_t n = count;
    while (n > 16) {
        __builtin_memcpy(&a, p, 8);
        __builtin_memcpy(&b, p + 8, 8);
        seed = cp_mix(a ^ k1, b ^ seed);
        p += 16;
        n -= 16;
    }
    a = 0;
    b = 0;
    if (n >= 8) {
        __builtin_memcpy(&a, p, 8);
        __builtin_memcpy(&b, p + n - 8, 8);
    } else if (n >= 4) {
        uint32_t x, y;
        __builtin_memcpy(&x, p, 4);
        __builtin_memcpy(&y, p + n - 4, 4);
        a = x;
        b = y;
    } else if (n > 0) {
        a = ((uint64_t)p[0] << 16) | ((uint64_t)p[n >> 1] << 8) | p[n - 1];
    }
    return cp_mix(k1 ^ count, cp_mix(a ^ k1, b ^ seed));
}

/// The same for one 64-bit word.
static inline uint64_t cp_hash_word(uint64_t v) {
    return cp_mix(v ^ 0xa0761d6478bd642fULL, 0xe7037ed1a0b428dbULL);
}

#endif
