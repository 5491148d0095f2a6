/* What the files of src/journal share. */
#ifndef JOURNAL_INTERNAL_H
#define JOURNAL_INTERNAL_H

#include "journal/journal.h"
#include "journal/ring.h"

/* Payload at least so large goes to the device from where it is. */
#define JNL_APART_BYTES (32u * 1024)
/* Each such payload, and what is staged between two of them. */
#define JNL_COMMIT_IOV (2 * (JNL_RECORD_BYTES_MAX / JNL_APART_BYTES) + 1)

struct journal {
    struct jnl_config config;
    struct jdev_port *device;
    struct timer_port *timer;
    const struct jnl_events *events;
    void *owner;
    struct jnl_superblock superblock; /* as last made durable, or being written */
    struct jnl_ring ring;
    struct list_node free_entries;
    size_t free_entry_count;
    struct jnl_entry *entry_slab;
    int failed;   /* -errno of the first trouble, for good */
    bool opening; /* entries are being handed out: no I/O is started */
    bool closing;
    void (*closed)(void *owner, int error);

    /* commit.c */
    struct list_node queue; /* jnl_append.node, not in a record yet */
    size_t queued;
    size_t promised;         /* appends that are reserved or queued, and what they take of the */
    uint64_t promised_bytes; /* ring, were each a record of its own */
    struct list_node committing; /* of the record under way */
    struct jnl_record *commit;   /* NULL: none under way */
    bool commit_is_durable;
    struct jdev_op commit_op;
    struct iovec commit_iov[JNL_COMMIT_IOV];
    int commit_iov_count;
    uint8_t
        *staging; /* JNL_RECORD_BYTES_MAX, aligned: the record under way, without large payload */
    uint64_t tickets;     /* appends so far */
    bool barrier_came;    /* since the last record was begun */
    unsigned flush_habit; /* records in a row that a barrier followed */

    /* durable.c */
    uint64_t written_seq, written_ticket;
    uint64_t durable_seq, durable_ticket;
    uint64_t written_bytes, durable_bytes; /* of the ring, since it was opened */
    struct list_node barriers;             /* by ticket */
    bool sync_running;
    uint64_t sync_seq, sync_ticket, sync_bytes;
    struct jdev_op sync_op;
    struct timer idle_timer;

    /* superblock.c */
    unsigned superblock_writes; /* of the two copies, under way */
    unsigned superblock_good;   /* ... written */
    bool room_is_wanted;        /* somebody found none since the last one */
    int superblock_error;
    uint64_t stable_seq; /* tail of the superblock under way */
    uint64_t lun_blocks; /* the next one is to say this; 0: as the one before */
    uint64_t stable_lun_blocks;
    uint64_t replay_epoch; /* likewise: nothing before it needs replay */
    uint64_t stable_replay_epoch;
    uint64_t first_epoch;
    struct jdev_op superblock_op[2];
    struct iovec superblock_iov;
    uint8_t *superblock_block; /* JNL_BLOCK, aligned */

    struct timer mark_timer; /* failure.c */

    /* canary.c */
    struct jnl_canary canaries[JNL_CANARIES]; /* the valid ones */
    struct jnl_canary watched; /* is being read; blocks 0: none, or something was appended there */
    bool canaries_are_new;     /* not in a superblock yet */
    bool is_foreign;
    bool superblock_is_due;

    struct jnl_status counters;
};

/* failure.c */
void jnl_failure_init(struct journal *journal);
void jnl_fail(struct journal *journal, int error);
/* Both copies of a superblock were tried, and the journal has failed. */
void jnl_failed_superblock_done(struct journal *journal);

/* journal.c */
/* Starts whatever can be started now. */
void jnl_kick(struct journal *journal);

/* commit.c */
void jnl_commit_kick(struct journal *journal);
void jnl_commit_drop(struct journal *journal, int error);
/* What is in the record under way is WRITTEN. */
void jnl_commit_answer(struct journal *journal);

/* durable.c */
void jnl_durable_init(struct journal *journal);
void jnl_sync_kick(struct journal *journal);
void jnl_became_durable(struct journal *journal, uint64_t seq, uint64_t ticket);
void jnl_barriers_drop(struct journal *journal, int error);
/* True when somebody waits for the ticket, or for a later one. */
bool jnl_barrier_waits(const struct journal *journal, uint64_t ticket);

/* superblock.c */
void jnl_superblock_kick(struct journal *journal);
void jnl_superblock_write(struct journal *journal, uint32_t state);
/* Fills tail, generation and state of the next superblock. */
void jnl_superblock_next(struct journal *journal, uint32_t state);

/* canary.c */
/* Something of ours that overlaps is in the ring, or will be. */
void jnl_canaries_meet(struct journal *journal, uint64_t lba, uint64_t blocks);
void jnl_canaries_drop(struct journal *journal);
/* As the superblock has them. */
void jnl_canaries_init(struct journal *journal);

/* open.c, journal.c */
struct jnl_entry *jnl_entry_new(struct journal *journal, struct jnl_record *record,
                                const struct jnl_entry_header *header);

#endif
