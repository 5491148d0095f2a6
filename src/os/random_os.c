#include "os/random_os.h"

#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/list.h"

static uint32_t random_os_next(struct random_port *port)
{
    struct random_os *random = container_of(port, struct random_os, port);
    random->state ^= random->state >> 12;
    random->state ^= random->state << 25;
    random->state ^= random->state >> 27;
    return (uint32_t)((random->state * UINT64_C(0x2545f4914f6cdd1d)) >> 32);
}

/* For an initramfs whose kernel has no entropy yet: better the clock than waiting for it. */
static uint64_t seed_from_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_nsec ^ ((uint64_t)now.tv_sec << 32) ^ ((uint64_t)getpid() << 16);
}

void random_os_init(struct random_os *random)
{
    *random = (struct random_os){.port = {random_os_next}};
    if (getrandom(&random->state, sizeof random->state, GRND_NONBLOCK) !=
        (ssize_t)sizeof random->state)
        random->state = seed_from_clock();
    if (random->state == 0) /* the one state that xorshift never leaves */
        random->state = 1;
}
