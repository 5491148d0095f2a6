/*
 * The write-back journal: what was appended and acknowledged survives the daemon (WRITTEN) and,
 * once synchronised, the host (DURABLE). JOURNAL.md is the plan; format.h the disk.
 *
 * Good day: the volume appends entries; they gather while a commit is under way, and the next
 * commit writes all of them as one record in one contiguous write. When it completes each entry
 * is WRITTEN (its done() is called); when a sync completes that was submitted afterwards, or the
 * write itself was durable, the record is DURABLE and barriers up to it are answered. The volume
 * keeps a reference on an entry for as long as its data are not on the LUN for good; when the
 * last one of a record's entries is gone, the tail moves on, and after the next superblock the
 * space is free.
 *
 * What can go wrong: the ring is full: jnl_reserve() says no and the volume parks its writes. The
 * device fails (EIO, short write, failed sync): the journal is FAILED for good (I15: no retry
 * and believe); everything queued is handed back with the error and failed() is called once. Its
 * superblock is made to say so, that no later start replays what is out of date by then; until
 * marked() says that this is done, nothing may be changed on the LUN but what the journal holds.
 *
 * The journal knows nothing of the LUN or the session. One thread. Nothing is allocated after
 * jnl_open().
 */
#ifndef JOURNAL_JOURNAL_H
#define JOURNAL_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/list.h"
#include "journal/format.h"
#include "port/journal_device.h"
#include "port/timer.h"

#define JNL_SEGMENTS 3u
/* The volume splits what is larger. */
#define JNL_ENTRY_PAYLOAD_MAX (1u * 1024 * 1024)

struct journal;
struct jnl_record;

/* An entry in the ring, for as long as somebody needs its data or its place. */
struct jnl_entry {
    struct list_node node;
    struct jnl_record *record;
    uint32_t references;
    struct jnl_entry_header header;
};
/* A ring of 1 GiB has a quarter of a million. */
_Static_assert(sizeof(struct jnl_entry) <= 64, "an entry is one cache line");

/* A request to append. Caller-allocated, with its payload, until done(). */
struct jnl_append {
    uint8_t op;     /* enum jnl_op */
    uint8_t flags;  /* JNL_ENTRY_* */
    uint64_t epoch; /* never lower than that of an earlier append */
    uint64_t lba;
    uint32_t blocks;
    struct iovec payload[JNL_SEGMENTS]; /* JNL_WRITE: blocks * block size in all */
    int payload_count;
    /* error 0: WRITTEN; `entry` has one reference, the caller's. From the event loop, never from
     * inside jnl_append(). */
    void (*done)(struct jnl_append *append, int error);
    struct jnl_entry *entry;
    void *owner; /* the caller's */

    /* The journal's own. */
    struct list_node node;
};

/* Waits until everything appended before it is DURABLE. Caller-allocated. */
struct jnl_barrier {
    void (*done)(struct jnl_barrier *barrier, int error);
    struct list_node node;
    uint64_t ticket;
};

struct jnl_config {
    uint32_t lun_block_bytes;
    size_t record_count;   /* at most so many records in the ring at once */
    size_t entry_count;    /* ... and so many entries */
    uint32_t idle_sync_ms; /* WRITTEN becomes DURABLE after so long at the latest ... */
    /* ... or as soon as so much of the ring is not: it has to stay in memory until then, and a
     * fast client would use that up within idle_sync_ms. 0: whatever it is. */
    uint64_t unsynced_bytes;
};

extern const struct jnl_config jnl_config_default;

struct jnl_events {
    /* The ring has room again, or entries became DURABLE. */
    void (*progress)(void *owner);
    /* The device failed; nothing can be appended any more. */
    void (*failed)(void *owner, int error);
    /* After failed(): the superblock says FAILED (0), or cannot be written (-errno; it is tried
     * again, and this called again). Not after a failure while the journal is closed: then what
     * the LUN has not stays in the ring, for the next start. */
    void (*marked)(void *owner, int error);
};

