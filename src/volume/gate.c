#include "volume/gate.h"

#include <assert.h>
#include <stddef.h>

#include "base/checked.h"
#include "base/mutant.h"

void gate_init(struct gate *gate)
{
    list_init(&gate->entries);
    list_init(&gate->unblocked);
}

void gate_entry_init(struct gate_entry *entry)
{
    list_init(&entry->node);
    list_init(&entry->unblocked);
    entry->blockers = 0;
}

static bool conflict(const struct gate_entry *a, const struct gate_entry *b)
{
    if (MUTANT(NO_OVERLAP_ORDER) || (!a->exclusive && !b->exclusive))
        return false;
    return ranges_overlap(a->start, a->length, b->start, b->length);
}

bool gate_enter(struct gate *gate, struct gate_entry *entry, uint64_t start, uint64_t length,
                bool exclusive)
{
    assert(list_is_empty(&entry->node));
    entry->start = start;
    entry->length = length;
    entry->exclusive = exclusive;
    entry->blockers = 0;
    list_for_each(it, &gate->entries) entry->blockers +=
        conflict(container_of(it, struct gate_entry, node), entry);
    list_append(&gate->entries, &entry->node);
    return entry->blockers == 0;
}

void gate_leave(struct gate *gate, struct gate_entry *entry)
{
    if (list_is_empty(&entry->node))
        return;
    for (struct list_node *it = entry->node.next; it != &gate->entries; it = it->next) {
        struct gate_entry *later = container_of(it, struct gate_entry, node);
        if (!conflict(entry, later))
            continue;
        assert(later->blockers > 0);
        if (--later->blockers == 0)
            list_append(&gate->unblocked, &later->unblocked);
    }
    list_remove(&entry->node);
    list_remove(&entry->unblocked);
}

struct gate_entry *gate_next_unblocked(struct gate *gate)
{
    struct gate_entry *entry = list_first(&gate->unblocked, struct gate_entry, unblocked);
    if (entry)
        list_remove(&entry->unblocked);
    return entry;
}
