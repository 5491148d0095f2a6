#include "base/crc32c.h"

#include <isa-l/crc.h>
#include <limits.h>

uint32_t crc32c(uint32_t seed, const void *data, size_t bytes)
{
    /* ISA-L leaves both inversions to the caller, takes an int, and does not write. */
    uint8_t *at = (uint8_t *)(uintptr_t)data;
    uint32_t crc = ~seed;
    while (bytes > INT_MAX) {
        crc = crc32_iscsi(at, INT_MAX, crc);
        at += INT_MAX;
        bytes -= INT_MAX;
    }
    return ~crc32_iscsi(at, (int)bytes, crc);
}
