/*
 * The device under the daemon's journal: found or made before the front ends open, closed after
 * the volume is gone.
 */
#ifndef DAEMON_JOURNAL_SETUP_H
#define DAEMON_JOURNAL_SETUP_H

#include <stdbool.h>

#include "daemon/fault.h"
#include "daemon/options.h"
#include "os/journal_device.h"
#include "os/sd_notify.h"

struct log;
struct volume;

/* What has to be zero at both ends of a device that is taken for a new journal. */
#define JOURNAL_ENDS_BYTES (64u * 1024)

struct journal_setup {
    char path[OPTION_PATH_BYTES];
    struct jdev_port *device; /* NULL: no journal */
    bool persistent;          /* it survives the host */
    bool is_there;            /* it held a journal already */
    bool is_own;              /* a file in our run directory, which nobody else asked for */
};

/*
 * Opens the device as configured. A file that is missing is made, with a line in the log for
 * every tenth, and the service manager is told to wait for that; what holds neither a journal nor
 * zeros is refused, and so is what lies on a disk that may be our own.
 */
int journal_setup_open(const struct options *options, struct evl *loop, struct log *log,
                       struct sd_notifier *notifier, struct journal_setup *ret_setup,
                       struct fault *fault);

/* Who notes a journal that must not be used again: vol_journal_config.condemn. */
struct journal_owner {
    void (*condemn)(void *owner, const uint8_t uuid[16]);
    void *owner;
};

/* Gives the volume its journal, before vol_start(). Nothing when there is none. */
int journal_setup_use(const struct journal_setup *setup, const struct options *options,
                      const char *initiator, const struct journal_owner *owner,
                      struct volume *volume, struct fault *fault);

/* After the volume is gone. ended_well: it was stopped; then our own file in memory is removed if
 * nothing is left in it. */
void journal_setup_close(struct journal_setup *setup, bool ended_well, struct log *log);

#endif
