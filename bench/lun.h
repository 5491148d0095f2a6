/* A LUN for the bench's own initiators: libiscsi, with as little as it takes. */
#ifndef BENCH_LUN_H
#define BENCH_LUN_H

#include <iscsi/iscsi.h>
#include <stdint.h>

/* Writes go in pieces of what tgt takes unsolicited, which is the fast way, and the sound one
 * (facts T4). */
#define LUN_PIECE_BYTES (256u * 1024)

struct lun {
    struct iscsi_context *iscsi;
    int number;
    uint32_t block_bytes;
    uint64_t bytes;
};

/*
 * Logs in to iscsi://HOST:PORT/TARGET/LUN and asks for the capacity. congestion: the connection's
 * congestion control, a name or "system" (os/tcp_congestion.h). NULL, or what went wrong, in words
 * that stay; it is not to be tried again then, and nothing is given back.
 */
const char *lun_open(struct lun *lun, const char *target, const char *congestion);

#endif
