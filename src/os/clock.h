/* Time for what may block: verbs, helpers, the supervisor. The loop has its own, in ev_loop.h. */
#ifndef OS_CLOCK_H
#define OS_CLOCK_H

#include <stdint.h>

/* Of a clock that does not jump. */
uint64_t clock_ms(void);

/* Shorter when a signal comes. */
void clock_pause_ms(uint64_t ms);

#endif
