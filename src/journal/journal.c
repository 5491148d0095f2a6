/* The journal as a whole: its entries, its end. The good day is in commit.c. */
#include "journal/journal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/crc32c.h"
#include "base/mutant.h"
#include "journal/internal.h"

const struct jnl_config jnl_config_default = {
    .lun_block_bytes = 512,
    .record_count = 65536,
    .entry_count = 131072,
    .idle_sync_ms = 20,
    .unsynced_bytes = 8 * 1024 * 1024,
};

void jnl_kick(struct journal *journal)
{
    if (journal->opening)
        return;
    jnl_commit_kick(journal);
    jnl_sync_kick(journal);
    jnl_superblock_kick(journal);
}

struct jnl_entry *jnl_entry_new(struct journal *journal, struct jnl_record *record,
                                const struct jnl_entry_header *header)
{
    struct jnl_entry *entry = list_first(&journal->free_entries, struct jnl_entry, node);
    assert(entry);
    list_remove(&entry->node);
    journal->free_entry_count--;
    entry->record = record;
    entry->references = 1;
    entry->header = *header;
    jnl_ring_add_entry(&journal->ring, record);
    return entry;
}

struct jnl_entry *jnl_entry_ref(struct jnl_entry *entry)
{
    assert(entry->references > 0);
    entry->references++;
    return entry;
}

void jnl_entry_unref(struct journal *journal, struct jnl_entry *entry)
{
    assert(entry->references > 0);
    if (--entry->references > 0)
        return;
    assert(entry->record->live > 0);
    entry->record->live--;
    entry->record = NULL;
    list_append(&journal->free_entries, &entry->node);
    journal->free_entry_count++;
    if (jnl_ring_advance(&journal->ring, journal->durable_seq))
        jnl_kick(journal);
}

void jnl_entry_superseded(struct jnl_entry *old, const struct jnl_entry *newer)
{
    old->record->dead_until = max_u64(old->record->dead_until, newer->record->seq);
}

bool jnl_entry_is_durable(const struct journal *journal, const struct jnl_entry *entry)
{
    return MUTANT(DESTAGE_BEFORE_DURABLE) || entry->record->seq <= journal->durable_seq;
}

uint64_t jnl_entry_place(const struct jnl_entry *entry)
{
    return entry->record->offset + entry->header.payload_offset;
}

static void load_done(struct jdev_op *op, int error)
{
    struct jnl_load *load = container_of(op, struct jnl_load, op);
    const struct jnl_entry_header *header = &load->entry->header;
    uint64_t bytes = jnl_payload_bytes(header, load->journal->config.lun_block_bytes);
    if (!error && !MUTANT(LOAD_WITHOUT_CHECKSUM) &&
        crc32c(0, load->data, bytes) != header->payload_crc)
        error = -EBADMSG;
    load->done(load, error);
}

void jnl_load(struct journal *journal, struct jnl_load *load)
{
    const struct jnl_entry_header *header = &load->entry->header;
    uint64_t bytes = jnl_payload_bytes(header, journal->config.lun_block_bytes);
    assert(bytes > 0);
    load->journal = journal;
    load->iov = (struct iovec){.iov_base = load->data, .iov_len = round_up(bytes, JDEV_ALIGN)};
    load->op = (struct jdev_op){
        .kind = JDEV_READ,
        .offset = JNL_RING_OFFSET + jnl_entry_place(load->entry),
        .iov = &load->iov,
        .iov_count = 1,
        .bytes = load->iov.iov_len,
        .done = load_done,
    };
    journal->device->ops->submit(journal->device, &load->op);
}

void jnl_hold(struct journal *journal, struct jnl_part *ret_part)
{
    struct jnl_tail tail;
    assert(!journal->ring.held);
    journal->ring.held = true;
    jnl_ring_tail(&journal->ring, &tail);
    *ret_part = (struct jnl_part){tail.offset, tail.seq, tail.prev_crc, journal->written_seq};
}

void jnl_release(struct journal *journal)
{
    journal->ring.held = false;
    if (jnl_ring_advance(&journal->ring, journal->durable_seq))
        jnl_kick(journal);
}

void jnl_close(struct journal *journal, void (*done)(void *owner, int error))
{
    jnl_release(journal);
    journal->closing = true;
    journal->closed = done;
    if (journal->failed)
        jnl_fail(journal, journal->failed);
    else
        jnl_kick(journal);
}

void jnl_free(struct journal *journal)
{
    if (!journal)
        return;
    port_timer_stop(journal->timer, &journal->idle_timer);
    port_timer_stop(journal->timer, &journal->mark_timer);
    jnl_ring_done(&journal->ring);
    free(journal->entry_slab);
    free(journal->staging);
    free(journal->superblock_block);
    free(journal);
}

const uint8_t *jnl_uuid(const struct journal *journal)
{
    return journal->superblock.uuid;
}

bool jnl_is_half_full(const struct journal *journal)
{
    const struct jnl_ring *ring = &journal->ring;
    return ring->used >= ring->bytes / 2 || ring->free_count <= journal->config.record_count / 2 ||
           ring->entries >= journal->config.entry_count / 2;
}

void jnl_status(const struct journal *journal, struct jnl_status *ret_status)
{
    struct jnl_status status = journal->counters;
    status.ring_bytes = journal->ring.bytes;
    status.used_bytes = journal->ring.used - journal->ring.passed_bytes;
    status.next_seq = journal->ring.next_seq;
    status.durable_seq = journal->durable_seq;
    status.live_entries = journal->config.entry_count - journal->free_entry_count;
    status.failed = journal->failed != 0;
    *ret_status = status;
}
