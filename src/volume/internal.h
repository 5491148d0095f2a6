/*
 * What the files of src/volume share. Nobody outside includes this.
 *
 * The life of a request: vol_submit() queues it in `waiting`; vol_turn() admits it (request.c):
 * it gets a vol_io, enters the gate, and once granted its own file carries it out (read.c,
 * write.c, trim.c, extents.c) by means of transfers (transfer.c), which cut it into commands for
 * the session. FLUSH has no vol_io: it waits in `flushes` (flush.c). What the target may have
 * lost is written again by vol_ios without a request (rewrite.c).
 *
 * Re-entry: everything from outside (vol_submit, done(), events, timers) runs between
 * vol_enter() and vol_leave(). Only the outermost vol_leave() lets work go on, in vol_turn(), so
 * a callback that submits from inside never meets half-changed state.
 */
#ifndef VOLUME_INTERNAL_H
#define VOLUME_INTERNAL_H

#include "base/mutant.h"
#include "volume/gate.h"
#include "volume/retained.h"
#include "volume/volume.h"

#define VOL_BLOCK_BYTES_MAX 4096u
#define VOL_EDGE_BYTES      (2 * VOL_BLOCK_BYTES_MAX) /* room for a head and a tail block */
#define VOL_EDGE_ARENA      (2u * 1024 * 1024)
#define VOL_REWRITES        64u /* pieces of the overlay under way at once: being loaded, waiting ... */
#define VOL_REWRITES_SENT   48u                /* ... and at the target, ... */
#define VOL_BYTES_SENT      (4u * 1024 * 1024) /* ... with so much payload */
#define VOL_LOAD_ARENA      (8u * 1024 * 1024) /* payload read back from the ring, for destage ... */
#define VOL_READ_ARENA      (2u * 1024 * 1024) /* ... and for clients */
#define VOL_LOADS           128u               /* beyond the first of each vol_io */
#define VOL_PIECE_BYTES     (256u * 1024)      /* one piece of neighbours, which ... */
#define VOL_PIECE_PARTS     64u                /* ... may lie in so many places in memory */
#define VOL_SEGMENTS        3u                 /* of a request: head block, middle, tail block */
/* A long WRITE_ZEROES or TRIM is done in steps, so that an outage costs one step at the most. */
#define VOL_STEP_BYTES (1024ull * 1024 * 1024)
/* Zeros that have to be written take the target's time: smaller steps. */
#define VOL_ZERO_STEP_BYTES  (64ull * 1024 * 1024)
#define VOL_ZERO_AREA_BYTES  (256u * 1024)
#define VOL_RETAINED_EXTENTS 16384u

enum vol_transfer_kind { TRANSFER_READ, TRANSFER_WRITE, TRANSFER_UNMAP, TRANSFER_LBA_STATUS };

struct vol_segment {
    uint64_t lba;
    uint64_t blocks;
    struct buffer *buffer; /* NULL: zeros (TRANSFER_WRITE) or no data; no reference of its own */
    uint32_t offset;       /* of the first byte in the buffer */
};

struct vol_io;

/* A linear job for the session, cut into commands. Restarted as a whole when the session is lost.
 */
struct vol_transfer {
    struct list_node node; /* in volume.sending while commands remain to be sent */
    enum vol_transfer_kind kind;
    uint32_t flags;               /* SES_FUA; VOL_NO_HOLE as in the request */
    struct vol_segment *segments; /* VOL_SEGMENTS; for destage VOL_PIECE_PARTS */
    unsigned segment_room, segment_count;
    void (*finished)(struct vol_io *io, int error);

    unsigned segment;  /* the next command starts in here ... */
    uint64_t position; /* ... so many blocks in */
    unsigned in_flight;
    bool lost;
    int error;
    uint64_t oldest_generation; /* of its commands' GOODs */
    uint32_t data_bytes;        /* LBA STATUS: what came */
};

/* Filling memory with the newest contents (fetch.c). */
struct vol_fetch {
    struct vol_segment segments[VOL_SEGMENTS];
    unsigned segment_count;
    void (*finished)(struct vol_io *io, int error);
    unsigned segment;  /* the walk stands in here ... */
    uint64_t position; /* ... so many blocks in */
    uint64_t piece_blocks;
    uint32_t piece_offset;
    struct jnl_entry *piece_entry; /* referenced while it waits for memory */
};

