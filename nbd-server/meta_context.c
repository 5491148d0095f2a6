#include "nbd-server/meta_context.h"

#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "nbd-server/protocol.h"

static uint32_t allocation_status(uint32_t flags)
{
    return (flags & VOL_EXTENT_HOLE ? NSRV_STATE_HOLE : 0) |
           (flags & VOL_EXTENT_ZERO ? NSRV_STATE_ZERO : 0);
}

static uint32_t dirty_status(uint32_t flags)
{
    return flags & VOL_EXTENT_DIRTY ? NSRV_STATE_DIRTY : 0;
}

static const struct {
    const char *name;
    size_t namespace_bytes; /* with the colon */
    uint32_t (*status)(uint32_t extent_flags);
} contexts[NSRV_CONTEXTS] = {
    [NSRV_CONTEXT_ALLOCATION] = {"base:allocation", sizeof "base:" - 1, allocation_status},
    [NSRV_CONTEXT_DIRTY] = {"holdfast:dirty", sizeof "holdfast:" - 1, dirty_status},
};

const char *nsrv_context_name(unsigned context)
{
    assert(context < NSRV_CONTEXTS);
    return contexts[context].name;
}

unsigned nsrv_context_match(const char *query, size_t bytes, bool listing)
{
    unsigned set = 0;
    for (unsigned i = 0; i < NSRV_CONTEXTS; i++) {
        const size_t name_bytes = strlen(contexts[i].name);
        const bool wildcard = listing && bytes == contexts[i].namespace_bytes;
        if ((wildcard || bytes == name_bytes) && memcmp(query, contexts[i].name, bytes) == 0)
            set |= 1u << i;
    }
    return set;
}

size_t nsrv_context_encode(unsigned context, const struct vol_extent *extents, unsigned count,
                           uint64_t length, uint8_t *ret_payload)
{
    assert(context < NSRV_CONTEXTS && count > 0 && length > 0 && length <= UINT32_MAX);
    uint8_t *at = ret_payload + 4;
    uint32_t run_bytes = 0, run_status = 0;
    put_be32(ret_payload, context + 1);
    for (unsigned i = 0; i < count && length > 0; i++) {
        const uint32_t bytes = (uint32_t)min_u64(extents[i].length, length);
        const uint32_t status = contexts[context].status(extents[i].flags);
        assert(bytes > 0);
        if (run_bytes > 0 && status == run_status) {
            at -= 8;
            run_bytes += bytes;
        } else {
            run_bytes = bytes;
            run_status = status;
        }
        put_be32(at, run_bytes);
        put_be32(at + 4, run_status);
        at += 8;
        length -= bytes;
    }
    return (size_t)(at - ret_payload);
}
