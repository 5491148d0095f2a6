#include "daemon/fill_rate.h"

void fill_rate_sample(struct fill_rate *rate, uint64_t now_us, uint64_t used_bytes)
{
    rate->samples[rate->next].at_us = now_us;
    rate->samples[rate->next].used_bytes = used_bytes;
    rate->next = (rate->next + 1) % FILL_SAMPLES;
    if (rate->count < FILL_SAMPLES)
        rate->count++;
}

uint64_t fill_rate_until_full_us(const struct fill_rate *rate, uint64_t used_bytes,
                                 uint64_t ring_bytes)
{
    if (rate->count < 2)
        return 0;
    unsigned last = (rate->next + FILL_SAMPLES - 1) % FILL_SAMPLES;
    unsigned first = (rate->next + FILL_SAMPLES - rate->count) % FILL_SAMPLES;
    uint64_t before = rate->samples[first].used_bytes, now = rate->samples[last].used_bytes;
    uint64_t time_us = rate->samples[last].at_us - rate->samples[first].at_us;
    if (now <= before || used_bytes < now || time_us == 0 || now >= ring_bytes)
        return 0;
    return (uint64_t)((double)(ring_bytes - now) / (double)(now - before) * (double)time_us);
}
