/* Latencies in 64 steps per power of two: a percentile is right to 1.6 %. */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_STEPS   64u
#define HISTOGRAM_BUCKETS (59u * HISTOGRAM_STEPS)

struct histogram {
    uint64_t count;
    uint64_t max;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *histogram, uint64_t value);

/* The value that `part` (0 to 1) of them do not exceed; 0 when there are none. */
double histogram_at(const struct histogram *histogram, double part);

#endif
