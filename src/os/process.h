/* What the process must set up before anything else of src/os is used. */
#ifndef OS_PROCESS_H
#define OS_PROCESS_H

/*
 * Ignores SIGPIPE (libiscsi writes payload without MSG_NOSIGNAL) and removes the LIBISCSI_*
 * variables from the environment (they change the library behind our back: passwords, timeouts,
 * dropped connections). Call it first thing in main(), before any thread exists.
 */
void os_process_init(void);

/*
 * What ps(1), top(1) and pgrep(1) call this process, whatever file it was started from
 * (/proc/self/exe has no name of its own). At most 15 bytes; threads started later have it, too.
 */
void os_process_name(const char *name);

#endif
