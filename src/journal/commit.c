/*
 * Group commit: one record under way, the rest gathers.
 *
 * Good day: jnl_append() queues; when no commit is under way, everything queued that fits goes
 * into one record, built in `staging` (large payload stays where it is) and written with one
 * contiguous write. There is no artificial delay: what arrives meanwhile is the next record.
 *
 * A record is written durably (RWF_DSYNC) when somebody waits for that, or is expected to, and
 * every earlier record is durable already; otherwise plainly, and durable.c syncs. (A durable write
 * alone need not make earlier ones durable: a pure overwrite may be one FUA write.)
 *
 * A record never wraps: when the first entry does not fit up to the end of the ring, a pad record
 * (a header only) fills it.
 */
#include <assert.h>
#include <string.h>

#include "base/checked.h"
#include "base/crc32c.h"
#include "base/mutant.h"
#include "journal/internal.h"

#define FLUSH_HABIT 4u /* records in a row */

static uint64_t payload_bytes(const struct jnl_append *append)
{
    uint64_t bytes = 0;
    for (int i = 0; i < append->payload_count; i++)
        bytes += append->payload[i].iov_len;
    return bytes;
}

uint64_t jnl_payload_max(const struct journal *journal)
{
    uint64_t quarter = round_down(journal->ring.bytes / 4, JNL_BLOCK) - JNL_BLOCK;
    return min_u64(quarter, JNL_ENTRY_PAYLOAD_MAX);
}

static uint64_t ring_bytes_for(uint64_t payload)
{
    return JNL_BLOCK + round_up(payload, JNL_BLOCK);
}

static bool has_room(const struct journal *journal, uint64_t payload)
{
    uint64_t needed = journal->promised_bytes + ring_bytes_for(payload);
    uint64_t to_end = (uint64_t)jnl_ring_blocks_to_end(&journal->ring) * JNL_BLOCK;
    uint64_t pad = min_u64(to_end, ring_bytes_for(jnl_payload_max(journal)));
    return journal->ring.entries + journal->promised + 1 < journal->config.entry_count &&
           journal->promised + 2 < journal->ring.free_count &&
           needed + pad <= jnl_ring_free_bytes(&journal->ring);
}

bool jnl_reserve(struct journal *journal, uint64_t payload)
{
    if (journal->failed || journal->closing)
        return false;
    if (!has_room(journal, payload)) {
        journal->room_is_wanted = true;
        jnl_superblock_kick(journal);
        return false;
    }
    journal->promised++;
    journal->promised_bytes += ring_bytes_for(payload);
    return true;
}

void jnl_unreserve(struct journal *journal, uint64_t payload)
{
    assert(journal->promised > 0);
    journal->promised--;
    journal->promised_bytes -= ring_bytes_for(payload);
}

void jnl_append(struct journal *journal, struct jnl_append *append)
{
    uint64_t bytes = payload_bytes(append);
    assert(journal->promised > journal->queued && bytes <= jnl_payload_max(journal));
    assert(append->op != JNL_WRITE ||
           bytes == (uint64_t)append->blocks * journal->config.lun_block_bytes);
    append->entry = NULL;
    if (!MUTANT(CANARY_OUTLIVES_APPEND))
        jnl_canaries_meet(journal, append->lba, append->blocks);
    list_append(&journal->queue, &append->node);
    journal->queued++;
    journal->tickets++;
    if (journal->failed) /* handed back from the loop, as the contract says */
        port_timer_after_ms(journal->timer, &journal->idle_timer, 0);
    jnl_kick(journal);
}

static void encode_header(struct journal *journal, struct jnl_record *record, uint32_t flags,
                          const struct jnl_entry_header *entries, unsigned entry_count)
{
    struct jnl_tail tail;
    jnl_ring_tail(&journal->ring, &tail);
    struct jnl_record_header header = {
        .header_blocks = 1,
        .entry_count = (uint16_t)entry_count,
        .seq = record->seq,
        .incarnation = journal->superblock.incarnation,
        .ring_offset = record->offset,
        .blocks = record->blocks,
        .prev_crc = record->prev_crc,
        .clean_seq = tail.seq,
        .epoch = entry_count > 0 ? entries[0].epoch : 0,
        .flags = flags,
        .durable_seq = journal->durable_seq,
    };
    jnl_record_encode(&header, entries, journal->superblock.uuid, journal->staging);
    jnl_ring_seal(&journal->ring, record, header.crc);
}

static void commit_done(struct jdev_op *op, int error);

