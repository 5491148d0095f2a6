/*
 * The clients: many requests at once, overlapping on purpose, each checked when it is answered.
 *
 * A slot thinks, draws a request, waits for a buffer, submits, checks the answer, and begins
 * again, until the seed's number of operations is used up. When the daemon dies, what is
 * unanswered is handed to the next one (as the kernel does it) or given up, as the seed says.
 */
#ifndef SIM_CLIENTS_H
#define SIM_CLIENTS_H

#include "tests/sim/oracle.h"
#include "tests/sim/script.h"
#include "tests/sim/target.h"
#include "volume/volume.h"

enum slot_state {
    SLOT_THINKING,  /* its event comes, or the daemon is away */
    SLOT_NO_BUFFER, /* a request is drawn; waits for memory */
    SLOT_SUBMITTED,
    SLOT_LIMBO, /* unanswered by a daemon that is dead */
};

#define SLOT_EXTENTS 6u

struct slot {
    struct clients *clients;
    enum slot_state state;
    struct vol_request request;
    struct vol_extent extents[SLOT_EXTENTS];
    struct buffer_waiter waiter;
    struct event event;
    struct oracle_op op; /* its cells; also of a read */
    uint64_t submit;     /* the oracle's */
    uint64_t submit_us;
    bool again;    /* was submitted before */
    uint32_t next; /* its place in the script */
    uint32_t scan; /* the scanner's: the next cell */
    bool is_scanner;
};

struct clients {
    struct world *world;
    const struct options *options;
    struct target *target;
    struct oracle *oracle;
    struct cells cells;
    struct rng rng;
    struct rng start_rng;  /* what a script does not replace */
    struct volume *volume; /* NULL: no daemon */
    bool open;             /* the daemon takes requests */
    bool drains;           /* no pauses any more */
    uint64_t next_write;
    uint64_t left; /* operations */
    uint64_t answered;
    unsigned submitted;
    unsigned slot_count;
    struct script *script; /* NULL: none */
    struct slot *slots;    /* the last one is the scanner */

    bool answered_by_this_daemon;
    uint64_t flushed; /* submission of the last FLUSH that was answered */
    uint64_t lost;    /* when the target last lost data; 0: made good */
    uint64_t late;    /* last answer of a change that was under way then: no FLUSH covers it yet */
    struct event flush_event;
    struct vol_request flush_request;
    bool flush_done;
    int flush_error;
    uint64_t flush_submit;
};

void clients_init(struct clients *clients, struct world *world, const struct options *options,
                  struct target *target, struct oracle *oracle, uint64_t seed);
void clients_done(struct clients *clients);
/* Records what is drawn, or takes it from there. */
void clients_follow(struct clients *clients, struct script *script);

void clients_daemon_started(struct clients *clients, struct volume *volume);
/* It stops: nothing more is submitted to it. */
void clients_daemon_stops(struct clients *clients);
/* It is dead: buffers go back to it, what is unanswered is in limbo. */
void clients_daemon_died(struct clients *clients);
/* They died with their host: what is unanswered is forgotten. */
void clients_host_died(struct clients *clients);

/* Every operation was issued and answered. */
bool clients_are_done(const struct clients *clients);
/* When the longest waiting request was submitted; UINT64_MAX when none waits. */
uint64_t clients_waiting_since(const struct clients *clients);
/* Pauses and think times end: what is left is issued at once. */
void clients_hurry(struct clients *clients);
/* Begins again with new operations. */
void clients_begin(struct clients *clients, uint64_t operations);
/* No further operation is drawn. */
void clients_finish(struct clients *clients);
/* One FLUSH of its own; flush_done is set by its answer. */
void clients_flush(struct clients *clients);
/* Reads everything once more. */
void clients_scan(struct clients *clients);

uint32_t clients_cells(const struct clients *clients);

#endif