/* Of one entry, from the ring (load.c). */
struct vol_load {
    struct list_node node; /* in volume.free_loads or loads_later */
    struct vol_io *io;
    struct jnl_load jnl;
    uint64_t lba, blocks; /* what it is read for */
    uint32_t offset;      /* in io->loaded */
    unsigned tries;
};

struct vol_io {
    struct list_node node; /* in free_ios, active_ios, free_rewrites or active_rewrites */
    struct volume *volume;
    struct vol_request *request; /* NULL: writes retained data again */
    struct gate_entry gate;
    struct gate_entry target; /* in target_gate */
    void (*target_entered)(struct vol_io *io);
    uint64_t lba; /* the blocks touched: the request's range, rounded out */
    uint64_t blocks;
    uint64_t cursor;      /* WRITE_ZEROES, TRIM: first block of the present step */
    struct buffer *edges; /* head block at 0, tail block at VOL_BLOCK_BYTES_MAX; or parameters */
    struct vol_transfer transfer;
    struct vol_fetch fetch;
    int abandoned; /* answer with this as soon as nothing is in flight */

    /* rewrite.c: what it brings to the target, and the piece being sent: the transfer's segments,
     * which then own a reference on their buffers (the extents may be gone before it is sent) */
    struct retained_job job;
    uint64_t piece_lba, piece_blocks;
    uint64_t piece_memory; /* bytes that clients may need: kept from them until it is answered */

    /* load.c */
    struct vol_load load;     /* the first of a buffer; others come from volume.free_loads */
    bool loading;             /* from vol_load_begin() to finished() */
    unsigned loads_running;   /* not ended */
    int load_error;           /* of one that failed */
    uint32_t load_good_bytes; /* of `loaded`: before the first that failed */
    struct buffer *loaded;
    struct buffer_waiter load_waiter;
    void (*load_ready)(struct vol_io *io);
    void (*load_finished)(struct vol_io *io, int error);

    /* append.c */
    struct jnl_append appends[VOL_SEGMENTS];
    uint64_t reserved[VOL_SEGMENTS]; /* payload bytes set aside in the ring */
    unsigned reserved_count;
    unsigned appending; /* not WRITTEN yet */
    int append_error;
};

struct vol_command {
    struct list_node node;
    struct ses_command ses;
    struct iovec iov[VOL_PIECE_PARTS];
    struct vol_io *io;
};

enum vol_zero_way { ZERO_BY_UNMAP, ZERO_BY_WRITE_SAME, ZERO_BY_WRITE };

/* canary.c */
enum vol_canary_job { CANARY_IDLE, CANARY_CHECKS, CANARY_NOTES };

struct vol_canaries {
    struct vol_place places[VOL_PLACES];
    unsigned place_count; /* 0: to be found on the disk */
    bool places_are_given;
    struct jnl_canary expected[JNL_CANARIES]; /* before anything is sent; blocks 0: nothing */
    bool must_check;
    bool is_foreign; /* for good */
    uint64_t foreign_lba, foreign_blocks;
    bool must_note;
    unsigned next; /* of the places: to be noted next */
    struct timer timer;

    enum vol_canary_job job; /* what is read now, and what for */
    unsigned index;
    uint64_t lba;
    uint32_t blocks, done_blocks;
    bool is_reading; /* a command of it is under way */
    bool is_again;   /* the second time: what was read once may have been hurt on its way */
    uint32_t first_crc;
    struct ses_command command;
    struct iovec iov;
    uint8_t data[VOL_HEAD_BYTES];
};

struct volume {
    struct vol_config config;
    struct timer_port *timer;
    struct trace_port *trace;
    struct session *session;
    struct buffer_pool *buffers;
    struct buffer_pool *edge_buffers;
    struct buffer_pool *load_buffers, *read_buffers; /* NULL without a journal */
    struct retained retained;
    struct gate gate;        /* the order of the clients' requests */
    struct gate target_gate; /* with a journal: at most one write per LBA on its way (I6) */