struct jnl_status {
    uint64_t ring_bytes;
    uint64_t used_bytes; /* what the next superblock frees is not counted */
    uint64_t next_seq;
    uint64_t durable_seq;
    uint64_t commits, syncs, superblocks;
    uint64_t appended_bytes; /* payload */
    size_t live_entries;
    bool failed;
};

/* What a scan found wrong. */
enum jnl_open_error {
    JNL_OPEN_OK,
    JNL_OPEN_NO_JOURNAL,   /* no superblock: create one first */
    JNL_OPEN_NEWER,        /* written by a newer version: leave it alone */
    JNL_OPEN_FAILED_STATE, /* its device had failed: must not be replayed */
    JNL_OPEN_CORRUPT,      /* a record that had been durable is damaged */
    JNL_OPEN_IO,           /* the device does not read or write */
    JNL_OPEN_TOO_MANY,     /* more records or entries than the configuration allows */
    JNL_OPEN_NO_MEMORY,
};

/* A recovered entry, in order of appending; the callee may keep a reference. */
typedef void jnl_recovered_fn(void *owner, struct journal *journal, struct jnl_entry *entry);

/*
 * Writes the superblocks of a new, EMPTY journal over whatever is there; the caller has asked.
 * `superblock` names uuid, LUN and binding; the rest is filled in. Returns 0 or -errno.
 */
int jnl_create(struct jdev_port *device, struct jnl_superblock *superblock);

/* Reads the newest superblock without touching anything: for tools, and to compare the binding
 * before jnl_open(). */
enum jnl_open_error jnl_peek(struct jdev_port *device, struct jnl_superblock *ret_superblock);

/*
 * Opens and recovers (JOURNAL.md 2.11), in the caller's thread: makes what it will believe stable
 * first (I12), walks the chain, hands each entry to recovered(), makes a new incarnation durable.
 * On JNL_OPEN_CORRUPT nothing was changed. ret_detail: the sequence number the trouble is at.
 */
enum jnl_open_error jnl_open(const struct jnl_config *config, struct jdev_port *device,
                             struct timer_port *timer, const struct jnl_events *events, void *owner,
                             jnl_recovered_fn *recovered, struct journal **ret_journal,
                             uint64_t *ret_detail);

/* Forgets everything, as a crash does. NULL-safe; the device must be idle or gone. */
void jnl_free(struct journal *journal);

/* The LUN grew: a superblock that says so is written soon; events.progress tells when it is
 * durable.
 */
void jnl_set_lun_blocks(struct journal *journal, uint64_t blocks);

/* The LUN's size by the last durable superblock. */
uint64_t jnl_lun_blocks(const struct journal *journal);

/*
 * Ordered destage: may entries of `epoch` be sent, everything of earlier ones being CLEAN? Only
 * when a durable superblock says so (else one is written soon, see events.progress): a start that
 * sent them again would take the LUN back, and with the journal lost meanwhile it would be no
 * prefix.
 */
bool jnl_epoch_may_begin(struct journal *journal, uint64_t epoch);

/* 16 bytes, the journal's name. */
const uint8_t *jnl_uuid(const struct journal *journal);

/* After jnl_open(): appends must begin with this epoch, or a later one. */
uint64_t jnl_first_epoch(const struct journal *journal);

/* The largest payload of one append: JNL_ENTRY_PAYLOAD_MAX, less on a tiny ring. */
uint64_t jnl_payload_max(const struct journal *journal);

/*
 * Sets room aside for one append with so much payload; false when the ring is too full now (see
 * events.progress). Every reservation ends in jnl_append() or jnl_unreserve().
 */
bool jnl_reserve(struct journal *journal, uint64_t payload_bytes);
void jnl_unreserve(struct journal *journal, uint64_t payload_bytes);

/* Needs a reservation for exactly its payload. */
void jnl_append(struct journal *journal, struct jnl_append *append);

