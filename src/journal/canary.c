/*
 * Canaries: what the LUN holds in a few places that every mount elsewhere rewrites, to notice
 * somebody who wrote to it while this journal was not empty (JOURNAL.md 2.8). Whoever owns the
 * journal chooses the places, reads them, and compares.
 *
 * A canary is noted with the checksum of a range that is CLEAN: read from the LUN while nothing
 * of ours was on its way there, and nothing was appended that overlaps from before the read until
 * after it (jnl_canary_watch(), jnl_canary_note()).
 *
 * Claim: a canary that a start still believes has its checksum on the LUN, unless somebody else
 * wrote there. Only we write; what we write is in the ring first, and stays there until a stable
 * superblock has passed it (I3, I5). So let S be the superblock that the start reads, and W a
 * write of ours that overlaps a canary of S and may have changed the LUN since it was noted:
 *   - W was appended before S was made: then the canary was invalid from that instant on, and S
 *     does not have it (jnl_canaries_meet() at every append; only valid ones are stored);
 *   - W was appended later: then it lies behind the tail of S, the start finds it, and ignores
 *     the canary (jnl_canaries_meet() for every record that is found). That W is CLEAN by now, or
 *     was superseded, makes no difference: it is in the ring all the same.
 *   - W was appended, and the start does not find it: then it was torn, so never DURABLE, so never
 *     sent (I3).
 * A failed journal has no canaries: writes go past it from then on.
 *
 * When nothing was to be replayed, another host may have used the LUN rightly; its canaries say
 * nothing, and are dropped.
 */
#include <assert.h>
#include <string.h>

#include "base/checked.h"
#include "base/mutant.h"
#include "journal/internal.h"

static bool overlaps(const struct jnl_canary *canary, uint64_t lba, uint64_t blocks)
{
    return ranges_overlap(canary->lba, canary->blocks, lba, blocks);
}

void jnl_canaries_meet(struct journal *journal, uint64_t lba, uint64_t blocks)
{
    for (unsigned i = 0; i < JNL_CANARIES; i++)
        if (overlaps(&journal->canaries[i], lba, blocks))
            jnl_canary_forget(journal, i);
    if (overlaps(&journal->watched, lba, blocks))
        journal->watched.blocks = 0;
}

void jnl_canaries_drop(struct journal *journal)
{
    memset(journal->canaries, 0, sizeof journal->canaries);
    journal->watched.blocks = 0;
}

void jnl_canaries_init(struct journal *journal)
{
    memcpy(journal->canaries, journal->superblock.canaries, sizeof journal->canaries);
    journal->is_foreign = journal->superblock.state & JNL_STATE_FOREIGN;
}

const struct jnl_canary *jnl_canary(const struct journal *journal, unsigned index)
{
    assert(index < JNL_CANARIES);
    return &journal->canaries[index];
}

unsigned jnl_canary_count(const struct journal *journal)
{
    unsigned count = 0;
    for (unsigned i = 0; i < JNL_CANARIES; i++)
        count += journal->canaries[i].blocks > 0;
    return count;
}

void jnl_canary_forget(struct journal *journal, unsigned index)
{
    assert(index < JNL_CANARIES);
    journal->canaries[index] = (struct jnl_canary){0};
}

void jnl_canary_watch(struct journal *journal, uint64_t lba, uint32_t blocks)
{
    assert(blocks > 0 && blocks <= JNL_CANARY_BLOCKS_MAX);
    journal->watched = (struct jnl_canary){.lba = lba, .blocks = blocks};
}

bool jnl_canary_note(struct journal *journal, unsigned index, uint32_t crc)
{
    if (journal->watched.blocks == 0 || journal->failed)
        return false;
    journal->canaries[index] = journal->watched;
    journal->canaries[index].crc = crc;
    journal->canaries[index].seq = journal->ring.next_seq;
    journal->watched.blocks = 0;
    journal->canaries_are_new = true;
    return true;
}

void jnl_canaries_store(struct journal *journal)
{
    journal->superblock_is_due |= journal->canaries_are_new;
    jnl_kick(journal);
}

void jnl_set_foreign(struct journal *journal, bool is_foreign)
{
    journal->superblock_is_due |= journal->is_foreign != is_foreign;
    journal->is_foreign = is_foreign;
    jnl_kick(journal);
}

bool jnl_is_foreign(const struct journal *journal)
{
    return journal->is_foreign;
}
