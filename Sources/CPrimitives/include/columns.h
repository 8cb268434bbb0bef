#ifndef CPRIMITIVES_COLUMNS_H
#define CPRIMITIVES_COLUMNS_H

#include <stddef.h>
#include <stdint.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "row blocks are read and written as they lie in memory, which must be little-endian"
#endif

// The loops of docs/row-blocks.md: integers to and from deltas of 1, 2, 4 or 8 bytes, bits to and
// from bytes, lengths and codes to views. All inputs may be unaligned. Sums wrap around, so that
// every pattern of bits gives a value. Lengths and codes are checked by the caller.

/// A string as columns hold it: length in the low half of `header`, the first four bytes above it.
typedef struct {
    uint64_t header;
    const uint8_t *_Nonnull base;
} cp_view;

#define CP_LOAD(TYPE, INDEX)                                         \
    TYPE delta;                                                      \
    __builtin_memcpy(&delta, in + (INDEX) * sizeof delta, sizeof delta)

/// `out[i] = base + delta[i]`; a width of 0 means that all deltas are 0.
static inline void cp_unpack(const uint8_t *_Nonnull restrict in, int width, uint64_t base,
                             uint64_t *_Nonnull restrict out, size_t count) {
#define LOOP(TYPE)                           \
    for (size_t i = 0; i < count; i++) {     \
        CP_LOAD(TYPE, i);                    \
        out[i] = base + (uint64_t)delta;     \
    }                                        \
    break
    switch (width) {
        case 1: LOOP(uint8_t);
        case 2: LOOP(uint16_t);
        case 4: LOOP(uint32_t);
        case 8: LOOP(uint64_t);
        default:
            for (size_t i = 0; i < count; i++) out[i] = base;
    }
#undef LOOP
}

/// The same for values of 128 bits, whose base is given in halves.
static inline void cp_unpack_wide(const uint8_t *_Nonnull restrict in, int width, uint64_t low,
                                  uint64_t high, uint64_t *_Nonnull restrict out, size_t count) {
#define LOOP(TYPE)                                     \
    for (size_t i = 0; i < count; i++) {               \
        CP_LOAD(TYPE, i);                              \
        uint64_t sum = low + (uint64_t)delta;          \
        out[2 * i] = sum;                              \
        out[2 * i + 1] = high + (sum < low ? 1 : 0);   \
    }                                                  \
    break
    switch (width) {
        case 1: LOOP(uint8_t);
        case 2: LOOP(uint16_t);
        case 4: LOOP(uint32_t);
        case 8: LOOP(uint64_t);
        default:
            for (size_t i = 0; i < count; i++) {
                out[2 * i] = low;
                out[2 * i + 1] = high;
            }
    }
#undef LOOP
}

/// `out[0] = first`, `out[i] = out[i - 1] + step + delta[i - 1]`. `count` is at least 1.
static inline void cp_undelta(const uint8_t *_Nonnull restrict in, int width, uint64_t first,
                              uint64_t step, uint64_t *_Nonnull restrict out, size_t count) {
    uint64_t sum = first;
    out[0] = sum;
#define LOOP(TYPE)                           \
    for (size_t i = 1; i < count; i++) {     \
        CP_LOAD(TYPE, i - 1);                \
        sum += step + (uint64_t)delta;       \
        out[i] = sum;                        \
    }                                        \
    break
    switch (width) {
        case 1: LOOP(uint8_t);
        case 2: LOOP(uint16_t);
        case 4: LOOP(uint32_t);
        case 8: LOOP(uint64_t);
        default:
            for (size_t i = 1; i < count; i++) {
                sum += step;
                out[i] = sum;
            }
    }
#undef LOOP
}

