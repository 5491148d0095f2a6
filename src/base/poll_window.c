#include "base/poll_window.h"

#include "base/checked.h"

#define SMALLEST_US 8u

void poll_window_event(struct poll_window *window, uint64_t waited_us)
{
    if (waited_us > window->max_us)
        window->us = window->us / 2 < SMALLEST_US ? 0 : window->us / 2;
    else if (waited_us >= window->us)
        window->us =
            (uint32_t)min_u64(window->max_us, window->us == 0 ? SMALLEST_US : 2ull * window->us);
}
