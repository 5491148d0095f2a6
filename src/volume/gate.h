/*
 * The order of overlapping requests.
 *
 * Every request enters the gate with its block range before it touches anything, and leaves it
 * when it is finished. A range is granted once no earlier, overlapping entry is left, except that
 * shared entries (reads) do not wait for each other. So a read-modify-write is atomic against its
 * neighbours, and at most one write per LBA is on its way to the target (invariant I6).
 *
 * Bound: the entries are those of the volume's operation slabs, a few hundred; entering and
 * leaving look at each once.
 */
#ifndef VOLUME_GATE_H
#define VOLUME_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

struct gate_entry {
    struct list_node node;      /* in gate.entries, by the order of entering */
    struct list_node unblocked; /* in gate.unblocked once the last blocker has left */
    uint64_t start;
    uint64_t length;
    bool exclusive;
    unsigned blockers; /* earlier, conflicting entries that have not left */
};

struct gate {
    struct list_node entries;
    struct list_node unblocked;
};

void gate_init(struct gate *gate);

void gate_entry_init(struct gate_entry *entry);

/* True when granted at once; otherwise gate_next_unblocked() will return the entry some day. */
bool gate_enter(struct gate *gate, struct gate_entry *entry, uint64_t start, uint64_t length,
                bool exclusive);

/* Leaves, granted or not; no effect when the entry is not in the gate. */
void gate_leave(struct gate *gate, struct gate_entry *entry);

/* The next entry that had to wait and is granted now; NULL when there is none. */
struct gate_entry *gate_next_unblocked(struct gate *gate);

#endif
