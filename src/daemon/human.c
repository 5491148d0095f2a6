#include "daemon/human.h"

#include <inttypes.h>
#include <stdio.h>

#define SECOND UINT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

/* "2 h 5 min": the second part only when it is not 0. */
static void print_two(uint64_t ms, uint64_t unit, const char *name, uint64_t small,
                      const char *small_name, char *ret_text)
{
    uint64_t whole = ms / unit;
    uint64_t rest = ms % unit / small;
    if (rest > 0)
        snprintf(ret_text, HUMAN_BYTES, "%" PRIu64 " %s %" PRIu64 " %s", whole, name, rest,
                 small_name);
    else
        snprintf(ret_text, HUMAN_BYTES, "%" PRIu64 " %s", whole, name);
}

const char *human_time(uint64_t ms, char ret_text[HUMAN_BYTES])
{
    if (ms < SECOND)
        snprintf(ret_text, HUMAN_BYTES, "%" PRIu64 " ms", ms);
    else if (ms < MINUTE)
        snprintf(ret_text, HUMAN_BYTES, "%" PRIu64 ".%" PRIu64 " s", ms / SECOND,
                 ms % SECOND / 100);
    else if (ms < HOUR)
        print_two(ms, MINUTE, "min", SECOND, "s", ret_text);
    else if (ms < DAY)
        print_two(ms, HOUR, "h", MINUTE, "min", ret_text);
    else
        print_two(ms, DAY, "d", HOUR, "h", ret_text);
    return ret_text;
}

const char *human_size(uint64_t bytes, char ret_text[HUMAN_BYTES])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    unsigned unit = 0;
    uint64_t factor = 1;
    while (unit < 6 && bytes / factor >= 1024) {
        factor *= 1024;
        unit++;
    }
    /* In 1024ths of the unit first, so that nothing overflows and 10 is never reached. */
    uint64_t tenth = unit > 0 ? bytes % factor / (factor / 1024) * 10 / 1024 : 0;
    if (tenth > 0 && bytes / factor < 100)
        snprintf(ret_text, HUMAN_BYTES, "%" PRIu64 ".%" PRIu64 " %s", bytes / factor, tenth,
                 units[unit]);
    else
        snprintf(ret_text, HUMAN_BYTES, "%" PRIu64 " %s", bytes / factor, units[unit]);
    return ret_text;
}

const char *human_plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}
