/*
 * How fast the ring fills up, and when it will be full: from samples of the last FILL_SAMPLES
 * ticks. No clock: the caller samples, about once a second.
 */
#ifndef DAEMON_FILL_RATE_H
#define DAEMON_FILL_RATE_H

#include <stdint.h>

#define FILL_SAMPLES 16u

struct fill_rate {
    unsigned count; /* samples so far, at most FILL_SAMPLES */
    unsigned next;  /* where the next one goes */
    struct {
        uint64_t at_us;
        uint64_t used_bytes;
    } samples[FILL_SAMPLES];
};

void fill_rate_sample(struct fill_rate *rate, uint64_t now_us, uint64_t used_bytes);

/* Microseconds until the rest of the ring is used up, at the rate of the samples; 0: it does not
 * fill up. used_bytes: now; less than in the last sample: what was sampled is over. */
uint64_t fill_rate_until_full_us(const struct fill_rate *rate, uint64_t used_bytes,
                                 uint64_t ring_bytes);

#endif
