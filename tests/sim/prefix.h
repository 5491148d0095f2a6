/*
 * O8: a LUN that was brought up to date in order is a prefix of what the clients did.
 *
 * When the journal is lost with the host, the LUN alone must be an older but consistent image: if
 * it shows a write, it also shows (or shows superseded) everything that a FLUSH covered which was
 * answered before that write was submitted, and every FUA write answered before it.
 */
#ifndef SIM_PREFIX_H
#define SIM_PREFIX_H

#include <stdbool.h>
#include <stdint.h>

struct oracle_op;

struct prefix_write {
    uint64_t number; /* of the write */
    int kind;        /* enum oracle_kind */
    uint32_t first, count;
    uint64_t submit;   /* for the first time */
    uint64_t resubmit; /* for the last time */
    uint64_t answered; /* UINT64_MAX: never, or lost with the host since then */
    uint64_t ended;    /* does not happen after this */
    bool fua;
};

struct prefix_flush {
    uint64_t submit, answered;
};

struct prefix {
    struct prefix_write *writes;
    uint32_t write_count, write_room;
    struct prefix_flush *flushes;
    uint32_t flush_count, flush_room;
};

void prefix_done(struct prefix *prefix);
void prefix_submitted(struct prefix *prefix, const struct oracle_op *op);
void prefix_answered(struct prefix *prefix, const struct oracle_op *op, uint64_t now, bool fua);
void prefix_flushed(struct prefix *prefix, uint64_t submit, uint64_t now);
/* Requests that are unanswered happen no more. */
void prefix_daemon_died(struct prefix *prefix, uint64_t now);
/* What no FLUSH covered may be lost. */
void prefix_host_died(struct prefix *prefix);

/* The first write that is missing though what `ids` shows came after it; NULL: it is a prefix. */
const struct prefix_write *prefix_check(const struct prefix *prefix, const uint64_t *ids,
                                        uint32_t cells, uint32_t *ret_cell);

#endif
