/*
 * The daemon's memory, as the option lock_memory says: the disk that it serves may be the one that
 * memory would be paged in from.
 */
#ifndef DAEMON_MEMORY_H
#define DAEMON_MEMORY_H

#include "os/memory_lock.h"

struct log;
struct options;

/* At the start of the process, before anything is allocated. */
void memory_prepare(void);

/*
 * What to keep from the start: all of it when a disk of this machine depends on the daemon (a
 * device, a file, root) or the option says so. Else what was used once, until the first client
 * comes: a daemon that could serve one, and has none, does not keep memory for it.
 */
enum memory_lock_extent memory_wanted(const struct options *options);

/* `log` is told what was refused, once; may be NULL. May be called again, with more. */
void memory_keep(const struct options *options, enum memory_lock_extent extent, struct log *log);

#endif
