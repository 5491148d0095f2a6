/*
 * Superblocks: what tells the next start where the log begins.
 *
 * A new one is written when an eighth of the ring only waits for it, when the ring gets full, or
 * when somebody found no room: both copies of the next generation's slot, durably; then the space
 * in front of the new tail is free (I5). The other slot still holds the previous generation, so a
 * torn write costs nothing.
 */
#include <string.h>

#include "base/checked.h"
#include "base/mutant.h"
#include "journal/internal.h"

static void copy_write(struct journal *journal, unsigned copy);

static void copy_is_written(struct journal *journal, int error)
{
    if (error)
        journal->superblock_error = error;
    else
        journal->superblock_good++;
    if (--journal->superblock_writes > 0) {
        if (journal->superblock.state == JNL_STATE_FAILED)
            copy_write(journal, 1);
        return;
    }
    if (journal->failed) {
        jnl_failed_superblock_done(journal);
        return;
    }
    if (journal->superblock_error) {
        jnl_fail(journal, journal->superblock_error);
        return;
    }
    journal->room_is_wanted = false;
    journal->counters.superblocks++;
    journal->stable_lun_blocks = journal->superblock.lun_blocks;
    journal->stable_replay_epoch = journal->superblock.replay_epoch;
    jnl_ring_tail_is_stable(&journal->ring, journal->stable_seq);
    if (journal->events->progress)
        journal->events->progress(journal->owner);
    jnl_kick(journal);
}

static void first_copy_done(struct jdev_op *op, int error)
{
    copy_is_written(container_of(op, struct journal, superblock_op[0]), error);
}

static void second_copy_done(struct jdev_op *op, int error)
{
    copy_is_written(container_of(op, struct journal, superblock_op[1]), error);
}

/* Nothing is replayed from the other states. */
static uint32_t with_foreign(const struct journal *journal, uint32_t state)
{
    return state == JNL_STATE_OPEN && journal->is_foreign ? state | JNL_STATE_FOREIGN : state;
}

void jnl_superblock_next(struct journal *journal, uint32_t state)
{
    struct jnl_superblock *superblock = &journal->superblock;
    struct jnl_tail tail;
    jnl_ring_tail(&journal->ring, &tail);
    superblock->generation++;
    superblock->lun_blocks = max_u64(superblock->lun_blocks, journal->lun_blocks);
    superblock->replay_epoch = max_u64(superblock->replay_epoch, journal->replay_epoch);
    superblock->tail_offset = tail.offset;
    superblock->tail_seq = tail.seq;
    superblock->tail_prev_crc = tail.prev_crc;
    superblock->state = with_foreign(journal, state);
    memcpy(superblock->canaries, journal->canaries, sizeof superblock->canaries);
    journal->superblock_is_due = journal->canaries_are_new = false;
    superblock->durable_seq = journal->durable_seq;
    journal->stable_seq = tail.seq;
}

static void copy_write(struct journal *journal, unsigned copy)
{
    journal->superblock_op[copy] = (struct jdev_op){
        .kind = JDEV_WRITE,
        .durable = true,
        .offset = jnl_superblock_offset(journal->device->size_bytes, journal->superblock.generation,
                                        copy),
        .iov = &journal->superblock_iov,
        .iov_count = 1,
        .bytes = JNL_BLOCK,
        .done = copy == 0 ? first_copy_done : second_copy_done,
    };
    journal->device->ops->submit(journal->device, &journal->superblock_op[copy]);
}

/* Of FAILED, one copy after the other: what failed may have been the other slot, and then the old
 * copies here are the last good ones, should the daemon end in the middle of this. */
void jnl_superblock_write(struct journal *journal, uint32_t state)
{
    jnl_superblock_next(journal, state);
    jnl_superblock_encode(&journal->superblock, journal->superblock_block);
    journal->superblock_iov =
        (struct iovec){.iov_base = journal->superblock_block, .iov_len = JNL_BLOCK};
    journal->superblock_writes = 2;
    journal->superblock_error = 0;
    journal->superblock_good = 0;
    copy_write(journal, 0);
    if (state != JNL_STATE_FAILED)
        copy_write(journal, 1);
}

static bool is_wanted(const struct journal *journal)
{
    const struct jnl_ring *ring = &journal->ring;
    bool nearly_full = journal->room_is_wanted || ring->used > ring->bytes / 2 ||
                       ring->free_count < journal->config.record_count / 4 ||
                       ring->entries > journal->config.entry_count / 2;
    if (journal->superblock_is_due || journal->lun_blocks > journal->superblock.lun_blocks ||
        journal->replay_epoch > journal->superblock.replay_epoch)
        return true;
    return ring->passed_bytes > 0 && (ring->passed_bytes >= ring->bytes / 8 || nearly_full);
}

/* The last one of all, when nothing else is under way. It also says how far the log was stable:
 * else damage to the last records would look like a crash in the middle of them. */
static void close_kick(struct journal *journal)
{
    bool empty = list_is_empty(&journal->ring.records);
    uint32_t state = empty ? JNL_STATE_EMPTY : JNL_STATE_OPEN;
    struct jnl_tail tail;
    jnl_ring_tail(&journal->ring, &tail);
    if (journal->written_seq != journal->durable_seq || journal->sync_running || journal->commit ||
        !list_is_empty(&journal->queue))
        return;
    bool is_said = journal->superblock.state == with_foreign(journal, state) &&
                   journal->superblock.tail_seq == tail.seq &&
                   journal->superblock.durable_seq == journal->durable_seq;
    if (is_said) {
        void (*closed)(void *owner, int error) = journal->closed;
        journal->closed = NULL;
        if (closed)
            closed(journal->owner, 0);
        return;
    }
    jnl_superblock_write(journal, state);
}

void jnl_superblock_kick(struct journal *journal)
{
    if (journal->superblock_writes > 0 || journal->failed)
        return;
    if (journal->closing)
        close_kick(journal);
    else if (is_wanted(journal))
        jnl_superblock_write(journal, JNL_STATE_OPEN);
}

void jnl_set_lun_blocks(struct journal *journal, uint64_t blocks)
{
    journal->lun_blocks = max_u64(journal->lun_blocks, blocks);
    jnl_kick(journal);
}

uint64_t jnl_lun_blocks(const struct journal *journal)
{
    return journal->stable_lun_blocks;
}

bool jnl_epoch_may_begin(struct journal *journal, uint64_t epoch)
{
    if (journal->stable_replay_epoch >= epoch || MUTANT(NO_EPOCH_MARK))
        return true;
    journal->replay_epoch = max_u64(journal->replay_epoch, epoch);
    jnl_kick(journal);
    return false;
}

uint64_t jnl_first_epoch(const struct journal *journal)
{
    return journal->first_epoch;
}