    /* journal.c */
    struct vol_journal_config journal_config;
    struct journal *journal; /* NULL: none, or not made yet */
    struct jnl_events journal_events;
    bool journal_failed;       /* for good: rules of "none" from then on ... */
    bool journal_given_up;     /* ... once no later start can replay it */
    bool journal_condemned;    /* the owner was asked to see to that */
    struct list_node unmarked; /* vol_io.transfer.node: changes that wait for that */
    bool journal_full;         /* was told */
    bool journal_held;         /* somebody reads its ring */
    uint64_t epoch;            /* of what is appended now; a FLUSH starts the next */
    bool journal_closing, journal_closed;
    uint64_t journal_lun_blocks; /* the LUN must have at least so many */
    size_t retained_extents;     /* in the slab */
    struct jnl_barrier barrier;
    bool barrier_running;
    struct vol_canaries canaries;

    struct list_node waiting; /* vol_request.node: not admitted yet */
    struct list_node parked;  /* ... of them: changes that wait for room in the journal */
    struct list_node flushes; /* vol_request.node: FLUSH and FUA without the FUA bit */
    struct list_node syncing; /* of those: the ones that the SYNC under way answers */
    struct list_node free_ios, active_ios;
    struct list_node free_rewrites, active_rewrites;
    struct list_node free_commands;
    struct list_node sending; /* vol_transfer.node */
    struct list_node loaded;  /* vol_io.transfer.node: rewrites that wait to be sent */
    unsigned rewrites_sent;   /* at the target, and their payload: */
    uint64_t rewrite_blocks_sent, rewrite_memory_sent;
    struct list_node watchers;
    unsigned waiting_count, flush_count, active_count;
    unsigned lone_count;  /* requests in a row that came when FEW others at most were inside */
    uint32_t usual_bytes; /* of a request, a moving average */

    unsigned depth; /* of vol_enter() */
    bool has_lun;   /* the session is ready, and the LUN fits ... */
    bool ready;     /* ... and nobody else has written to it: commands may be sent */
    bool was_ready; /* at least once: what daemons before us answered is stable */
    bool known;
    bool again;     /* something came in while vol_leave() was at work */
    int refuse;     /* every request is answered with this error; 0: none is */
    bool announced; /* the present outage was told (TRACE_VOLUME_PARKED) */
    uint64_t generation;
    struct vol_geometry geometry;
    enum vol_zero_way zero_way; /* the best way that the target did not refuse */
    struct timer outage_timer;

    /* flush.c */
    struct ses_command sync;
    bool sync_running;
    bool sync_due; /* the oldest retained extent is retain_ms old */
    uint64_t sync_time, sync_generation;
    struct timer retain_timer;
    struct timer retry_timer; /* after a failed SYNC or rewrite */

    /* pace.c */
    uint64_t last_change_us; /* a client's, into the journal */
    uint64_t hurry_until_us; /* somebody drains */
    struct timer pace_timer;

    /* load.c */
    struct list_node free_loads;
    struct list_node loads_later; /* vol_load.node: the ring could not be read */
    struct vol_load *load_slab;
    struct timer load_timer;

    /* volume.c: stopping */
    bool stopping, stopping_now, session_stopping;
    void (*stopped)(void *owner);
    void *stopped_owner;
    void (*gave_up)(void *owner);
    void *gave_up_owner;

    struct vol_status counters;
    struct vol_io *io_slab;
    struct vol_io *rewrite_slab;
    struct vol_segment *segment_slab;
    struct vol_command *command_slab;
};

/* canary.c */
void vol_canaries_init(struct volume *volume);
/* The journal was recovered. */
void vol_canaries_recovered(struct volume *volume);
/* The session was lost: until vol_canaries_allow() nothing of ours is sent. */
void vol_canaries_session_lost(struct volume *volume);
/* At `ready`: true when commands may be sent at once. Else vol_come_online() follows, or nothing:
 * another system wrote to the LUN. */
bool vol_canaries_allow(struct volume *volume);
void vol_canaries_kick(struct volume *volume);

/* volume.c */
void vol_come_online(struct volume *volume);
void vol_enter(struct volume *volume);
void vol_leave(struct volume *volume);
/* Requests that are inside. */
unsigned vol_unanswered(const struct volume *volume);
/* Of them: those that change something, and FLUSH, which promises that others did. */
unsigned vol_unanswered_changes(const struct volume *volume);
void vol_set_geometry(struct volume *volume, const struct vol_geometry *geometry);
/* From what the session knows of the LUN. */
void vol_learn_geometry(struct volume *volume);

/* calm.c: a request comes in. */
void vol_note_arrival(struct volume *volume, uint64_t bytes);

