/*
 * The daemon as the simulator sees it: one object graph (volume and session), made, killed and
 * made again on the same target and the same journal.
 *
 * Here also stands what the death of a daemon may cost (JOURNAL.md 2.2). What is really there
 * decides, see truth.h.
 *   none        nothing that was answered, unless the target lost its cache and the daemon had
 *               not written and synchronised everything again, or the next one had not come yet
 *   memory      nothing; with the loss of the host's power, what was not flushed
 *   persistent  the same, whatever the target loses at the same time
 */
#ifndef SIM_DAEMON_H
#define SIM_DAEMON_H

#include "tests/sim/clients.h"
#include "tests/sim/foreign.h"
#include "tests/sim/link.h"
#include "tests/sim/truth.h"

struct daemon {
    struct world *world;
    const struct options *options;
    struct target *target;
    struct oracle *oracle;
    struct clients *clients;
    struct journal_disk disk;
    struct truth truth;
    struct foreign foreign;
    bool replays_over_foreign; /* the next start ... */
    bool is_forced;            /* the daemon that runs */
    uint64_t refuses_since_us; /* it was seen to refuse to go on; 0: it was not */
    bool must_refuse;          /* the one before did, and had the time to write that down */
    struct rng rng;
    struct sim_link link;
    struct volume *volume; /* NULL: not running */
    bool stopping;
    bool stopping_now;
    bool keeps_journal; /* stopped without patience: the LUN was used elsewhere */
    bool stopped;
    uint64_t loss;   /* oracle's time of the target's last loss not made good yet; 0: none */
    bool is_fenced;  /* another initiator holds the LUN: it waits to be replaced */
    bool is_without; /* its journal had failed, and is of no use to a later start */
    bool is_fresh;   /* memory: since the host lost its power no daemon has answered anything */
    uint64_t running_since_us;
    uint64_t restart_us; /* after a stop; UINT64_MAX: never */
    struct event start;
    struct event over; /* of a stop */
    struct event stop_now;
    struct event replace; /* when the other one has let go */
    uint64_t starts, kills, stops, powers, journal_failures;
};

/* The journal of the daemon that runs has failed. */
bool daemon_journal_failed(const struct daemon *daemon);

void daemon_init(struct daemon *daemon, struct world *world, const struct options *options,
                 struct target *target, struct oracle *oracle, struct clients *clients,
                 uint64_t seed);
void daemon_done(struct daemon *daemon);

void daemon_start(struct daemon *daemon);
/* kill -9; the next one starts after restart_us (UINT64_MAX: never). */
void daemon_kill(struct daemon *daemon, uint64_t restart_us);
/* The host of the daemon and of its clients loses its power. */
void daemon_power_lost(struct daemon *daemon, enum media_crash mode, uint64_t restart_us);
/* SIGTERM, and the end of patience after patience_us. */
void daemon_stop(struct daemon *daemon, uint64_t patience_us, uint64_t restart_us);

/* The other initiator lets go of the LUN, and a daemon that may have been fenced is replaced. */
void daemon_release_lun(struct daemon *daemon);

/* The journal's ring is mended where it has rotted, and a daemon that runs starts again: it may
 * have given up some blocks. */
void daemon_mend_rot(struct daemon *daemon);

/* It is about to change the LUN. */
void daemon_changes_lun(struct daemon *daemon, bool first);
/* The administrator looks: a daemon that found another one's writes is to go on over them. */
void daemon_look(struct daemon *daemon);

/* The target lost data just now. */
void daemon_target_lost_data(struct daemon *daemon);
/* No daemon runs, nor ever will: with `bare` the LUN alone must hold everything. */
void daemon_last_truth(struct daemon *daemon, bool bare, bool forgive);

#endif
