/*
 * Random numbers of a simulation: named streams, forked from the seed, so that drawing more from
 * one (a fault that is new, or gone) shifts none of the others.
 */
#ifndef SIM_RNG_H
#define SIM_RNG_H

#include <stdbool.h>
#include <stdint.h>

struct rng {
    uint64_t state;
};

/* The stream `name` of the seed. */
struct rng rng_fork(uint64_t seed, const char *name);

uint64_t rng_next(struct rng *rng);

/* Uniform over [0, bound); bound > 0. */
uint64_t rng_below(struct rng *rng, uint64_t bound);

/* Uniform over [low, high]. */
uint64_t rng_range(struct rng *rng, uint64_t low, uint64_t high);

/* Uniform in the logarithm over [low, high]: small and large values alike; low > 0. */
uint64_t rng_log_range(struct rng *rng, uint64_t low, uint64_t high);

/* True with a probability of permille / 1000; draws nothing for 0. */
bool rng_chance(struct rng *rng, unsigned permille);

/* An index of `weights`, in proportion to them; their sum is > 0. */
unsigned rng_pick(struct rng *rng, const unsigned *weights, unsigned count);

#endif
