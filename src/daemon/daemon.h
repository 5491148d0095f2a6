/*
 * The daemon's parts and how they are wired. One object per process, used by the files of
 * src/daemon that are not pure: serve.c (start and loop), stop.c (the end), verbs.c (the control
 * socket's verbs), front_ends.c.
 */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/condemn.h"
#include "daemon/control.h"
#include "daemon/fill_rate.h"
#include "daemon/journal_setup.h"
#include "daemon/log.h"
#include "daemon/options.h"
#include "daemon/run_dir.h"
#include "daemon/secret.h"
#include "daemon/story.h"
#include "daemon/supervisor.h"
#include "os/ev_loop.h"
#include "os/link_config.h"
#include "os/random_os.h"
#include "os/sd_notify.h"
#include "port/trace.h"
#include "volume/volume.h"

struct control_socket;
struct front_ends;

/* How we log in: everything that link_config refers to. */
struct login {
    char initiator[URL_TARGET_BYTES];
    struct secret chap;
    struct secret mutual;
    struct link_portal portals[URL_PORTALS];
    struct link_config config;
};

/* Fills `login` from the options and the files that they name. observer: for a look beside a
 * running daemon. The warnings of short secrets go to `log`, when there is one. */
int login_init(struct login *login, const struct options *options, bool observer, struct log *log,
               struct fault *fault);

/* Wipes the secrets. */
void login_done(struct login *login);

/* The session's settings, as configured. */
struct ses_config session_config(const struct options *options);
struct vol_config volume_config(const struct options *options);

/* A flush that a client of the control socket asked for. */
struct flush_job {
    struct vol_request request;
    struct control_client *client; /* NULL: it went away */
    bool used;
};

#define FLUSH_JOBS 16u

struct daemon {
    const struct options *options;
    struct supervision *supervision; /* shared with a supervisor, or our own */
    struct evl *loop;
    struct log *log;
    struct trace_port trace;
    struct story story;
    struct evl_hook settle; /* tells what the story keeps, at the end of the turn */
    struct random_os random;
    struct run_dir run_dir;
    struct login login;
    struct journal_setup journal;
    struct link_port *link;
    struct volume *volume;
    struct front_ends *front_ends;
    struct control_socket *control;
    struct flush_job flushes[FLUSH_JOBS];
    struct condemn condemn;
    const struct control_client *holder; /* hold.c: reads the journal's ring; or NULL */
    unsigned held_full_s;                /* ... and writes wait for room so long */

    struct evl_call give_up; /* the session gave up: not from inside its callback */
    struct evl_signal terminate;
    struct evl_signal interrupt;
    struct sd_notifier notifier;
    struct timer watchdog;
    struct timer fill_timer; /* samples for `fill`, while there is a journal */
    struct fill_rate fill;
    uint64_t started_us;
    bool started;   /* signals and timers are set up */
    bool was_ready; /* the LUN was seen */
    bool refused;   /* the first login was: said already, the end needs no more words */

    /* stop.c */
    bool stopping;
    bool volume_stopping;
    bool volume_stopped;
    bool left_in_journal; /* not everything is on the LUN, and that was said */
    bool hurried;         /* nobody is waited for any more */
    struct timer stop_timer;
    uint64_t stop_deadline_us;
    int exit_status;
};

uint64_t daemon_now_us(const struct daemon *daemon);

/* Begins the end; a second call does not wait for the target any more. */
void daemon_stop(struct daemon *daemon);

/* Ends without waiting for anybody. */
void daemon_stop_now(struct daemon *daemon);

/* Told when all front ends are gone. */
void daemon_front_ends_stopped(struct daemon *daemon);

/* What the control socket understands. */
extern const struct control_verbs daemon_verbs;

#endif
