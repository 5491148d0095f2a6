/*
 * A daemon in the background, where no service manager starts it: a child in a session of its own,
 * which outlives us, and whose last words are in a log file.
 */
#ifndef CLI_BACKGROUND_H
#define CLI_BACKGROUND_H

#include <sys/types.h>

#include "daemon/fault.h"

struct background {
    const char *called;  /* its argv[0] */
    const char *operand; /* of `serve`: a NAME or a file */
    const char *folder;  /* in which it runs; it keeps that file system from being unmounted */
    const char *log;     /* path; begun anew */
};

/* *ret_pid is a child of ours. What fails after the fork is in the log. */
int background_start(const struct background *daemon, pid_t *ret_pid, struct fault *fault);

#endif
