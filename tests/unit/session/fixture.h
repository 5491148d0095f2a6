/* A session on fake ports, a scripted target and an owner that writes down what it is told. */
#ifndef SESSION_FIXTURE_H
#define SESSION_FIXTURE_H

#include "session/session.h"
#include "tests/unit/fake_link.h"
#include "tests/unit/fake_timer.h"
#include "tests/unit/unit.h"

#define FIXTURE_BLOCKS   2048u
#define FIXTURE_COMMANDS 200u

/* What the target of the script is like; fixture_init() makes it a plain thin disk. */
struct fixture_target {
    char serial[20];
    uint8_t naa; /* last byte of the NAA designator */
    uint64_t blocks;
    uint32_t block_bytes;
    uint8_t peripheral; /* byte 0 of the INQUIRY data */
    bool write_cache;
    bool write_protected;
    bool thin;
};

struct fixture {
    struct fake_timer timer;
    struct fake_link link;
    struct random_port random;
    struct trace_port trace;
    struct ses_config config;
    struct fixture_target target;
    struct session *session;

    /* What the owner was told, as one letter each: R ready, N not_ready, G generation_changed,
     * L lun_changed, U gave_up, S stopped, and d for every command that was handed back. */
    char events[256];
    unsigned event_count;
    char stop_at;    /* calls ses_stop() from inside this event */
    bool watch_room; /* note the room that there is in generation_changed() */
    unsigned room_seen;
    /* The trace. */
    unsigned traced[TRACE_VOLUME_SYNC_FAILED + 1]; /* how often each code came */
    struct trace_event last[TRACE_VOLUME_SYNC_FAILED + 1];

    struct ses_command commands[FIXTURE_COMMANDS];
    unsigned command_count;
    unsigned room_in_done;                      /* what room there was in the last done() */
    struct ses_command *done[FIXTURE_COMMANDS]; /* in the order of done() */
    unsigned done_count;
    uint8_t block[65536];
    struct iovec iov[FIXTURE_COMMANDS];
};

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

/* cmocka set-up and tear-down: *state becomes the fixture, with a session that is not started. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

/* A new session with the configuration in f->config. */
void fixture_renew(struct fixture *f);

/* Answers the session's own question as the scripted target does. False: there was none. */
bool fixture_answer_setup(struct fixture *f);

/* Answers (reset included) until the session is ready or waits for something else. */
void fixture_run_setup(struct fixture *f);

/* From IDLE to READY. */
void fixture_become_ready(struct fixture *f);

/* The state now, and the events since the last call. */
enum ses_state fixture_state(const struct fixture *f);
void fixture_expect_events(struct fixture *f, const char *expected);
const char *fixture_reason(const struct fixture *f);

/* Submits a command of `blocks` blocks. */
struct ses_command *fixture_submit(struct fixture *f, enum ses_op op, uint64_t lba,
                                   uint64_t blocks);

/* The target resets the connection. */
void fixture_lose(struct fixture *f);

/* The connection that the session opened is accepted, and everything until READY goes well. */
void fixture_log_in(struct fixture *f);

/* Setup questions are answered until the session is in `state`. */
void fixture_run_until(struct fixture *f, enum ses_state state);

/* Answers the oldest unanswered command. */
void fixture_check_condition(struct fixture *f, uint8_t key, uint8_t asc, uint8_t ascq);
void fixture_status(struct fixture *f, uint8_t status);
void fixture_good(struct fixture *f);

/* The operation code of the oldest unanswered command; -1: there is none. */
int fixture_operation(const struct fixture *f);

struct ses_status fixture_look(const struct fixture *f);

#endif