/* request.c: admission and answers. */
void vol_admit(struct volume *volume);
void vol_answer(struct volume *volume, struct vol_request *request, int error);
void vol_io_start(struct vol_io *io);
void vol_io_finish(struct vol_io *io, int error);
/* As vol_io_finish(io, 0), but the answer waits until a SYNC covers it. */
void vol_io_finish_after_sync(struct vol_io *io);
void vol_run_unblocked(struct volume *volume);
/* Answers everything with `error` that is not in flight; what is, as soon as it comes back.
 * Returns how many were answered. */
unsigned vol_abandon_all(struct volume *volume, int error);

/* Carry out a granted io. */
void vol_read_start(struct vol_io *io);
void vol_write_start(struct vol_io *io);
void vol_trim_start(struct vol_io *io);
void vol_extents_start(struct vol_io *io);

/* fetch.c: fills the segments of io->fetch, all in [io->lba, io->lba + io->blocks). */
void vol_fetch_begin(struct vol_io *io, void (*finished)(struct vol_io *io, int error));

/* load.c */
void vol_load_init(struct volume *volume);
/* io->loaded gets so many bytes, at once or later; then ready(io), which begins loads; and when the
 * last of them has ended, finished(io, error). The memory is kept until vol_unload(). */
void vol_load_begin(struct vol_io *io, uint32_t bytes, void (*ready)(struct vol_io *io),
                    void (*finished)(struct vol_io *io, int error));
/* From ready() only: reads all of the entry's payload to io->loaded at `offset` (a multiple of
 * JDEV_ALIGN), for the sake of a range of the disk, which of a job is poisoned if that fails.
 * False: no more at once; never of the first. */
bool vol_load(struct vol_io *io, struct jnl_entry *entry, uint64_t lba, uint64_t blocks,
              uint32_t offset);
void vol_unload(struct vol_io *io);

/* journal.c */
/* Requests are acknowledged by the journal, not by the target. */
static inline bool vol_is_journaled(const struct volume *volume)
{
    return volume->journal && !volume->journal_failed;
}
/* FLUSH is answered by the journal's device. */
static inline bool vol_flushes_to_journal(const struct volume *volume)
{
    return vol_is_journaled(volume) && volume->journal_config.mode == VOL_JOURNAL_PERSISTENT;
}
/* A FLUSH that has to reach the target with a journal in memory: nothing may supersede what it
 * covers (I9), so changes wait behind it. (It is answered when nothing is dirty: were changes let
 * in, nothing would be lost, but clients that never pause would keep it waiting for ever.) */
static inline bool vol_changes_wait_for_flush(const struct volume *volume)
{
    return vol_is_journaled(volume) && !vol_flushes_to_journal(volume) && volume->flush_count > 0 &&
           !MUTANT(SUPERSEDE_ACROSS_FLUSH);
}
/* The journal failed, and a later start might replay it over what is changed now. */
static inline bool vol_journal_is_unmarked(const struct volume *volume)
{
    return volume->journal_failed && !volume->journal_given_up;
}
/* ... or the LUN, which is to be changed directly now, was never seen by this daemon. */
static inline bool vol_changes_must_wait(const struct volume *volume)
{
    return volume->journal_failed && (!volume->journal_given_up || !ses_lun(volume->session));
}
/* Those that had to wait go on, if they may. */
void vol_changes_go_on(struct volume *volume);
/* True: the io is queued until it does not have to wait any more; vol_change_through() follows. */
bool vol_waits_for_mark(struct vol_io *io);
/* At `ready`: makes the journal if it is still to be made. False: this LUN does not fit it. */
bool vol_journal_is_usable(struct volume *volume);
/* True when it is closed (or there is none); begins closing otherwise. */
bool vol_journal_close(struct volume *volume);
/* How many of the LUN's blocks may be shown: growth is noted in the journal first, so that it is
 * not taken back by a crash while the target is away. */
uint64_t vol_journal_blocks_shown(struct volume *volume, uint64_t lun_blocks);
void vol_journal_status(const struct volume *volume, struct vol_status *status);
void vol_journal_tell_room(struct volume *volume);
void vol_barrier_kick(struct volume *volume);

/* Runs next(io) once nothing else is on its way to the target in the io's range (I6). Without a
 * journal the request's own place in the gate sees to that already. */
