/*
 * The I_T nexus: logs in, fences what the dead session left behind, checks that the LUN is the
 * one it was, and stays there through anything.
 *
 * Good day: CONNECTING -> FENCING (LOGICAL UNIT RESET) -> SETTLING (TEST UNIT READY until no unit
 * attention) -> IDENTIFYING (INQUIRY, VPD, READ CAPACITY, MODE SENSE) -> SYNCING (one SYNCHRONIZE
 * CACHE, invariant I12) -> READY. On any loss: WAITING (back-off), then CONNECTING again.
 *
 * Transient answers (BUSY, TASK SET FULL, unit attention, NOT READY, aborted) are retried in
 * here, with delays; the owner never sees them. When the connection is lost, every unanswered
 * command is handed back with SES_LOST, in order of submission, and the owner sends again after
 * `ready` what it still wants (limits may have changed with the new login).
 *
 * The generation G (JOURNAL.md, free rule I4) grows at every session loss, every unit attention
 * 29h, every deferred error, every LUN reset of ours. What was acknowledged by the target in an
 * older generation and not yet synchronised may be lost.
 *
 * Owner: the volume (or the `inspect` verb). All calls and callbacks on the loop's thread.
 */
#ifndef SESSION_SESSION_H
#define SESSION_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "port/link.h"
#include "port/random.h"
#include "port/timer.h"
#include "port/trace.h"
#include "session/lun.h"

enum ses_state {
    SES_IDLE,        /* before ses_start() */
    SES_CONNECTING,  /* TCP and login */
    SES_FENCING,     /* LOGICAL UNIT RESET sent */
    SES_SETTLING,    /* TEST UNIT READY until GOOD */
    SES_IDENTIFYING, /* identity, capacity, cache mode, limits */
    SES_SYNCING,     /* the SYNCHRONIZE CACHE after every attach */
    SES_READY,
    SES_WAITING,   /* back-off before the next attempt */
    SES_WRONG_LUN, /* another LUN answers: nothing is sent, looked at again every few seconds */
    SES_FENCED,    /* RESERVATION CONFLICT: we never write again */
    SES_REFUSED,   /* a first login refused for good: CHAP, no such target or LUN, ...; not after
                    * ses_bind(): who knows its LUN waits for it */
    SES_LOGGING_OUT,
    SES_STOPPED,
};

enum ses_op {
    SES_READ,       /* READ(16) */
    SES_WRITE,      /* WRITE(16), FUA bit with SES_FUA */
    SES_SYNC,       /* SYNCHRONIZE CACHE(16) of the whole LUN, IMMED=0 */
    SES_UNMAP,      /* UNMAP, one descriptor: [lba, lba + blocks) */
    SES_WRITE_SAME, /* WRITE SAME(16) of one block from iov, UNMAP bit with SES_WRITE_SAME_UNMAP */
    SES_LBA_STATUS, /* GET LBA STATUS from lba; the parameter data go to iov */
};

#define SES_FUA              0x1u
#define SES_WRITE_SAME_UNMAP 0x2u

enum ses_result {
    SES_OK,   /* GOOD, without residual; compare `generation`: it may be older than the session's */
    SES_LOST, /* the session ended (or the generation changed under a SES_SYNC): not answered */
    SES_FAILED, /* will not change by waiting: see error */
};

/* Caller-allocated; unchanged and alive, with its buffers, until done(). */
struct ses_command {
    enum ses_op op;
    uint32_t flags;
    uint64_t lba;
    uint64_t blocks;
    const struct iovec *iov; /* READ, WRITE: blocks * block size; WRITE SAME: one block */
    int iov_count;
    void (*done)(struct ses_command *command);

    /* Set before done(). */
    enum ses_result result;
    int error;           /* SES_FAILED: -EIO, -EPERM, -EINVAL, -EOPNOTSUPP, -ENOSPC */
    uint64_t generation; /* G when the command was last given to the link */
    uint32_t data_bytes; /* LBA STATUS: bytes that came */

    /* The session's own. */
    struct link_command link;
    struct list_node node;
    struct session *session;
    uint64_t sent_us;      /* when it was last given to the link */
    uint64_t deadline_us;  /* of that attempt */
    uint64_t resend_at_us; /* while it waits for its next attempt */
    bool waiting;          /* for its next attempt; else inside the link */
    unsigned attempts;
    uint8_t parameters[32];
    struct iovec parameters_iov;
};

