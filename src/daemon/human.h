/* Numbers as people read them in log lines and in the status. */
#ifndef DAEMON_HUMAN_H
#define DAEMON_HUMAN_H

#include <stddef.h>
#include <stdint.h>

#define HUMAN_BYTES 32

/* Both return ret_text: "21.4 s", "5 min", "2 h 5 min"; "48 KiB", "1.5 GiB". */
const char *human_time(uint64_t ms, char ret_text[HUMAN_BYTES]);
const char *human_size(uint64_t bytes, char ret_text[HUMAN_BYTES]);

/* "s" unless there is exactly one. */
const char *human_plural(uint64_t count);

#endif