/* done() may come from inside this call when everything is DURABLE already. */
void jnl_barrier(struct journal *journal, struct jnl_barrier *barrier);

struct jnl_entry *jnl_entry_ref(struct jnl_entry *entry);

/* CLEAN (on the LUN for good), or not needed: gives a reference back. */
void jnl_entry_unref(struct journal *journal, struct jnl_entry *entry);

/* Some of `old` is superseded by `newer`: its place may be used again only when `newer` is
 * DURABLE (I5). Call before giving the reference back. */
void jnl_entry_superseded(struct jnl_entry *old, const struct jnl_entry *newer);

/* True when the entry may be sent to the target (I3). */
bool jnl_entry_is_durable(const struct journal *journal, const struct jnl_entry *entry);

/* Where its payload lies in the ring. */
uint64_t jnl_entry_place(const struct jnl_entry *entry);

/* Reads an entry's payload back from the ring. done(): 0, -EIO, or -EBADMSG when the checksum does
 * not fit: then it must neither be served nor sent. */
struct jnl_load {
    struct jnl_entry *entry; /* referenced by the caller */
    void *data;              /* room for the payload, rounded up to JDEV_ALIGN, aligned to it */
    void (*done)(struct jnl_load *load, int error);

    struct journal *journal;
    struct jdev_op op;
    struct iovec iov;
};
void jnl_load(struct journal *journal, struct jnl_load *load);

/* Makes everything durable and the superblock say EMPTY (or OPEN, when entries are left); then
 * done(). Nothing may be appended any more, and the LUN not changed but by what the journal holds.
 */
void jnl_close(struct journal *journal, void (*done)(void *owner, int error));

/* The records in the ring from a tail on, up to and with end_seq; none when that is before it. */
struct jnl_part {
    uint64_t tail_offset;
    uint64_t tail_seq;
    uint32_t tail_prev_crc;
    uint64_t end_seq;
};

/*
 * Another process wants to read what is needed now: from here to jnl_release() nothing of it is
 * overwritten, though it may become CLEAN; so appends find room for what is free now, no more.
 * *ret_part: all that was ever WRITTEN and is not CLEAN. Not held already; jnl_close() releases.
 */
void jnl_hold(struct journal *journal, struct jnl_part *ret_part);
void jnl_release(struct journal *journal);

/* Something is being made durable on its device. */
bool jnl_is_syncing(const struct journal *journal);

/* A record, or a sync, is under way at its device. */
bool jnl_is_writing(const struct journal *journal);

/*
 * Canaries (canary.c): the ranges of the LUN that must still be what they were, whatever becomes
 * of us, unless somebody else writes to it. After jnl_open(): those that the superblock has and no
 * record in the ring overlaps; none when nothing was recovered. An append that overlaps one ends
 * it. blocks 0: there is none.
 */
const struct jnl_canary *jnl_canary(const struct journal *journal, unsigned index);
unsigned jnl_canary_count(const struct journal *journal);
void jnl_canary_forget(struct journal *journal, unsigned index);

/* The range is CLEAN and is about to be read from the LUN. One at a time. */
void jnl_canary_watch(struct journal *journal, uint64_t lba, uint32_t blocks);

/* It was read, with this checksum. False: something was appended there meanwhile. */
bool jnl_canary_note(struct journal *journal, unsigned index, uint32_t crc);

/* Those that were noted get into a superblock now. */
void jnl_canaries_store(struct journal *journal);

/* Somebody else wrote to the LUN while this journal held something for it: remembered in the
 * superblock for as long as it does. */
void jnl_set_foreign(struct journal *journal, bool is_foreign);
bool jnl_is_foreign(const struct journal *journal);

/* Of the ring, or of the tables that its contents need. */
bool jnl_is_half_full(const struct journal *journal);

void jnl_status(const struct journal *journal, struct jnl_status *ret_status);

#endif
