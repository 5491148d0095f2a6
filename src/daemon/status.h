/* The state of the daemon as JSON: what `holdfast status` shows, and scripts read. */
#ifndef DAEMON_STATUS_H
#define DAEMON_STATUS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/options.h"
#include "session/session.h"
#include "volume/volume.h"

struct json_object;

struct status_facts {
    const struct options *options;
    const char *initiator;
    pid_t pid;
    bool stopping;
    uint64_t now_us;
    uint64_t started_us;
    struct ses_status session;
    const struct lun *lun; /* NULL while the LUN was never seen */
    struct vol_status volume;
    const char *journal_path;       /* NULL: no journal */
    uint64_t journal_until_full_us; /* at the present rate; 0: it does not fill up */
    bool read_only;                 /* clients may not write, for whatever reason */
};

/* A new object, without the front ends. */
struct json_object *status_json(const struct status_facts *facts);

/* What the LUN is and can, also for `inspect`. */
struct json_object *status_lun_json(const struct lun *lun);

/* "ready", "waiting", "wrong-lun" ...: a stable word for each state. */
const char *status_state_word(enum ses_state state);

#endif
