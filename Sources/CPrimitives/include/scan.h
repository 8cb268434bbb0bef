#ifndef CPRIMITIVES_SCAN_H
#define CPRIMITIVES_SCAN_H

#include <stddef.h>
#include <stdint.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

/// How many readable bytes must follow the end given to a scan. The scans load 16 bytes at a time
/// and may look past `end`, but never return a pointer past it.
#define CP_SCAN_PADDING 64

/// The first byte in [p, end) that ends or interrupts a plain JSON string: a quote, a backslash, a
/// control character, or a byte that is not ASCII. `end` when there is none.
/// `end[0..<CP_SCAN_PADDING]` must be readable.
static inline const uint8_t *_Nonnull cp_scan_json_string(const uint8_t *_Nonnull p,
                                                          const uint8_t *_Nonnull end) {
#if defined(__SSE2__)
    const __m128i quote = _mm_set1_epi8('"');
    const __m128i backslash = _mm_set1_epi8('\\');
    const __m128i space = _mm_set1_epi8(0x20);
    while (p < end) {
        __m128i v = _mm_loadu_si128((const __m128i *)p);
        // As signed bytes, both control characters and bytes >= 0x80 are less than 0x20.
        __m128i hit = _mm_or_si128(
            _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, backslash)),
            _mm_cmplt_epi8(v, space));
        unsigned mask = (unsigned)_mm_movemask_epi8(hit);
        if (mask) {
            const uint8_t *found = p + __builtin_ctz(mask);
            return found < end ? found : end;
        }
        p += 16;
    }
    return end;
#elif defined(__ARM_NEON)
    const int8x16_t space = vdupq_n_s8(0x20);
    while (p < end) {
        uint8x16_t v = vld1q_u8(p);
        uint8x16_t hit = vorrq_u8(vorrq_u8(vceqq_u8(v, vdupq_n_u8('"')),
                                           vceqq_u8(v, vdupq_n_u8('\\'))),
                                  vcltq_s8(vreinterpretq_s8_u8(v), space));
        uint64_t mask =
            vget_lane_u64(vreinterpret_u64_u8(vshrn_n_u16(vreinterpretq_u16_u8(hit), 4)), 0);
        if (mask) {
            const uint8_t *found = p + (__builtin_ctzll(mask) >> 2);
            return found < end ? found : end;
        }
        p += 16;
    }
    return end;
#else
    while (p < end && *p != '"' && *p != '\\' && *p >= 0x20 && *p < 0x80) p++;
    return p;
#endif
}

/// The first byte in [p, end) that is `a` or `b`; `end` when there is none.
/// `end[0..<CP_SCAN_PADDING]` must be readable.
static inline const uint8_t *_Nonnull cp_scan_either(const uint8_t *_Nonnull p,
                                                     const uint8_t *_Nonnull end, uint8_t a,
                                                     uint8_t b) {
#if defined(__SSE2__)
    const __m128i first = _mm_set1_epi8((char)a), second = _mm_set1_epi8((char)b);
    while (p < end) {
        __m128i v = _mm_loadu_si128((const __m128i *)p);
        unsigned mask = (unsigned)_mm_movemask_epi8(
            _mm_or_si128(_mm_cmpeq_epi8(v, first), _mm_cmpeq_epi8(v, second)));
        if (mask) {
            const uint8_t *found = p + __builtin_ctz(mask);
            return found < end ? found : end;
        }
        p += 16;
    }
    return end;
#elif defined(__ARM_NEON)
    const uint8x16_t first = vdupq_n_u8(a), second = vdupq_n_u8(b);
    while (p < end) {
        uint8x16_t v = vld1q_u8(p);
        uint8x16_t hit = vorrq_u8(vceqq_u8(v, first), vceqq_u8(v, second));
        uint64_t mask =
            vget_lane_u64(vreinterpret_u64_u8(vshrn_n_u16(vreinterpretq_u16_u8(hit), 4)), 0);
        if (mask) {
            const uint8_t *found = p + (__builtin_ctzll(mask) >> 2);
            return found < end ? found : end;
        }
        p += 16;
    }
    return end;
#else
    while (p < end && *p != a && *p != b) p++;
    return p;
#endif
}

/// How many bytes of [p, p + count) are `byte`. Reads nothing behind them.
static inline size_t cp_count_byte(const uint8_t *_Nonnull p, size_t count, uint8_t byte) {
    size_t total = 0;
    while (count > 0) {
        // The inner count fits a byte, which lets the compiler add sixteen at a time.
        size_t piece = count < 240 ? count : 240;
        uint8_t hits = 0;
        for (size_t i = 0; i < piece; i++) hits = (uint8_t)(hits + (p[i] == byte));
        total += hits;
        p += piece;
        count -= piece;
    }
    return total;
}

/// Whether no byte of [p, p + count) is above 0x7f. Reads nothing behind them.
static inline int cp_is_ascii(const uint8_t *_Nonnull p, size_t count) {
    uint64_t all = 0, word;
    size_t i = 0;
    for (; i + 64 <= count; i += 64) {
        for (size_t k = 0; k < 64; k += 8) {
            __builtin_memcpy(&word, p + i + k, 8);
            all |= word;
        }
        if (all & 0x8080808080808080ULL) return 0;
    }
    uint8_t rest = 0;
    for (; i < count; i++) rest |= p[i];
    return (rest & 0x80) == 0;
}

/// Whether `count` bytes are equal. For keys of up to a few dozen bytes, where a call costs more
/// than the comparison. Both sides must have 8 readable bytes when `count` >= 8.
static inline int cp_equal(const uint8_t *_Nonnull a, const uint8_t *_Nonnull b, size_t count) {
    uint64_t x, y;
    if (count >= 8) {
        size_t i = 0;
        for (; i + 8 <= count; i += 8) {
            __builtin_memcpy(&x, a + i, 8);
            __builtin_memcpy(&y, b + i, 8);
            if (x != y) return 0;
        }
        __builtin_memcpy(&x, a + count - 8, 8);
        __builtin_memcpy(&y, b + count - 8, 8);
        return x == y;
    }
    for (size_t i = 0; i < count; i++)
        if (a[i] != b[i]) return 0;
    return 1;
}

#endif
