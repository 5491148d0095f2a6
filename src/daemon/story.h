/*
 * What the core reports (port/trace.h), told as log lines: one line per change of state.
 *
 * Two events that belong together become one line: the loss of the session and the requests that
 * wait because of it, the return and the writes that are sent again. The first of a pair is kept
 * until the second comes, or until story_settle(), which the daemon calls at the end of the loop's
 * turn.
 *
 * An outage does not flood: each new reason is told once, then "still waiting" at growing
 * intervals. Failures of single commands are told at most every ten seconds, with a count; that
 * the journal is full, once a minute at most, but always once in an outage.
 *
 * No clock, no I/O: the caller gives the time and takes the lines.
 */
#ifndef DAEMON_STORY_H
#define DAEMON_STORY_H

#include <stdbool.h>
#include <stdint.h>

#include "port/trace.h"

#define STORY_LINE_BYTES   400
#define STORY_REASON_BYTES 160
#define STORY_REASONS      8 /* distinct ones that are remembered in one outage */

/* As in syslog(3). */
enum story_priority { STORY_ERROR = 3, STORY_WARNING = 4, STORY_NOTICE = 5, STORY_INFO = 6 };

struct story {
    void (*line)(void *owner, enum story_priority priority, const char *text);
    void *owner;

    enum story_priority held_priority;
    char held[STORY_LINE_BYTES]; /* the first half of a line; "" when none */
    enum trace_code held_code;

    bool was_ready;
    uint64_t outage_since_us;
    uint64_t next_reminder_us;
    unsigned reminders;
    unsigned reason_count;
    char reasons[STORY_REASONS][STORY_REASON_BYTES];
    char cause[STORY_REASON_BYTES]; /* what a deadline or a silence said about the coming loss */

    uint64_t failure_told_us;
    uint64_t failures_untold;
    uint64_t rewrite_told_us, sync_told_us; /* troubles that come again and again */

    /* story_journal.c */
    bool unmarked_is_told;
    bool full_is_told;
    uint64_t full_told_us;
    uint64_t lost_told_us;
};

void story_init(struct story *story, uint64_t now_us,
                void (*line)(void *owner, enum story_priority priority, const char *text),
                void *owner);

void story_tell(struct story *story, const struct trace_event *event, uint64_t now_us);

/* True once in every_us, which it notes in *told_us (0: not yet). */
bool story_is_due(uint64_t *told_us, uint64_t now_us, uint64_t every_us);

/* The journal's part of it; other events are nothing. */
void story_tell_journal(struct story *story, const struct trace_event *event, uint64_t now_us);

/* Tells what is being kept for its second half. */
void story_settle(struct story *story);

#endif
