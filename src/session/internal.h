/* What the files of this folder share; nobody else includes it. */
#ifndef SESSION_INTERNAL_H
#define SESSION_INTERNAL_H

#include "session/sense.h"
#include "session/session.h"

/* One slot of the link stays free for the session's own questions. */
#define SESSION_WINDOW_MAX  (LINK_COMMANDS - 1)
#define SESSION_PROBE_BYTES 255u

#define SESSION_NEVER UINT64_MAX

/* A question of the setup sequence (steps.c). */
enum setup_step {
    STEP_INQUIRY,
    STEP_SERIAL,
    STEP_DESIGNATORS,
    STEP_SETTLE,
    STEP_PAGES,
    STEP_LIMITS,
    STEP_PROVISIONING,
    STEP_CAPACITY_16,
    STEP_CAPACITY_10,
    STEP_MODE_6,
    STEP_MODE_10,
    STEP_SYNC,
};

struct session {
    struct ses_config config;
    struct link_port *link;
    struct timer_port *timer;
    struct random_port *random;
    struct trace_port *trace;
    const struct ses_events *events;
    void *owner;

    enum ses_state state;
    char reason[160];
    uint64_t generation;

    /* clock.c: the one timer, and the one thing that the state itself waits for. */
    struct timer clock;
    uint64_t due_us;
    void (*due)(struct session *session);

    /* connect.c */
    bool link_open;   /* between open() and the end of the connection */
    bool live;        /* READY was reached on this connection */
    bool owner_ready; /* ready() was called, and no not_ready() since */
    bool hang_up;     /* ses_reconnect() was called: at the next turn of the loop */
    unsigned portal;
    unsigned attempts;     /* since the session was lost */
    unsigned failures;     /* for the back-off */
    bool target_was_down;  /* an attempt before the first READY met no target at all */
    uint64_t not_found_us; /* when "no such target" was first heard; 0: not yet */
    enum link_loss last_loss;
    uint64_t attempt_us; /* start of this attempt */
    uint64_t ready_us;   /* when READY was reached */
    uint64_t lost_us;
    uint64_t sessions;
    struct link_limits limits;

    /* setup.c, steps.c */
    bool resetting;   /* LOGICAL UNIT RESET sent, not answered */
    bool needs_fence; /* a command of a dead session may still be running */
    bool identity_known;
    bool lun_known;
    bool wrong_lun_told;
    bool look_again;              /* something changed under the identification: start over */
    bool lun_changed;             /* found by it */
    unsigned unit_attentions;     /* eaten since the setup began */
    struct lun_identity identity; /* the one and only LUN */
    struct lun lun;
    struct lun candidate; /* being identified */
    bool has_provisioning_page;

    /* probe.c: a question of our own, one at a time */
    enum setup_step step;
    unsigned probe_attempts;
    unsigned probe_not_ready; /* of them: answered so, and not "becoming ready" */
    bool probe_busy;          /* inside the link */
    uint64_t probe_us;        /* when the step was sent */
    struct link_command probe;
    struct iovec probe_iov;
    uint8_t probe_data[SESSION_PROBE_BYTES];

    /* command.c */
    struct list_node commands; /* unanswered, in the order of submission */
    unsigned in_link;
    unsigned waiting;
    unsigned window;
    unsigned window_credit; /* GOOD answers since the window last grew */
    uint64_t window_shrunk_us;
    uint32_t service_us; /* from a command to its answer, a moving average; 0: none yet */
    bool sync10;         /* SYNCHRONIZE CACHE(16) was refused: the 10-byte form is used */
    bool write_same_refused, write_same_unmap_refused, unmap_refused, lba_status_refused;

    /* verdict.c: what was told of troubles */
    uint64_t trouble; /* what TRACE_SESSION_WAITING last said */
    uint64_t trouble_us;

    /* liveness.c */
    uint64_t heard_us;      /* last sign of life */
    uint64_t pinged_us;     /* 0: no NOP-Out unanswered */
    uint64_t not_pinged_us; /* when one could not leave; 0: the last one did */
    uint64_t doubted_us;    /* the network changed, and nothing was heard since; 0: all is well */
    uint64_t deadline_check_us;
    unsigned deadline_factor;
    uint64_t deadline_slow_until_us; /* how long the factor holds */
};

