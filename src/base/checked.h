/* Arithmetic: on numbers that a client, a target or a file sent, and on measures. */
#ifndef BASE_CHECKED_H
#define BASE_CHECKED_H

#include <stdbool.h>
#include <stdint.h>

/* True when [offset, offset + length) lies inside [0, size); never overflows. */
static inline bool range_is_inside(uint64_t offset, uint64_t length, uint64_t size)
{
    return offset <= size && length <= size - offset;
}

/* True when two ranges share at least one unit; empty ranges share nothing. */
static inline bool ranges_overlap(uint64_t a, uint64_t a_length, uint64_t b, uint64_t b_length)
{
    if (a_length == 0 || b_length == 0)
        return false;
    return a < b ? b - a < a_length : a - b < b_length;
}

static inline uint64_t round_down(uint64_t value, uint64_t unit)
{
    return value - value % unit;
}

/* The caller knows that value + unit does not overflow. */
static inline uint64_t round_up(uint64_t value, uint64_t unit)
{
    return round_down(value + unit - 1, unit);
}

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* A moving average, in which the new sample counts for a sixteenth. Both below 2^28. */
static inline uint32_t average_with(uint32_t average, uint32_t sample)
{
    return (average * 15 + sample) / 16;
}

static inline uint64_t max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

#endif
