/* `holdfast serve`: one LUN, one process, in the foreground. */
#ifndef DAEMON_SERVE_H
#define DAEMON_SERVE_H

#include "daemon/options.h"

/* The last line of the log after a good end; mount helpers look for it. */
#define SERVE_WROTE_ALL "stopped; everything was written"

/* Options are complete. Runs until it is told to stop, or until the first login was refused for
 * good. Returns the exit status; what went wrong was written to stderr. */
int serve(const struct options *options);

#endif