/* These are the record's next bytes. What follows the last ones in memory, too, joins them. */
static void commit_add(struct journal *journal, const uint8_t *data, uint64_t bytes)
{
    struct iovec *last = &journal->commit_iov[journal->commit_iov_count];
    if (journal->commit_iov_count > 0 && (uint8_t *)last[-1].iov_base + last[-1].iov_len == data) {
        last[-1].iov_len += bytes;
        return;
    }
    assert(journal->commit_iov_count < (int)JNL_COMMIT_IOV);
    *last = (struct iovec){.iov_base = (uint8_t *)data, .iov_len = bytes};
    journal->commit_iov_count++;
}

static void commit_write(struct journal *journal, struct jnl_record *record, uint64_t bytes,
                         bool durable)
{
    journal->commit = record;
    journal->commit_is_durable = durable;
    journal->commit_op = (struct jdev_op){
        .kind = JDEV_WRITE,
        .durable = durable,
        .offset = JNL_RING_OFFSET + record->offset,
        .iov = journal->commit_iov,
        .iov_count = journal->commit_iov_count,
        .bytes = bytes,
        .done = commit_done,
    };
    journal->device->ops->submit(journal->device, &journal->commit_op);
}

static void commit_pad(struct journal *journal)
{
    struct jnl_record *record =
        jnl_ring_place(&journal->ring, jnl_ring_blocks_to_end(&journal->ring));
    record->last_ticket = journal->written_ticket;
    encode_header(journal, record, JNL_RECORD_PAD, NULL, 0);
    journal->commit_iov_count = 0;
    commit_add(journal, journal->staging, JNL_BLOCK);
    commit_write(journal, record, JNL_BLOCK, false);
}

/* Moves what fits into one record from the queue to `committing`; returns its payload bytes. */
static uint64_t gather(struct journal *journal)
{
    uint64_t room = (uint64_t)jnl_ring_blocks_to_end(&journal->ring) * JNL_BLOCK - JNL_BLOCK;
    uint64_t limit = min_u64(JNL_RECORD_BYTES_MAX, journal->ring.bytes / 4) - JNL_BLOCK;
    uint64_t total = 0;
    unsigned count = 0;
    room = min_u64(room, limit);
    struct jnl_append *append;
    while (count < JNL_RECORD_ENTRIES &&
           (append = list_first(&journal->queue, struct jnl_append, node)) &&
           round_up(total + payload_bytes(append), JNL_BLOCK) <= room) {
        total += payload_bytes(append);
        count++;
        list_remove(&append->node);
        list_append(&journal->committing, &append->node);
        journal->queued--;
        jnl_unreserve(journal, payload_bytes(append));
    }
    return total;
}

/* Large, and fit for O_DIRECT: copying it would cost more than all else that is done with it. */
static bool goes_apart(const struct jnl_append *append, uint64_t offset)
{
    const struct iovec *payload = &append->payload[0];
    return append->payload_count == 1 && payload->iov_len >= JNL_APART_BYTES &&
           payload->iov_len % JNL_BLOCK == 0 && offset % JNL_BLOCK == 0 &&
           (uintptr_t)payload->iov_base % JDEV_ALIGN == 0;
}

/* Where the payload lies that goes to `offset` of the record: behind the header, if it is copied.
 */
static const uint8_t *stage_bytes(struct journal *journal, const struct jnl_append *append,
                                  uint64_t offset)
{
    uint8_t *start = journal->staging + offset, *at = start;
    if (goes_apart(append, offset))
        return append->payload[0].iov_base;
    for (int i = 0; i < append->payload_count; i++) {
        memcpy(at, append->payload[i].iov_base, append->payload[i].iov_len);
        at += append->payload[i].iov_len;
    }
    return start;
}

/* Adds the payload to the record; fills in what the entry header says of it. */
static uint64_t stage_payload(struct journal *journal, const struct jnl_append *append,
                              uint64_t offset, struct jnl_entry_header *header)
{
    uint64_t bytes = payload_bytes(append);
    const uint8_t *payload = stage_bytes(journal, append, offset);
    *header = (struct jnl_entry_header){
        .lba = append->lba,
        .blocks = append->blocks,
        .op = append->op,
        .flags = append->flags,
        .epoch = append->epoch,
    };
    if (append->op == JNL_WRITE) {
        header->payload_offset = (uint32_t)offset;
        header->payload_crc = crc32c(0, payload, bytes);
    }
    if (bytes > 0)
        commit_add(journal, payload, bytes);
    return offset + bytes;
}

/* One client that flushed after each of its last writes will after this one: written durably it
 * costs less than a sync of its own, which the flush then finds done. */
