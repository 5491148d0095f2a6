#include "nbd-server/export.h"

#include <string.h>

#include "nbd-server/protocol.h"

/* Bytes of the UTF-8 sequence at `at` (RFC 3629: shortest form, no surrogates), 0 when none. */
static size_t sequence_bytes(const uint8_t *at)
{
    static const struct {
        uint8_t first, last; /* of the leading byte */
        uint8_t second_min, second_max;
        size_t bytes;
    } forms[] = {
        {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
        {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
        {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    if (at[0] < 0x80)
        return 1;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (at[0] < forms[i].first || at[0] > forms[i].last)
            continue;
        if (at[1] < forms[i].second_min || at[1] > forms[i].second_max)
            return 0;
        for (size_t k = 2; k < forms[i].bytes; k++) /* stops at the final NUL */
            if ((at[k] & 0xc0) != 0x80)
                return 0;
        return forms[i].bytes;
    }
    return 0;
}

bool nsrv_string_is_valid(const char *string)
{
    if (strlen(string) > NSRV_STRING_BYTES_MAX)
        return false;
    for (const uint8_t *at = (const uint8_t *)string; *at;) {
        const size_t bytes = sequence_bytes(at);
        if (bytes == 0)
            return false;
        at += bytes;
    }
    return true;
}

bool nsrv_export_has_name(const struct nsrv_export *export, const uint8_t *name, size_t bytes)
{
    if (bytes == 0)
        return true;
    return bytes == strlen(export->name) && memcmp(name, export->name, bytes) == 0;
}

uint16_t nsrv_export_flags(const struct vol_geometry *geometry, bool structured)
{
    /* Several connections are honest: all of them see the one volume, and its FLUSH covers the
     * writes of all. */
    unsigned flags =
        NSRV_HAS_FLAGS | NSRV_SEND_FLUSH | NSRV_SEND_FUA | NSRV_SEND_CACHE | NSRV_CAN_MULTI_CONN;
    if (structured)
        flags |= NSRV_SEND_DF;
    if (geometry->read_only)
        return (uint16_t)(flags | NSRV_READ_ONLY);
    flags |= NSRV_SEND_WRITE_ZEROES;
    if (geometry->can_trim)
        flags |= NSRV_SEND_TRIM;
    if (geometry->can_fast_zero)
        flags |= NSRV_SEND_FAST_ZERO;
    return (uint16_t)flags;
}
