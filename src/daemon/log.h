/*
 * Log lines to stderr, by a thread of their own: stderr may be a full pipe, or a file on the very
 * disk that we serve, and the loop must not wait for either. When the thread is stuck, lines are
 * dropped and counted; a flood is thinned out in the same way.
 *
 * A log file that is ours (log_file.h) is kept small.
 *
 * With $JOURNAL_STREAM set, lines carry the "<N>" prefixes of sd-daemon(3).
 */
#ifndef DAEMON_LOG_H
#define DAEMON_LOG_H

#include "daemon/story.h"

#define LOG_LINES 64u /* waiting to be written */

struct log;

/* name: put in front of every line. Returns NULL when there is no memory or no thread. */
struct log *log_new(int fd, const char *name);

/* Never blocks. Takes what story_init() wants as its line(). */
void log_line(void *log, enum story_priority priority, const char *text);

void log_format(struct log *log, enum story_priority priority, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Gives the thread one second to write what waits. NULL-safe. */
void log_free(struct log *log);

#endif
