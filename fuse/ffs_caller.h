/* What /proc tells of the thread that waits for us. */
#ifndef FUSE_FFS_CALLER_H
#define FUSE_FFS_CALLER_H

#include <stdbool.h>

/*
 * Has the thread got a fatal signal? The kernel then has SIGKILL pending for each thread of the
 * process (signal.c, complete_signal()), whatever the fatal signal was. False when it cannot be
 * told: another PID namespace, no /proc.
 */
bool ffs_caller_is_killed(int thread);

/* The same from the text of /proc/PID/status (proc(5)). */
bool ffs_caller_status_shows_kill(const char *status);

#endif
