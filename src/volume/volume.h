/*
 * The disk that clients see, whatever becomes of the target.
 *
 * Front ends hand in requests of any alignment; each is answered exactly once, when the rules of
 * JOURNAL.md 2.1 for the configured journal allow it. A request that cannot be carried out now
 * (no session, target busy, memory full) waits; it fails only for what waiting cannot change, or
 * when the administrator's outage_limit passed.
 *
 * Order: overlapping requests are carried out in the order of their submission (reads beside
 * reads excepted); requests that do not overlap in any order. FLUSH covers every write that was
 * *answered* before the FLUSH was submitted, on whatever connection.
 *
 * With a journal, reads overtake changes that are not let in yet: for want of room in the ring,
 * behind a FLUSH of a journal in memory, or until a failed journal is marked. Such a read shows
 * what was there before, as it may: of a write that is not answered either may be seen. (Else
 * reads would wait for the target, too, when the ring is full.) Changes stay in order among
 * themselves, and once one is let in, later reads of its range wait for it. BLOCK_STATUS waits for
 * nobody.
 *
 * All calls and callbacks on the loop's thread.
 */
#ifndef VOLUME_VOLUME_H
#define VOLUME_VOLUME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer_pool.h"
#include "base/list.h"
#include "port/journal_device.h"
#include "port/random.h"
#include "port/timer.h"
#include "port/trace.h"
#include "session/session.h"
#include "volume/places.h"

enum vol_op {
    VOL_READ,
    VOL_WRITE,
    VOL_FLUSH,
    VOL_TRIM,         /* a hint: contents of the range are undefined afterwards */
    VOL_WRITE_ZEROES, /* reads back as zeros */
    VOL_CACHE,        /* a hint, done at once */
    VOL_BLOCK_STATUS,
};

#define VOL_FUA       0x1u /* WRITE, WRITE_ZEROES, TRIM: on stable storage before the answer */
#define VOL_NO_HOLE   0x2u /* WRITE_ZEROES: do not unmap */
#define VOL_FAST_ZERO 0x4u /* WRITE_ZEROES: -ENOTSUP unless faster than writing zeros */
#define VOL_REQ_ONE   0x8u /* BLOCK_STATUS: one extent is enough */

/* READ and WRITE carry at most this many bytes; front ends split what is larger. */
#define VOL_TRANSFER_MAX BUFFER_BYTES_MAX

#define VOL_EXTENT_HOLE  0x1u /* not allocated on the target: a write may run out of space */
#define VOL_EXTENT_ZERO  0x2u /* reads as zeros */
#define VOL_EXTENT_DIRTY 0x4u /* not (only) on the target yet: held by us */

struct vol_extent {
    uint64_t length; /* bytes, > 0 */
    uint32_t flags;
};

/* Caller-allocated (from a slab of its own); unchanged and alive until done(). */
struct vol_request {
    enum vol_op op;
    uint32_t flags;
    uint64_t offset; /* bytes; any alignment */
    uint64_t length; /* bytes */
    /* READ: filled from data[0]; WRITE: data[0 .. length). The volume takes its own reference
     * while it needs one; the caller keeps its own until done(). Not modified after submission. */
    struct buffer *buffer;
    /* BLOCK_STATUS: room for extent_room (>= 1) extents. */
    struct vol_extent *extents;
    unsigned extent_room;
    /* May be called from inside vol_submit(), and may submit further requests itself. */
    void (*done)(struct vol_request *request);

    /* Set before done(). */
    int error;             /* 0, or -EIO -EPERM -EINVAL -ENOSPC -ENOTSUP -ESHUTDOWN */
    unsigned extent_count; /* BLOCK_STATUS: they cover the range from offset, perhaps not all */

    /* The volume's own. */
    struct list_node node;
    struct vol_io *io;
};

/* What a front end must know of the disk; valid once vol_is_known(). */
struct vol_geometry {
    uint64_t size_bytes;
    uint32_t block_bytes;          /* logical block of the LUN */
    uint32_t physical_block_bytes; /* preferred unit of I/O, a power of two */
    bool read_only;
    bool can_trim;
    bool can_fast_zero;
};

