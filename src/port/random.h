/* Port: random numbers, for jitter only; nothing secret is drawn here. */
#ifndef PORT_RANDOM_H
#define PORT_RANDOM_H

#include <stdint.h>

struct random_port {
    /* The next number, uniform over 32 bits. */
    uint32_t (*next)(struct random_port *port);
};

/* Uniform enough over [0, bound); bound > 0. */
static inline uint32_t port_random_below(struct random_port *port, uint32_t bound)
{
    return (uint32_t)(((uint64_t)port->next(port) * bound) >> 32);
}

#endif