static bool flush_is_expected(struct journal *journal, unsigned entry_count)
{
    unsigned longer = journal->flush_habit < FLUSH_HABIT ? journal->flush_habit + 1 : FLUSH_HABIT;
    journal->flush_habit = journal->barrier_came && entry_count == 1 ? longer : 0;
    journal->barrier_came = false;
    return journal->flush_habit >= FLUSH_HABIT;
}

static void commit_record(struct journal *journal, uint64_t payload)
{
    uint64_t bytes = JNL_BLOCK + round_up(payload, JNL_BLOCK);
    struct jnl_record *record = jnl_ring_place(&journal->ring, (uint32_t)(bytes / JNL_BLOCK));
    struct jnl_entry_header headers[JNL_RECORD_ENTRIES];
    unsigned count = 0;
    uint64_t offset = JNL_BLOCK;
    bool fua = false;
    journal->commit_iov_count = 0;
    commit_add(journal, journal->staging, JNL_BLOCK);
    list_for_each(it, &journal->committing)
    {
        struct jnl_append *append = container_of(it, struct jnl_append, node);
        offset = stage_payload(journal, append, offset, &headers[count]);
        append->entry = jnl_entry_new(journal, record, &headers[count]);
        fua |= (append->flags & JNL_ENTRY_FUA) != 0;
        count++;
    }
    memset(journal->staging + offset, 0, bytes - offset);
    if (bytes > offset)
        commit_add(journal, journal->staging + offset, bytes - offset);
    record->last_ticket = journal->tickets - journal->queued;
    journal->counters.appended_bytes += payload;
    encode_header(journal, record, fua ? JNL_RECORD_FUA : 0, headers, count);
    bool wanted = flush_is_expected(journal, count) || fua ||
                  jnl_barrier_waits(journal, journal->written_ticket + 1);
    bool covers = journal->durable_seq + 1 == record->seq || MUTANT(DURABLE_WRITE_COVERS_EARLIER);
    commit_write(journal, record, bytes, wanted && covers);
    if (MUTANT(ACK_FROM_MEMORY))
        port_timer_after_ms(journal->timer, &journal->idle_timer, 0);
}

void jnl_commit_kick(struct journal *journal)
{
    if (journal->commit || journal->failed || list_is_empty(&journal->queue))
        return;
    uint64_t payload = gather(journal);
    if (list_is_empty(&journal->committing))
        commit_pad(journal);
    else
        commit_record(journal, payload);
}

/* Takes them out first: an answer may bring the next commit, which gathers into the same list. */
static void take_committing(struct journal *journal, struct list_node *ret_appends)
{
    list_init(ret_appends);
    list_splice(ret_appends, &journal->committing);
}

static void answer_all(struct list_node *written)
{
    while (!list_is_empty(written)) {
        struct jnl_append *append = list_first(written, struct jnl_append, node);
        list_remove(&append->node);
        append->done(append, 0);
    }
}

void jnl_commit_answer(struct journal *journal)
{
    struct list_node written;
    take_committing(journal, &written);
    answer_all(&written);
}

static void commit_done(struct jdev_op *op, int error)
{
    struct journal *journal = container_of(op, struct journal, commit_op);
    struct jnl_record *record = journal->commit;
    bool is_durable = journal->commit_is_durable;
    journal->commit = NULL;
    if (error || journal->failed) {
        jnl_fail(journal, error ? error : journal->failed);
        return;
    }
    record->written = true;
    journal->written_seq = record->seq;
    journal->written_ticket = record->last_ticket;
    journal->written_bytes += (uint64_t)record->blocks * JNL_BLOCK;
    journal->counters.commits++;

    /* That it is durable is known before the appends are answered: who then waits for it need not
     * ask for a sync. But a barrier that this answers may bring the next commit, too. */
    struct list_node written;
    take_committing(journal, &written);
    if (is_durable) {
        journal->durable_bytes = journal->written_bytes;
        jnl_became_durable(journal, record->seq, record->last_ticket);
    }
    answer_all(&written);
    jnl_kick(journal);
}

static void drop_list(struct list_node *appends, int error)
{
    while (!list_is_empty(appends)) {
        struct jnl_append *append = list_first(appends, struct jnl_append, node);
        list_remove(&append->node);
        append->entry = NULL;
        append->done(append, error);
    }
}

void jnl_commit_drop(struct journal *journal, int error)
{
    struct list_node dropped;
    take_committing(journal, &dropped);
    list_for_each(it, &journal->queue)
        jnl_unreserve(journal, payload_bytes(container_of(it, struct jnl_append, node)));
    list_splice(&dropped, &journal->queue);
    journal->queued = 0;
    drop_list(&dropped, error);
}
