#include "os/read_canary.h"

#include <stddef.h>
#include <string.h>

#define PIECE_BYTES 4096u

/* The piece of `iov` that begins at `offset`: its length, and the place of its canary (NULL when
 * the piece is too short for one; blocks have 512 bytes or more, so the last one never is, as
 * long as buffers are not cut inside a block). */
static size_t piece_at(const struct iovec *iov, size_t offset, uint8_t **ret_canary)
{
    size_t bytes = iov->iov_len - offset;
    if (bytes > PIECE_BYTES)
        bytes = PIECE_BYTES;
    *ret_canary = NULL;
    if (bytes >= sizeof(uint64_t))
        *ret_canary = (uint8_t *)iov->iov_base + offset + bytes - sizeof(uint64_t);
    return bytes;
}

void read_canary_plant(const struct iovec *iov, int iov_count, uint64_t canary)
{
    for (int i = 0; i < iov_count; i++) {
        size_t bytes;
        for (size_t at = 0; at < iov[i].iov_len; at += bytes) {
            uint8_t *place;
            bytes = piece_at(&iov[i], at, &place);
            if (place)
                memcpy(place, &canary, sizeof canary);
        }
    }
}

uint32_t read_canary_missing(const struct iovec *iov, int iov_count, uint64_t canary)
{
    uint32_t missing = 0;
    for (int i = 0; i < iov_count; i++) {
        size_t bytes;
        for (size_t at = 0; at < iov[i].iov_len; at += bytes) {
            uint8_t *place;
            bytes = piece_at(&iov[i], at, &place);
            if (place && memcmp(place, &canary, sizeof canary) == 0)
                missing += (uint32_t)bytes;
        }
    }
    return missing;
}