void vol_target_enter(struct vol_io *io, void (*next)(struct vol_io *io));
/* Straight to the target, without a journal or when it failed. */
void vol_write_through(struct vol_io *io);
void vol_trim_through(struct vol_io *io);
static inline void vol_change_through(struct vol_io *io)
{
    if (io->request->op == VOL_TRIM)
        vol_trim_through(io);
    else
        vol_write_through(io);
}

/* append.c: WRITE, WRITE_ZEROES and TRIM into the journal. */
bool vol_append_reserve(struct vol_io *io);
void vol_append_unreserve(struct vol_io *io);
void vol_append_start(struct vol_io *io);

/* transfer.c: the caller has filled kind, flags and segments. */
void vol_transfer_begin(struct vol_io *io, void (*finished)(struct vol_io *io, int error));
void vol_transfer_pump(struct volume *volume);
/* What one READ may ask for. */
uint64_t vol_read_blocks_max(const struct volume *volume);

/* flush.c */
void vol_sync_init(struct volume *volume);
void vol_sync_kick(struct volume *volume);
/* Somebody waits for a buffer, or soon will. */
bool vol_buffers_are_short(const struct volume *volume);
/* ... or for an extent, or for room in the journal; or enough is retained to be worth a SYNC. */
bool vol_memory_is_short(const struct volume *volume);
/* Everything that was ever answered is on stable storage. */
bool vol_nothing_to_flush(const struct volume *volume);
void vol_pressure(void *owner);
/* The FLUSHes that the SYNC (or barrier) under way was to answer. */
void vol_flushes_are_done(struct volume *volume);
void vol_flushes_wait_on(struct volume *volume);

/* pace.c: true while nothing more of the overlay is to be sent; a timer then ends that. */
bool vol_destage_rests(struct volume *volume);
void vol_destage_hurries(struct volume *volume);
bool vol_destage_is_hurried(const struct volume *volume);
void vol_pace_init(struct volume *volume);

/* rewrite.c */
void vol_rewrite_kick(struct volume *volume);
void vol_rewrite_start(struct vol_io *io);
/* Nothing is sent for now: what is in the ring, too, and not in flight, lets go of the clients'
 * memory. */
void vol_rewrites_are_parked(struct volume *volume);

/* edges.c: how an unaligned range falls on blocks. */
struct vol_edges {
    uint32_t head_skip;  /* bytes of the head block before the range */
    uint32_t head_bytes; /* bytes of the range in the head block; 0: no partial head */
    uint32_t tail_bytes; /* bytes of the range in the tail block; 0: no partial tail */
    uint64_t head_lba, tail_lba;
    uint64_t middle_lba, middle_blocks; /* whole blocks */
};
void vol_edges_of(uint64_t offset, uint64_t length, uint32_t block_bytes,
                  struct vol_edges *ret_edges);
static inline bool vol_edges_any(const struct vol_edges *edges)
{
    return edges->head_bytes > 0 || edges->tail_bytes > 0;
}
/* Sets the fetch's segments to the partial blocks, in io->edges; and, unless it is NULL, to the
 * whole blocks between them, in the request's buffer. */
void vol_edges_segments(struct vol_io *io, const struct vol_edges *edges, struct buffer *middle);
/* Sets the client's bytes in the edge blocks, which hold the newest contents. */
void vol_edges_set(struct vol_io *io, const struct vol_edges *edges);
static inline uint8_t *vol_edge_head(const struct vol_io *io)
{
    return io->edges->data;
}
static inline uint8_t *vol_edge_tail(const struct vol_io *io)
{
    return io->edges->data + VOL_BLOCK_BYTES_MAX;
}
void vol_segment_add(struct vol_transfer *transfer, uint64_t lba, uint64_t blocks,
                     struct buffer *buffer, uint32_t offset);
void vol_fetch_add(struct vol_fetch *fetch, uint64_t lba, uint64_t blocks, struct buffer *buffer,
                   uint32_t offset);

#define DECISECOND_US 100000u

/* For retained_content.since_ds. */
static inline uint32_t vol_now_ds(const struct volume *volume)
{
    return (uint32_t)(port_now_us(volume->timer) / DECISECOND_US);
}

static inline uint32_t vol_block_bytes(const struct volume *volume)
{
    return volume->geometry.block_bytes;
}

static inline uint32_t vol_payload_bytes(const struct volume *volume, const struct jnl_entry *entry)
{
    return (uint32_t)jnl_payload_bytes(&entry->header, vol_block_bytes(volume));
}

#endif
