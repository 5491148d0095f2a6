/*
 * Metadata contexts (proto.md, "Metadata querying"): what BLOCK_STATUS can tell.
 *
 *   base:allocation   bit 0 = hole, bit 1 = reads as zeros (defined by the protocol)
 *   holdfast:dirty    bit 0 = held by holdfast: acknowledged, but not (only) on the target yet
 *
 * The namespace `holdfast` knows the same two forms of query as `base`: "holdfast:" lists all of
 * its contexts and selects none, "holdfast:dirty" selects that one.
 */
#ifndef NBD_SERVER_META_CONTEXT_H
#define NBD_SERVER_META_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "volume/volume.h"

enum { NSRV_CONTEXT_ALLOCATION, NSRV_CONTEXT_DIRTY, NSRV_CONTEXTS };

/* A set of contexts: bit 1 << number. The identifier on the wire is number + 1. */
#define NSRV_ALL_CONTEXTS ((1u << NSRV_CONTEXTS) - 1)

const char *nsrv_context_name(unsigned context);

/* The set that a query names; `listing` allows the wildcard. Unknown queries name none. */
unsigned nsrv_context_match(const char *query, size_t bytes, bool listing);

/*
 * Writes the payload of one BLOCK_STATUS chunk: the identifier and a descriptor per run of equal
 * status, at most `length` bytes of the disk in all. Needs room for 4 + 8 * count bytes; count
 * and length are > 0. Returns the bytes written.
 */
size_t nsrv_context_encode(unsigned context, const struct vol_extent *extents, unsigned count,
                           uint64_t length, uint8_t *ret_payload);

#endif
