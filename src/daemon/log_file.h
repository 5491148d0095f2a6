/*
 * The log of a daemon that no service manager keeps one for: /run/holdfast/NAME.log, in memory.
 * Whoever starts the daemon opens it as its standard error; the daemon keeps it below
 * LOG_FILE_BYTES, however long the outage. By the descriptor alone, as the daemon of a root disk
 * has no path to it any more.
 */
#ifndef DAEMON_LOG_FILE_H
#define DAEMON_LOG_FILE_H

#include <stdbool.h>
#include <stddef.h>

#define LOG_FILE_BYTES (1024u * 1024u)

/* A new, empty log, mode 0600; a descriptor that closes at exec, or -errno. */
int log_file_open(const char *path);

/* True for such a descriptor, inherited too; not for a file that a shell redirected to (`2>>log`):
 * that one is for its owner to cut. */
bool log_file_is_ours(int fd);

/*
 * Before a line of `bytes` is appended: if that went above the limit, the older half of the log
 * gives way to one line that says so. No other process may do the same at that moment; one that
 * appends meanwhile can lose its line.
 */
void log_file_make_room(int fd, size_t bytes);

/* For whoever started the daemon and saw it end: the log's last line, cut if it is longer than
 * `bytes`; "" when there is none. */
void log_file_last_line(const char *path, char *ret_line, size_t bytes);

#endif