/* A front end that wants to be told. Caller-allocated; unlinked by vol_unwatch(). */
struct vol_watcher {
    struct list_node node;
    /* The geometry became known for the first time, or changed (the LUN grew). */
    void (*geometry)(struct vol_watcher *watcher);
};

struct vol_config {
    bool read_only;           /* refuse writes whatever the LUN says */
    uint64_t memory_bytes;    /* payload arena: reads, writes under way, retained writes */
    unsigned request_count;   /* requests inside the volume at once; more are queued */
    uint64_t retain_bytes;    /* acknowledged, not synchronised: a SYNC starts beyond this */
    uint32_t retain_ms;       /* ... or when the oldest is this old */
    uint64_t outage_limit_ms; /* fail parked requests after so long; 0: never */
};

extern const struct vol_config vol_config_default;

enum vol_journal_mode {
    VOL_JOURNAL_NONE,
    VOL_JOURNAL_MEMORY,     /* survives the daemon, not the host: FLUSH waits for the target */
    VOL_JOURNAL_PERSISTENT, /* survives the host: FLUSH waits for the journal's device */
};

struct vol_journal_config {
    enum vol_journal_mode mode;
    struct jdev_port *device;       /* must outlive the volume */
    uint8_t uuid[16];               /* random; used when a journal has to be made */
    const char *target, *initiator; /* names to note in it */
    uint64_t lun;
    uint64_t cache_bytes;   /* payload kept in memory; the rest is read from the ring */
    bool continue_unmarked; /* a failed journal that cannot be marked holds up nothing ... */
    /* ... as soon as the owner has noted elsewhere that it must not be used again: answered by
     * vol_journal_is_condemned(), perhaps from inside. At most once. NULL: nothing is noted. */
    void (*condemn)(void *owner, const uint8_t uuid[16]);
    void *owner;
    /* Replays over what another system wrote to the LUN meanwhile; else that stops everything. */
    bool replay_over_foreign;
    /* What is looked at to notice that; NULL: the usual ones (places.h). At most VOL_PLACES. */
    const struct vol_place *places;
    unsigned place_count;
    bool ordered;        /* destage epoch by epoch (I11): the LUN is always a prefix */
    size_t record_count; /* bounds of what the ring may hold at once; 0: by its size */
    size_t entry_count;
};

struct vol_status {
    bool online;       /* the session is ready */
    unsigned requests; /* not answered yet */
    unsigned changes;  /* of them: no mere reads, so that something is lost without an answer */
    unsigned parked;   /* of them: waiting for the session */
    uint64_t parked_write_bytes;
    uint64_t retained_bytes; /* acknowledged, not covered by a SYNC yet */
    uint64_t dirty_bytes;    /* of them: to be written again after a loss */
    uint64_t unsynced_bytes; /* not on the LUN for good yet, zeroed and trimmed ones too */
    uint64_t memory_bytes;
    uint64_t memory_used;
    uint64_t reads, writes, flushes, trims, zeroes; /* answered since the start */
    uint64_t read_bytes, written_bytes;
    uint64_t errors;
    uint64_t rewrites, rewrite_bytes; /* acknowledged writes sent again after a loss */
    uint64_t syncs;
    enum vol_journal_mode journal_mode;
    bool journal_open; /* false: none, not made yet, or failed */
    bool journal_failed;
    bool journal_unmarked; /* ... and cannot be marked so: changes wait */
    bool journal_full;     /* writes wait for room */
    bool journal_foreign;  /* another system wrote to the LUN: nothing is sent to it */
    uint64_t foreign_lba, foreign_blocks; /* ... here; 0 blocks: an earlier start saw where */
    unsigned journal_canaries;            /* places that are watched for that */
    uint64_t ring_bytes, ring_used_bytes;
    uint64_t journal_entries;
    /* Age of the oldest write that is not on the LUN, in steps of 0.1 s, at least one; 0: none. */
    uint64_t oldest_unsent_us;
    uint64_t appended_bytes;
};

struct volume;

