/* The random port: xorshift64*, seeded by the kernel. For jitter and canaries, not for secrets. */
#ifndef OS_RANDOM_OS_H
#define OS_RANDOM_OS_H

#include <stdint.h>

#include "port/random.h"

struct random_os {
    struct random_port port;
    uint64_t state;
};

void random_os_init(struct random_os *random);

#endif
