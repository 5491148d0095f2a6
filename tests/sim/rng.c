#include "tests/sim/rng.h"

#include <assert.h>

/* splitmix64 (Steele, Lea, Flood 2014): one addition and a mixer, any state is a good one. */
uint64_t rng_next(struct rng *rng)
{
    uint64_t z = rng->state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

struct rng rng_fork(uint64_t seed, const char *name)
{
    struct rng rng = {seed};
    for (const char *c = name; *c; c++)
        rng.state = rng_next(&rng) ^ (unsigned char)*c;
    rng_next(&rng);
    return rng;
}

uint64_t rng_below(struct rng *rng, uint64_t bound)
{
    assert(bound > 0);
    return (uint64_t)(((unsigned __int128)rng_next(rng) * bound) >> 64);
}

uint64_t rng_range(struct rng *rng, uint64_t low, uint64_t high)
{
    assert(low <= high);
    return low + rng_below(rng, high - low + 1);
}

uint64_t rng_log_range(struct rng *rng, uint64_t low, uint64_t high)
{
    assert(low > 0 && low <= high);
    unsigned doublings = 0;
    while (low << (doublings + 1) <= high && doublings < 62)
        doublings++;
    uint64_t from = low << rng_below(rng, doublings + 1);
    uint64_t to = from * 2 - 1 < high ? from * 2 - 1 : high;
    return rng_range(rng, from, to);
}

bool rng_chance(struct rng *rng, unsigned permille)
{
    return permille > 0 && rng_below(rng, 1000) < permille;
}

unsigned rng_pick(struct rng *rng, const unsigned *weights, unsigned count)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < count; i++)
        sum += weights[i];
    uint64_t at = rng_below(rng, sum);
    for (unsigned i = 0;; i++) {
        if (at < weights[i])
            return i;
        at -= weights[i];
    }
}