/// The low `width` bytes of `in[i] - base`.
static inline void cp_pack(const uint64_t *_Nonnull restrict in, uint64_t base, int width,
                           uint8_t *_Nonnull restrict out, size_t count) {
#define LOOP(TYPE)                                                       \
    for (size_t i = 0; i < count; i++) {                                 \
        TYPE delta = (TYPE)(in[i] - base);                               \
        __builtin_memcpy(out + i * sizeof delta, &delta, sizeof delta);  \
    }                                                                    \
    break
    switch (width) {
        case 1: LOOP(uint8_t);
        case 2: LOOP(uint16_t);
        case 4: LOOP(uint32_t);
        case 8: LOOP(uint64_t);
        default: break;
    }
#undef LOOP
}

/// The low `width` bytes of `in[i + 1] - in[i] - step`, for `count` differences.
static inline void cp_pack_deltas(const uint64_t *_Nonnull restrict in, uint64_t step, int width,
                                  uint8_t *_Nonnull restrict out, size_t count) {
#define LOOP(TYPE)                                                       \
    for (size_t i = 0; i < count; i++) {                                 \
        TYPE delta = (TYPE)(in[i + 1] - in[i] - step);                   \
        __builtin_memcpy(out + i * sizeof delta, &delta, sizeof delta);  \
    }                                                                    \
    break
    switch (width) {
        case 1: LOOP(uint8_t);
        case 2: LOOP(uint16_t);
        case 4: LOOP(uint32_t);
        case 8: LOOP(uint64_t);
        default: break;
    }
#undef LOOP
}

/// The sum of `count` lengths, `base + delta[i]` each. Does not overflow below 2^31 of them.
static inline uint64_t cp_sum_lengths(const uint8_t *_Nonnull in, int width, uint32_t base,
                                      size_t count) {
    uint64_t sum = (uint64_t)base * count;
#define LOOP(TYPE)                           \
    for (size_t i = 0; i < count; i++) {     \
        CP_LOAD(TYPE, i);                    \
        sum += delta;                        \
    }                                        \
    break
    switch (width) {
        case 1: LOOP(uint8_t);
        case 2: LOOP(uint16_t);
        case 4: LOOP(uint32_t);
        default: break;
    }
#undef LOOP
    return sum;
}

static inline cp_view cp_make_view(const uint8_t *_Nonnull bytes, uint32_t length) {
    uint32_t prefix;
    __builtin_memcpy(&prefix, bytes, 4);
    prefix &= length >= 4 ? 0xffffffffu : (1u << (8 * length)) - 1;
    return (cp_view){(uint64_t)length | (uint64_t)prefix << 32, bytes};
}

/// Views of `count` strings that lie one behind the other, of lengths `base + delta[i]`. Reads up to
/// four bytes behind the last one.
static inline void cp_make_views(const uint8_t *_Nonnull restrict in, int width, uint32_t base,
                                 const uint8_t *_Nonnull bytes, void *_Nonnull restrict views,
                                 size_t count) {
    cp_view *out = views;
#define LOOP(TYPE)                              \
    for (size_t i = 0; i < count; i++) {        \
        CP_LOAD(TYPE, i);                       \
        uint32_t length = base + delta;         \
        out[i] = cp_make_view(bytes, length);   \
        bytes += length;                        \
    }                                           \
    break
    switch (width) {
        case 1: LOOP(uint8_t);
        case 2: LOOP(uint16_t);
        case 4: LOOP(uint32_t);
        default:
            for (size_t i = 0; i < count; i++) out[i] = cp_make_view(bytes + i * base, base);
    }
#undef LOOP
}

/// The highest of `count` codes of 1 or 2 bytes; 0 without any.
static inline uint32_t cp_max_code(const uint8_t *_Nonnull in, int width, size_t count) {
#define LOOP(TYPE)                              \
    {                                           \
        TYPE most = 0;                          \
        for (size_t i = 0; i < count; i++) {    \
            CP_LOAD(TYPE, i);                   \
            most = delta > most ? delta : most; \
        }                                       \
        return most;                            \
    }
    if (width == 1) LOOP(uint8_t)
    LOOP(uint16_t)
#undef LOOP
}