/*
 * Makes the volume and its session (on `link`); nothing is sent before vol_start().
 * Returns 0 or -ENOMEM.
 */
int vol_new(const struct vol_config *config, const struct ses_config *session_config,
            struct link_port *link, struct timer_port *timer, struct random_port *random,
            struct trace_port *trace, struct volume **ret_volume);

/* NULL-safe. Answers nothing: unanswered requests are forgotten (a crash, as the simulator does
 * it; the daemon stops first). Watchers must be gone or are forgotten too. */
void vol_free(struct volume *volume);

/*
 * Gives the volume a journal; before vol_start(). A journal that is there is recovered now, in the
 * caller's thread: what it holds can be read at once, and only the LUN it belongs to is accepted.
 * A device without one gets one as soon as the LUN was seen; until then requests wait.
 * On failure (-EINVAL, -EIO, -ENOMEM) the device is untouched, and ret_why says what to do.
 */
int vol_use_journal(struct volume *volume, const struct vol_journal_config *config, char *ret_why,
                    size_t why_bytes);

void vol_start(struct volume *volume);

/*
 * Stops: requests under way are finished, retained writes synchronised, the session logged out;
 * then stopped(owner). vol_stop_now() gives up on what is left: waiting requests are answered
 * with -ESHUTDOWN and stopped(owner) comes soon. The owner bounds the time between the two.
 */
void vol_stop(struct volume *volume, void (*stopped)(void *owner), void *owner);
void vol_stop_now(struct volume *volume);

void vol_submit(struct volume *volume, struct vol_request *request);

/* Requests that `flush` the verb asks for, and front ends, take payload from here. */
struct buffer_pool *vol_buffers(struct volume *volume);

bool vol_is_known(const struct volume *volume);
void vol_geometry(const struct volume *volume, struct vol_geometry *ret_geometry);
void vol_watch(struct volume *volume, struct vol_watcher *watcher);
void vol_unwatch(struct vol_watcher *watcher);

/* Somebody waits for unsynced_bytes to be 0: the last SYNC goes out now, not when it is due. */
void vol_hurry(struct volume *volume);

/* See vol_journal_config.condemn. */
void vol_journal_is_condemned(struct volume *volume);

/* What the journal's ring holds now, for another process to read: see jnl_hold(). */
struct vol_held {
    uint64_t tail_offset, tail_seq; /* the first record */
    uint32_t tail_prev_crc;
    uint64_t end_seq; /* the last one; before the first: there is none */
};

/*
 * Everything that was acknowledged and is not on the LUN for good stays in the ring until
 * vol_release_journal(), or until the volume stops; meanwhile the ring may fill, and writes then
 * wait. 0; -ENODEV: there is no journal, or none yet; -EIO: it failed; -EBUSY: it is held already.
 */
int vol_hold_journal(struct volume *volume, struct vol_held *ret_held);

/* No effect when it is not held. */
void vol_release_journal(struct volume *volume);

void vol_status(const struct volume *volume, struct vol_status *ret_status);

/*
 * Whether clients have lately asked for one thing at a time, and wait for an answer that needs
 * neither this CPU nor a sync of the journal's device. Then the next event may come so soon that
 * sleeping until it is not worth it. With more under way each wake-up brings several of them; and
 * what completes a sync may be a kernel thread that wants the very CPU.
 */
bool vol_is_calm(const struct volume *volume);

/* Whether no request is inside: what somebody waits for then is a client's next one. (The volume's
 * own commands, of a destage or a SYNC, may be under way.) */
bool vol_is_empty(const struct volume *volume);

/*
 * How long, in microseconds, nobody would miss much if nobody looked at what came: while many
 * small requests wait for the target, a small part of the time that it takes for one. What comes
 * meanwhile is then dealt with together. 0: look at once.
 */
uint32_t vol_rest_us(const struct volume *volume);

/* For status and tests; owned by the volume. */
struct session *vol_session(struct volume *volume);

/* Told when the session gave up for good (SES_REFUSED, SES_FENCED): the daemon decides. */
void vol_on_gave_up(struct volume *volume, void (*gave_up)(void *owner), void *owner);

#endif
