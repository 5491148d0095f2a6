/*
 * The oracle: what the clients may see, kept apart from the code under test (JOURNAL.md 3.3).
 *
 * Each cell is a register. For each the oracle keeps the writes that it may still show:
 *
 *   submit   when the write was handed in (for the last time, if it was sent again)
 *   covered  when a later write of the cell was handed in to the same daemon: requests that
 *            overlap are carried out in the order of submission, so a request handed in after
 *            that must not see this write any more (unless reads_overtake)
 *   removed  when it became known that the cell does not hold this write any more: a later one
 *            was answered, or a read showed another one
 *
 * A write leaves the list for good once the state without it is on stable storage (FLUSH, FUA).
 * Until then it may come back when, and only when, the daemon dies and the target loses its
 * cache before the next daemon has synchronised it: the caller decides that from what the
 * target really holds and calls oracle_rolled_back().
 *
 * Another initiator may write to the LUN behind our back. Where no client ever wrote, that is what
 * is there from then on. Where one did, nobody promises more than one of the two: what the journal
 * holds, or what is in flight, may come over it or not.
 *
 * Time is the oracle's own count of calls, so that no two things happen at once.
 */
#ifndef SIM_ORACLE_H
#define SIM_ORACLE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "tests/sim/cells.h"
#include "tests/sim/prefix.h"
#include "tests/sim/world.h"

enum oracle_kind {
    ORACLE_WRITE,
    ORACLE_ZEROES,
    ORACLE_TRIM, /* contents undefined afterwards, until the next write */
};

/* A request that changes cells; kept by the client until it is answered or given up. */
struct oracle_op {
    enum oracle_kind kind;
    uint64_t write; /* unique number, from 1 */
    uint32_t first;
    uint32_t count;
    uint64_t submit; /* the oracle's */
};

struct oracle_version {
    uint64_t id;
    uint64_t submit;
    uint64_t covered;
    uint64_t removed;
    uint64_t ended; /* answered, or its daemon died: it does not happen after that */
    bool wild;
    bool in_doubt;     /* answered with an error, but may happen until the daemon is dead */
    bool is_foreign;   /* written by another initiator ... */
    bool is_contested; /* ... where our own writes may still come */
    bool is_replaced;  /* by one: reads under way may still show it */
};

struct oracle_note {
    uint64_t at_us;
    const char *what;
    uint64_t id;
};

#define ORACLE_NOTES 24u

struct oracle_cell {
    bool is_ours; /* a client has written to it */
    struct oracle_version *versions;
    uint32_t count;
    uint32_t room;
    uint32_t notes;
    struct oracle_note note[ORACLE_NOTES]; /* a ring: the cell's last events */
};

struct oracle {
    struct world *world;
    uint64_t clock;
    uint64_t era; /* since the last death of a daemon */
    uint32_t cell_count;
    struct oracle_cell *cells;
    struct prefix prefix;
    int64_t failed_cell; /* -1: none */
    bool reads_overtake; /* with a journal a read does not wait for writes that wait for room */
};

void oracle_init(struct oracle *oracle, struct world *world, uint32_t cell_count);
void oracle_done(struct oracle *oracle);

uint64_t oracle_now(struct oracle *oracle);

/* The request was handed in. Every cell begins with the version cell_id(1, cell). */
void oracle_submit(struct oracle *oracle, struct oracle_op *op);

/* After the daemon's death: the client hands the unanswered request in again. */
void oracle_resubmit(struct oracle *oracle, struct oracle_op *op);

void oracle_answered(struct oracle *oracle, const struct oracle_op *op, bool fua);

/* Answered with an error that had to be expected: the contents are undefined now. */
void oracle_failed(struct oracle *oracle, const struct oracle_op *op);

/* Answered with an error: nothing more is done, what is on its way may or may not happen. */
void oracle_in_doubt(struct oracle *oracle, const struct oracle_op *op);

/* Answered with "not supported": it has not happened. */
void oracle_refused(struct oracle *oracle, const struct oracle_op *op);

/* Numbers of the writes of other initiators begin here. */
#define ORACLE_FOREIGN (UINT64_C(1) << 41)

/* Another initiator has written these cells, which are a block. */
void oracle_foreign(struct oracle *oracle, uint32_t first, uint32_t count, uint64_t write);

/* A read that was submitted at `submit` showed `id` in the cell: right? Fails the world if not. */
void oracle_read(struct oracle *oracle, uint32_t cell, uint64_t submit, uint64_t id);

/* BLOCK_STATUS that was submitted at `submit` says that the cell reads as zeros. */
void oracle_said_zero(struct oracle *oracle, uint32_t cell, uint64_t submit);

/* A FLUSH that was submitted at `submit` was answered. */
void oracle_flushed(struct oracle *oracle, uint64_t submit);

/* The daemon died: what it had not answered may have happened or not. */
void oracle_daemon_died(struct oracle *oracle);

/* The host died, with the daemon that oracle_daemon_died() was told of. */
void oracle_host_died(struct oracle *oracle);

/* A LUN with these contents has to be a prefix of the clients' history (O8). */
void oracle_check_prefix(struct oracle *oracle, const uint64_t *ids);

/* True when the cell may hold `id` now by what was submitted before the oracle's time `before`. */
bool oracle_may_hold(const struct oracle *oracle, uint32_t cell, uint64_t id, uint64_t before);

/* The cell lost what was not flushed. False when even so it may not show `id`. */
bool oracle_rolled_back(struct oracle *oracle, uint32_t cell, uint64_t id);

/* Gives spare memory back: the endurance run looks at the heap. */
void oracle_trim(struct oracle *oracle);

/* The cell holds `id`, and nothing excuses it: fails the world. */
void oracle_lost(struct oracle *oracle, uint32_t cell, uint64_t id);

void oracle_print_history(const struct oracle *oracle, FILE *to);

#endif