/* state.c */
void session_enter(struct session *session, enum ses_state state);
__attribute__((format(printf, 2, 3))) void session_reason(struct session *session,
                                                          const char *format, ...);
void session_trace(struct session *session, enum trace_code code, uint64_t a, uint64_t b,
                   uint64_t c, const char *text);

/* clock.c */
void session_clock_init(struct session *session);
uint64_t session_now(const struct session *session);
/* The state waits for ms, then due() is called; replaces what it waited for before. */
void session_due_after(struct session *session, uint64_t ms, void (*due)(struct session *));
void session_due_never(struct session *session);
/* The timer fires at at_us or before. */
void session_wake_by(struct session *session, uint64_t at_us);
/* ms, give or take a quarter. */
uint64_t session_jitter(struct session *session, uint64_t ms);
/* base_ms doubled (attempt - 1) times, with jitter, at most max_ms. */
uint64_t session_backoff(struct session *session, unsigned attempt, uint64_t base_ms,
                         uint64_t max_ms);

/*
 * What ends a state or a command may call the owner, and the owner may call ses_stop() and the
 * like in there. So these are the last thing that their caller does (or it looks at the state
 * again afterwards).
 */

/* events.c */
extern const struct link_events session_link_events;

/* connect.c */
void session_connect(struct session *session);
void session_close(struct session *session);
void session_lose(struct session *session, enum link_loss reason, const char *detail);
/* Another LUN answers, or this one changed beyond recognition. */
void session_wrong_lun(struct session *session, const char *why);
/* The LUN is of no use and will not become so. */
void session_unusable(struct session *session, const char *why);
void session_no_lun(struct session *session);
/* The network changed, and what was asked before may never be answered: from the beginning, now. */
void session_begin_again(struct session *session);
void session_hang_up(struct session *session);

/* setup.c */
void session_setup(struct session *session);
void session_reset_done(struct session *session, uint8_t response);
/* Back to SETTLING, to identify the LUN once more; commands stay where they are. */
void session_look_again(struct session *session);
/* FENCING: the identity was read. IDENTIFYING: all was read. */
void session_peeked(struct session *session);
void session_identified(struct session *session);
void session_become_ready(struct session *session);

/* steps.c */
/* The current step was answered: data came, or the target refuses to answer it. */
void session_step_answered(struct session *session, const uint8_t *data, size_t count,
                           bool refused);

/* probe.c */
void session_step(struct session *session, enum setup_step step);
void session_setup_timed_out(struct session *session);

/* fenced.c */
void session_fenced(struct session *session);
void session_fenced_lost(struct session *session);

/* command.c */
void session_command_wait(struct session *session, struct ses_command *command, uint64_t delay_ms);
void session_command_finish(struct session *session, struct ses_command *command,
                            enum ses_result result, int error);
void session_commands_resume(struct session *session);
void session_commands_hand_back(struct session *session, enum ses_result result, int error);
/* When the next waiting command is due. */
uint64_t session_commands_next_us(const struct session *session);
unsigned session_commands_count(const struct session *session);

/* verdict.c */
void session_command_settle(struct session *session, struct ses_command *command);
/* sense: what made it necessary; NULL: a failed SYNCHRONIZE CACHE. */
void session_new_generation(struct session *session, const struct sense *sense);
void session_trouble(struct session *session, enum ses_op op, const struct judgement *judgement);

/* liveness.c */
void session_heard(struct session *session);
void session_liveness_begin(struct session *session);
uint64_t session_command_timeout_us(const struct session *session);
/* A command got no answer in that time: the session is lost, and the next one has more. */
void session_overdue(struct session *session, enum ses_op op, uint64_t sent_us);
/* Silence is noticed in this state; in others, each question has its own short time. */
bool session_is_watched(const struct session *session);
/* An answer to anything within a second, or session_begin_again(). False: it cannot be asked. */
bool session_doubt(struct session *session);
/* After a reset of the LUN: commands sent before it may never be answered. */
void session_commands_hurry(struct session *session);
/* Asks for a sign of life when it is time; true: the session was lost, for lack of one. */
bool session_is_dead(struct session *session);
uint64_t session_liveness_next_us(const struct session *session);

#endif
