/*
 * Journals that must not be used again, noted outside of themselves: their device failed and could
 * not be marked, and the LUN was changed without them (on_journal_failure=continue). A note is an
 * empty file named after the journal's UUID: below /run for this run of the host, and below
 * /var/lib for good.
 *
 * Blocks: /var/lib may lie on the very disk that waits.
 */
#ifndef DAEMON_CONDEMNED_H
#define DAEMON_CONDEMNED_H

#include <stdbool.h>
#include <stdint.h>

#define CONDEMNED_PATH_BYTES 1024

struct condemned_places {
    char run[CONDEMNED_PATH_BYTES];
    char lasting[CONDEMNED_PATH_BYTES]; /* $STATE_DIRECTORY, or /var/lib/holdfast */
};

/* run_dir: of a daemon; the note lies beside it, where `holdfast journal PATH` finds it, too. */
void condemned_places(const char *run_dir, struct condemned_places *ret_places);

/* On stable storage when it returns 0; else -errno. -EROFS: `directory` lies in memory, and
 * `lasting` was asked for. */
int condemned_note(const char *directory, bool lasting, const uint8_t uuid[16]);

bool condemned_is_noted(const struct condemned_places *places, const uint8_t uuid[16]);

/* The journal is gone: so may be what is noted about it. */
void condemned_forget(const struct condemned_places *places, const uint8_t uuid[16]);

#endif
