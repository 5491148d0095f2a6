/*
 * A run as a script: what the clients asked for and what went wrong, each with its time, so that
 * a failure can be made small, kept in a file, and replayed.
 *
 * What the target, the network and the journal's disk decide by themselves still comes from the
 * seed. The file is text, a line each:
 *
 *   seed NUMBER
 *   set OPTION=VALUE
 *   op AT_US SLOT OPERATION FLAGS FIRST COUNT AT_ONCE     (enum vol_op, cells)
 *   fault AT_US KIND DRAW                                 (the order of the w_ options, from 0)
 */
#ifndef SIM_SCRIPT_H
#define SIM_SCRIPT_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/sim/options.h"

#define SCRIPT_OPS    4096u
#define SCRIPT_FAULTS 1024u

struct script_op {
    uint64_t at_us;
    uint32_t slot, op, flags, first, count;
    uint32_t at_once; /* from inside the answer to the one before */
};

struct script_fault {
    uint64_t at_us;
    uint32_t kind;
    uint64_t draw; /* seeds all that the fault itself draws */
};

struct script {
    bool replays; /* else it is being recorded */
    uint64_t seed;
    struct options options;
    char kind[12]; /* the first word of what went wrong in the last run; "" for nothing */
    uint32_t op_count, fault_count;
    struct script_op ops[SCRIPT_OPS];
    struct script_fault faults[SCRIPT_FAULTS];
};

/* Full is full: what comes later is not recorded. NULL-safe. */
void script_record_op(struct script *script, const struct script_op *op);
void script_record_fault(struct script *script, const struct script_fault *fault);

static inline bool script_replays(const struct script *script)
{
    return script && script->replays;
}

/* The slot's first operation from index `from` on; ret_index is where it is. NULL: none. */
const struct script_op *script_next(const struct script *script, uint32_t slot, uint32_t from,
                                    uint32_t *ret_index);

/* Return 0 or -errno; -EINVAL: not a script. */
int script_write(const struct script *script, const char *path);
int script_read(struct script *script, const char *path);

#endif
