/*
 * The device failed: the journal is FAILED for good (JOURNAL.md 2.10, I15), and must become
 * harmless.
 *
 * From now on the owner changes the LUN directly, so what the ring holds gets out of date; a
 * later start that finds the device in order again must not replay it over newer data. So a
 * superblock says FAILED. One copy of it is enough, because the newest generation wins. Generations
 * alternate between the two slots, so trying again is trying elsewhere.
 *
 * Not when it fails while it is closed: nobody changes the LUN any more, and what the target does
 * not have yet is nowhere but in the ring. It stays as it is, for the next start.
 *
 * What can go wrong: no copy can be written. Then marked() tells, and it is tried again every
 * MARK_RETRY_MS, for ever.
 */
#include "journal/internal.h"

#define MARK_RETRY_MS 5000

static void mark(struct journal *journal)
{
    if (journal->superblock_writes == 0 && !journal->closing)
        jnl_superblock_write(journal, JNL_STATE_FAILED);
}

static void mark_again(struct timer *timer)
{
    mark(container_of(timer, struct journal, mark_timer));
}

void jnl_failure_init(struct journal *journal)
{
    timer_init(&journal->mark_timer, mark_again);
}

void jnl_failed_superblock_done(struct journal *journal)
{
    if (journal->superblock.state != JNL_STATE_FAILED) {
        mark(journal); /* that one was on its way when the device failed */
        return;
    }
    bool is_marked = journal->superblock_good > 0;
    if (!is_marked)
        port_timer_after_ms(journal->timer, &journal->mark_timer, MARK_RETRY_MS);
    if (journal->events->marked)
        journal->events->marked(journal->owner, is_marked ? 0 : journal->superblock_error);
}

void jnl_fail(struct journal *journal, int error)
{
    bool first = !journal->failed;
    if (first)
        journal->failed = error;
    jnl_canaries_drop(journal);
    port_timer_stop(journal->timer, &journal->idle_timer);
    /* The owner first: what is handed back below must not be given to the journal again. */
    if (first && journal->events->failed)
        journal->events->failed(journal->owner, error);
    jnl_commit_drop(journal, journal->failed);
    jnl_barriers_drop(journal, journal->failed);
    if (first)
        mark(journal);
    void (*closed)(void *owner, int error) = journal->closed;
    journal->closed = NULL;
    if (closed)
        closed(journal->owner, journal->failed);
}
