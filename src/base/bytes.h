/* Unaligned big- and little-endian numbers, as they stand in PDUs, CDBs and on disk. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

#define BYTES_DEFINE(bits, order, to_host, from_host)                                              \
    static inline uint##bits##_t get_##order##bits(const void *from)                               \
    {                                                                                              \
        uint##bits##_t raw;                                                                        \
        memcpy(&raw, from, sizeof raw);                                                            \
        return to_host(raw);                                                                       \
    }                                                                                              \
    static inline void put_##order##bits(void *to, uint##bits##_t value)                           \
    {                                                                                              \
        uint##bits##_t raw = from_host(value);                                                     \
        memcpy(to, &raw, sizeof raw);                                                              \
    }

BYTES_DEFINE(16, be, be16toh, htobe16)
BYTES_DEFINE(32, be, be32toh, htobe32)
BYTES_DEFINE(64, be, be64toh, htobe64)
BYTES_DEFINE(16, le, le16toh, htole16)
BYTES_DEFINE(32, le, le32toh, htole32)
BYTES_DEFINE(64, le, le64toh, htole64)

#undef BYTES_DEFINE

#endif