/// `out[i] = table[code[i]]`, for codes of 1 or 2 bytes.
static inline void cp_look_up_views(const uint8_t *_Nonnull restrict in, int width,
                                    const void *_Nonnull restrict table,
                                    void *_Nonnull restrict views, size_t count) {
    const cp_view *entries = table;
    cp_view *out = views;
    if (width == 1) {
        for (size_t i = 0; i < count; i++) out[i] = entries[in[i]];
    } else {
        for (size_t i = 0; i < count; i++) {
            CP_LOAD(uint16_t, i);
            out[i] = entries[delta];
        }
    }
}

/// Copies the bytes of `count` strings one behind the other and returns how many they are. Where
/// `validity` is given, strings whose byte in it is 0 are left out. Reads and writes up to 15 bytes
/// behind each of them.
static inline size_t cp_copy_strings(const void *_Nonnull views,
                                     const uint8_t *_Nullable validity, uint8_t *_Nonnull out,
                                     size_t count) {
    const cp_view *in = views;
    uint8_t *next = out;
    for (size_t i = 0; i < count; i++) {
        if (validity && !validity[i]) continue;
        size_t length = (uint32_t)in[i].header;
        const uint8_t *from = in[i].base;
        if (length <= 64) {
            // A call for so few bytes costs more than the copy.
            for (size_t k = 0; k < length; k += 16) {
                __uint128_t piece;
                __builtin_memcpy(&piece, from + k, 16);
                __builtin_memcpy(next + k, &piece, 16);
            }
        } else {
            __builtin_memcpy(next, from, length);
        }
        next += length;
    }
    return (size_t)(next - out);
}

/// Bits, the lowest first, from bytes that are 0 or not. Writes `(count + 7) / 8` bytes; reads `in`
/// up to a multiple of 8.
static inline void cp_pack_bits(const uint8_t *_Nonnull restrict in, uint8_t *_Nonnull restrict out,
                                size_t count) {
    const uint64_t low = 0x7f7f7f7f7f7f7f7fULL, ones = 0x0101010101010101ULL;
    for (size_t i = 0; i < count; i += 8) {
        uint64_t word;
        __builtin_memcpy(&word, in + i, 8);
        word = ((((word & low) + low) | word) >> 7) & ones;
        if (count - i < 8) word &= (1ULL << (8 * (count - i))) - 1;
        out[i / 8] = (uint8_t)((word * 0x0102040810204080ULL) >> 56);
    }
}

/// Bytes of 0 and 1 from bits. Writes `out` up to a multiple of 8.
static inline void cp_unpack_bits(const uint8_t *_Nonnull restrict in,
                                  uint8_t *_Nonnull restrict out, size_t count) {
    const uint64_t low = 0x7f7f7f7f7f7f7f7fULL, ones = 0x0101010101010101ULL;
    for (size_t i = 0; i < count; i += 8) {
        uint64_t word = (in[i / 8] * ones) & 0x8040201008040201ULL;
        word = ((word + low) >> 7) & ones;
        __builtin_memcpy(out + i, &word, 8);
    }
}

/// Makes `words` words a row zero where the row's byte in `validity` is 0; the others have 1 there.
static inline void cp_clear_nulls(uint64_t *_Nonnull restrict values, size_t words,
                                  const uint8_t *_Nonnull restrict validity, size_t count) {
    if (words == 1) {
        for (size_t i = 0; i < count; i++) values[i] &= 0 - (uint64_t)validity[i];
    } else {
        for (size_t i = 0; i < count; i++) {
            values[2 * i] &= 0 - (uint64_t)validity[i];
            values[2 * i + 1] &= 0 - (uint64_t)validity[i];
        }
    }
}

/// Makes views empty where the row's byte in `validity` is 0.
static inline void cp_clear_null_views(void *_Nonnull restrict views,
                                       const uint8_t *_Nonnull restrict validity, size_t count) {
    cp_view *out = views;
    for (size_t i = 0; i < count; i++) out[i].header &= 0 - (uint64_t)validity[i];
}

#undef CP_LOAD

#endif