struct ses_config {
    unsigned portal_count;       /* >= 1; the link knows the addresses */
    uint64_t lun;                /* as the administrator counts it */
    bool observe_only;           /* no fence, no SYNC, no reset: for `inspect` */
    uint32_t connect_timeout_ms; /* TCP and login together */
    uint32_t setup_timeout_ms;   /* fence, settle, identify: each step */
    uint32_t command_timeout_ms; /* no answer for so long: the session is dropped; doubles, up to
                                  * 8 times, while the same command keeps running into it */
    uint32_t nop_interval_ms;    /* silence after which we ask */
    uint32_t nop_timeout_ms;     /* no answer for so long: the session is dropped */
    uint32_t backoff_max_ms;     /* longest pause between attempts */
    uint32_t refused_grace_ms;   /* a first login that is refused as "not found" is tried again
                                  * for so long when the target was seen down before */
    bool wait_when_full;         /* thin pool exhausted (DATA PROTECT 27/07): wait, else -ENOSPC */
};

/* The defaults of holdfast.conf(5). */
extern const struct ses_config ses_config_default;

struct ses_events {
    /* Commands may be submitted; ses_lun() is valid. */
    void (*ready)(void *owner);
    /*
     * No more commands until ready(). After a loss all unanswered ones were handed back before.
     * When the session stays and only looks at the LUN again (a unit attention: ses_status() says
     * SES_SETTLING), they are kept, and may be done() before the next ready() or after it.
     */
    void (*not_ready)(void *owner);
    /* G grew on a session that stays; called before any command of the new G completes. */
    void (*generation_changed)(void *owner);
    /* Capacity (or limits) changed on a session that stays ready. */
    void (*lun_changed)(void *owner);
    /* State SES_REFUSED or SES_FENCED was entered for good; ses_status() says why. All unanswered
     * commands were handed back before (as SES_FAILED, -EIO, when fenced). */
    void (*gave_up)(void *owner);
    /* After ses_stop(): nothing will come any more. */
    void (*stopped)(void *owner);
};

struct ses_status {
    enum ses_state state;
    enum link_loss last_loss;
    unsigned portal_index;
    unsigned attempts; /* since the session was lost */
    uint64_t generation;
    uint64_t since_us; /* when `state` was entered (for READY) or the session was lost */
    uint64_t sessions; /* how often READY was reached */
    unsigned in_flight;
    unsigned window;  /* commands that the target takes at once, after TASK SET FULL */
    char reason[160]; /* why we wait, in words; "" when ready */
};

struct session;

/*
 * Allocates a session; nothing happens before ses_start(). The ports must outlive it. The link's
 * events and owner are set here. Returns NULL when memory is short.
 */
struct session *ses_new(const struct ses_config *config, struct link_port *link,
                        struct timer_port *timer, struct random_port *random,
                        struct trace_port *trace, const struct ses_events *events, void *owner);

/* Closes the link without a word; hands nothing back. NULL-safe. In every state, but not from
 * inside a callback of the session. */
void ses_free(struct session *session);

/*
 * Binds the session to a LUN known from before (a journal's superblock): any other one is
 * refused. Without it the first LUN that is seen after ses_start() is the one.
 */
void ses_bind(struct session *session, const struct lun_identity *identity);

void ses_start(struct session *session);

/* Ends: politely when ready and idle, else at once; unanswered commands are handed back as
 * SES_LOST; `stopped` follows. Neither comes from inside this call; no other event follows. */
void ses_stop(struct session *session);

/* Hangs up and connects again, from the event loop: for tests and for the administrator. Nothing
 * after ses_stop(). */
void ses_reconnect(struct session *session);

/* How many commands may be submitted right now; 0 unless ready. */
unsigned ses_room(const struct session *session);

/* Needs ses_room() > 0. done() comes later, never from inside this call. */
void ses_submit(struct session *session, struct ses_command *command);

/* Microseconds from a command to its answer, on average and lately; 0: none was answered yet. */
uint32_t ses_service_us(const struct session *session);

uint64_t ses_generation(const struct session *session);

/* Valid once the LUN was seen (NULL before), also while the session is down. */
const struct lun *ses_lun(const struct session *session);

/* Who the LUN is: valid once it was seen, or bound before; else NULL. */
const struct lun_identity *ses_identity(const struct session *session);

/* Limits of the connection; valid while ready. */
const struct link_limits *ses_limits(const struct session *session);

void ses_status(const struct session *session, struct ses_status *ret_status);

#endif
