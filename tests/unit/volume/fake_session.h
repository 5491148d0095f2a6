/*
 * A session to test the volume with: src/session/session.h over a disk in RAM that has a volatile
 * cache, stepped by hand.
 *
 * Commands wait until fake_run() carries them out, so a test can look at what is on its way, lose
 * the session, or fail a command. A write lands in `cache`, a SYNC copies it to `stable`,
 * fake_lose_cache() undoes what was not synchronised.
 */
#ifndef FAKE_SESSION_H
#define FAKE_SESSION_H

#include "session/session.h"

#define FAKE_BLOCKS 4096u
#define FAKE_BLOCK  512u

struct fake_clock {
    struct timer_port port;
    struct timer_queue queue;
    uint64_t now_us;
};

void fake_clock_init(struct fake_clock *clock);
void fake_clock_advance_ms(struct fake_clock *clock, uint64_t ms);

struct session {
    const struct ses_events *events;
    void *owner;
    struct lun lun;
    struct link_limits limits;
    struct list_node commands; /* ses_command.node, in order of submission */
    unsigned in_flight;
    unsigned room;
    bool ready;
    bool started, stopping;
    enum ses_state state;
    uint64_t generation;
    uint32_t service_us;
    unsigned syncs, writes, reads, unmaps, write_sames;
    /* The next command of this kind fails for good with this error. */
    enum ses_op fail_op;
    int fail_error;
    uint64_t bad_lba, bad_blocks; /* no WRITE of these succeeds */
    uint8_t cache[FAKE_BLOCKS * FAKE_BLOCK];
    uint8_t stable[FAKE_BLOCKS * FAKE_BLOCK];
    bool mapped[FAKE_BLOCKS];
    bool bound;
    bool lun_unknown; /* until fake_ready() */
};

void fake_ready(struct session *session);
/* The connection breaks: commands come back as SES_LOST, G grows. */
void fake_lose(struct session *session);
/* A unit attention 29h on a session that stays. */
void fake_unit_attention(struct session *session);
void fake_lose_cache(struct session *session);
/* Carries out the first `count` commands that wait; returns how many there were. */
unsigned fake_run(struct session *session, unsigned count);
/* Until nothing waits any more. */
void fake_run_all(struct session *session);

#endif
