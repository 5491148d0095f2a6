/* The values that people write: durations, sizes, numbers, switches. All refuse what they do not
 * understand completely, and say how it is written. */
#ifndef DAEMON_VALUES_H
#define DAEMON_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/fault.h"

/* "500ms", "10s", "5m", "2h", "1d", "0" (no unit) as milliseconds. */
int value_duration(const char *text, uint64_t *ret_ms, struct fault *fault);

/* "4096", "4K", "32M", "1G", "2T" as bytes; the units are powers of 1024. */
int value_size(const char *text, uint64_t *ret_bytes, struct fault *fault);

/* A whole number in the given base (8 or 10). */
int value_number(const char *text, unsigned base, uint64_t *ret_number, struct fault *fault);

/* yes, true, on, 1; no, false, off, 0. */
int value_switch(const char *text, bool *ret_on, struct fault *fault);

/* The other way round, the shortest exact form: "10s", "32M". */
void value_print_duration(uint64_t ms, char *ret_text, size_t text_bytes);
void value_print_size(uint64_t bytes, char *ret_text, size_t text_bytes);

#endif
