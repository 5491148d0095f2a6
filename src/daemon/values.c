#include "daemon/values.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unit {
    const char *suffix;
    uint64_t factor;
};

/* Largest first: printing takes the first that divides. */
static const struct unit durations[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000},
                                        {"s", 1000},     {"ms", 1},      {NULL, 0}};
static const struct unit sizes[] = {{"T", 1ull << 40}, {"G", 1ull << 30}, {"M", 1ull << 20},
                                    {"K", 1ull << 10}, {"", 1},           {NULL, 0}};

/* strtoull() takes signs and leading blanks: a value that begins with either is no number. */
static bool read_digits(const char *text, unsigned base, uint64_t *ret_number, const char **ret_end)
{
    if (!isdigit((unsigned char)text[0]))
        return false;
    char *end;
    errno = 0;
    *ret_number = strtoull(text, &end, (int)base);
    *ret_end = end;
    return errno == 0 && end != text;
}

static bool scale(const struct unit *units, const char *suffix, uint64_t number,
                  uint64_t *ret_value)
{
    for (; units->suffix; units++) {
        if (strcasecmp(units->suffix, suffix) == 0)
            return !__builtin_mul_overflow(number, units->factor, ret_value);
    }
    return false;
}

int value_duration(const char *text, uint64_t *ret_ms, struct fault *fault)
{
    uint64_t number;
    const char *suffix;
    if (!read_digits(text, 10, &number, &suffix))
        return fault_set(fault, -EINVAL, "'%.64s' is no duration; write it as 500ms, 10s, 5m or 2h",
                         text);
    if (number == 0 && *suffix == '\0') {
        *ret_ms = 0;
        return 0;
    }
    if (*suffix == '\0')
        return fault_set(fault, -EINVAL,
                         "'%.64s' lacks a unit; write %.20ss for seconds, %.20sm "
                         "for minutes",
                         text, text, text);
    if (!scale(durations, suffix, number, ret_ms))
        return fault_set(fault, -EINVAL, "'%.64s' is no duration; write it as 500ms, 10s, 5m or 2h",
                         text);
    return 0;
}

int value_size(const char *text, uint64_t *ret_bytes, struct fault *fault)
{
    uint64_t number;
    const char *suffix;
    if (!read_digits(text, 10, &number, &suffix) || !scale(sizes, suffix, number, ret_bytes))
        return fault_set(fault, -EINVAL, "'%.64s' is no size; write it as 4096, 4K, 32M or 1G",
                         text);
    return 0;
}

int value_number(const char *text, unsigned base, uint64_t *ret_number, struct fault *fault)
{
    uint64_t number;
    const char *end;
    if (!read_digits(text, base, &number, &end) || *end != '\0')
        return fault_set(fault, -EINVAL, "'%.64s' is no %s", text,
                         base == 8 ? "octal mode; write it as 0600" : "whole number");
    *ret_number = number;
    return 0;
}

int value_switch(const char *text, bool *ret_on, struct fault *fault)
{
    static const char *const words[] = {"no", "yes", "false", "true", "off", "on", "0", "1"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcasecmp(text, words[i]) == 0) {
            *ret_on = i % 2;
            return 0;
        }
    }
    return fault_set(fault, -EINVAL, "'%.64s' is neither yes nor no", text);
}

static void print_scaled(const struct unit *units, uint64_t value, char *ret_text,
                         size_t text_bytes)
{
    while (units[1].suffix && value % units->factor != 0)
        units++;
    snprintf(ret_text, text_bytes, "%" PRIu64 "%s", value / units->factor, units->suffix);
}

void value_print_duration(uint64_t ms, char *ret_text, size_t text_bytes)
{
    if (ms == 0)
        snprintf(ret_text, text_bytes, "0");
    else
        print_scaled(durations, ms, ret_text, text_bytes);
}

void value_print_size(uint64_t bytes, char *ret_text, size_t text_bytes)
{
    if (bytes == 0)
        snprintf(ret_text, text_bytes, "0");
    else
        print_scaled(sizes, bytes, ret_text, text_bytes);
}
