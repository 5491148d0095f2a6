/*
 * From WRITTEN to DURABLE, and who waits for that.
 *
 * Every append has a ticket, in order. A barrier waits for the tickets given out before it. A
 * sync covers what was written when it was submitted; commits complete in order, so the durable
 * records are always a prefix. When nobody waits, a sync follows after idle_sync_ms, or when
 * unsynced_bytes wait for it: only durable entries may be sent to the target (I3), and leave the
 * memory.
 *
 * A failed sync fails the journal for good: the kernel may have dropped what it could not write,
 * and a second fsync would lie (I15).
 */
#include "base/checked.h"
#include "base/mutant.h"
#include "journal/internal.h"

static void answer_barriers(struct journal *journal)
{
    struct jnl_barrier *barrier;
    while ((barrier = list_first(&journal->barriers, struct jnl_barrier, node)) &&
           barrier->ticket <= journal->durable_ticket) {
        list_remove(&barrier->node);
        barrier->done(barrier, 0);
    }
}

void jnl_became_durable(struct journal *journal, uint64_t seq, uint64_t ticket)
{
    if (seq <= journal->durable_seq)
        return;
    journal->durable_seq = seq;
    journal->durable_ticket = ticket;
    answer_barriers(journal);
    jnl_ring_advance(&journal->ring, journal->durable_seq);
    if (journal->events->progress)
        journal->events->progress(journal->owner);
}

bool jnl_barrier_waits(const struct journal *journal, uint64_t ticket)
{
    if (list_is_empty(&journal->barriers))
        return false;
    return container_of(journal->barriers.prev, struct jnl_barrier, node)->ticket >= ticket;
}

void jnl_barrier(struct journal *journal, struct jnl_barrier *barrier)
{
    barrier->ticket = journal->tickets;
    journal->barrier_came = true;
    if (MUTANT(FLUSH_BEFORE_SYNC) || barrier->ticket <= journal->durable_ticket) {
        barrier->done(barrier, 0);
    } else if (journal->failed) {
        barrier->done(barrier, journal->failed);
    } else {
        list_append(&journal->barriers, &barrier->node);
        jnl_kick(journal);
    }
}

static void sync_done(struct jdev_op *op, int error)
{
    struct journal *journal = container_of(op, struct journal, sync_op);
    journal->sync_running = false;
    if (MUTANT(BELIEVE_FAILED_SYNC))
        error = 0;
    if (error || journal->failed) {
        jnl_fail(journal, error ? error : journal->failed);
        return;
    }
    journal->counters.syncs++;
    journal->durable_bytes = max_u64(journal->durable_bytes, journal->sync_bytes);
    if (MUTANT(JOURNAL_SYNC_COVERS_LATER))
        jnl_became_durable(journal, journal->written_seq, journal->written_ticket);
    jnl_became_durable(journal, journal->sync_seq, journal->sync_ticket);
    jnl_kick(journal);
}

static void sync_start(struct journal *journal)
{
    journal->sync_running = true;
    journal->sync_seq = journal->written_seq;
    journal->sync_ticket = journal->written_ticket;
    journal->sync_bytes = journal->written_bytes;
    journal->sync_op = (struct jdev_op){.kind = JDEV_SYNC, .done = sync_done};
    port_timer_stop(journal->timer, &journal->idle_timer);
    journal->device->ops->submit(journal->device, &journal->sync_op);
}

bool jnl_is_syncing(const struct journal *journal)
{
    return journal->sync_running || (journal->commit && journal->commit_is_durable);
}

bool jnl_is_writing(const struct journal *journal)
{
    return journal->sync_running || journal->commit;
}

static bool a_sync_would_help(const struct journal *journal)
{
    const struct jnl_barrier *first = list_first(&journal->barriers, struct jnl_barrier, node);
    return first && first->ticket <= journal->written_ticket;
}

static bool much_is_unsynced(const struct journal *journal)
{
    uint64_t limit = journal->config.unsynced_bytes;
    return limit > 0 && journal->written_bytes - journal->durable_bytes >= limit;
}

void jnl_sync_kick(struct journal *journal)
{
    if (journal->sync_running || journal->failed || journal->written_seq == journal->durable_seq)
        return;
    if (a_sync_would_help(journal) || much_is_unsynced(journal) || journal->closing)
        sync_start(journal);
    else if (!timer_is_armed(&journal->idle_timer))
        port_timer_after_ms(journal->timer, &journal->idle_timer, journal->config.idle_sync_ms);
}

static void idle_timer_fired(struct timer *timer)
{
    struct journal *journal = container_of(timer, struct journal, idle_timer);
    if (MUTANT(ACK_FROM_MEMORY))
        jnl_commit_answer(journal);
    if (journal->failed)
        jnl_commit_drop(journal, journal->failed);
    else if (!journal->sync_running && journal->written_seq > journal->durable_seq)
        sync_start(journal);
}

void jnl_durable_init(struct journal *journal)
{
    list_init(&journal->barriers);
    timer_init(&journal->idle_timer, idle_timer_fired);
}

void jnl_barriers_drop(struct journal *journal, int error)
{
    while (!list_is_empty(&journal->barriers)) {
        struct jnl_barrier *barrier = list_first(&journal->barriers, struct jnl_barrier, node);
        list_remove(&barrier->node);
        barrier->done(barrier, error);
    }
}
