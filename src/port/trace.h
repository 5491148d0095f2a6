/*
 * Port: what the core has to tell.
 *
 * The core never logs. It emits one event per change of state (never one per request); the daemon
 * turns them into journald lines, the simulator into one short line each.
 */
#ifndef PORT_TRACE_H
#define PORT_TRACE_H

#include <stdint.h>

enum trace_code {
    /* session: a = attempt number, b = portal index */
    TRACE_SESSION_CONNECTING,
    /* a = enum link_loss, b = commands unanswered, c = milliseconds the session was ready,
     * text = detail */
    TRACE_SESSION_LOST,
    /* a = enum link_loss, b = attempt number, c = milliseconds until the next; text = detail */
    TRACE_SESSION_ATTEMPT_FAILED,
    /* a = portal index, b = milliseconds of outage (0: first login), c = generation */
    TRACE_SESSION_READY,
    /* logical unit reset: a = TMF response (RFC 7143 11.6.1), 0 = done */
    TRACE_SESSION_FENCED_OLD_NEXUS,
    /* new nexus generation on a live session: a = generation, b = ASC, c = ASCQ */
    TRACE_SESSION_GENERATION,
    /* the LUN is not the one that was there before; text = what differs */
    TRACE_SESSION_WRONG_LUN,
    /* another initiator holds a reservation: a = its key or 0 */
    TRACE_SESSION_RESERVATION_CONFLICT,
    /* a = blocks before, b = blocks now, c = block size in bytes */
    TRACE_SESSION_CAPACITY,
    /* a command failed for good: a = enum ses_op, b = LBA, c = sense key << 16 | ASC << 8 | ASCQ */
    TRACE_SESSION_COMMAND_FAILED,
    /* a trouble that is waited out: a = enum ses_op, b = SAM status, c = as above; at most one
     * event per state change, not one per retry */
    TRACE_SESSION_WAITING,
    /* a command had no answer: a = enum ses_op, b = milliseconds waited */
    TRACE_SESSION_DEADLINE,
    /* NOP-Out had no answer: a = milliseconds waited */
    TRACE_SESSION_SILENT,
    /* the LUN cannot be used and waiting will not change it; text = why */
    TRACE_SESSION_UNUSABLE,

    /* volume: a = requests waiting, b = bytes of acknowledged writes not yet synchronised */
    TRACE_VOLUME_PARKED,
    /* a = requests that waited, b = acknowledged writes sent again, c = their bytes */
    TRACE_VOLUME_RESUMED,
    /* the administrator's outage_limit passed: a = requests failed */
    TRACE_VOLUME_OUTAGE_LIMIT,
    /* an acknowledged write cannot be written again now: a = LBA, b = blocks, c = errno */
    TRACE_VOLUME_REWRITE_FAILED,
    /* a = bytes before, b = bytes now */
    TRACE_VOLUME_RESIZED,
    /* SYNCHRONIZE CACHE failed: a = errno; everything is written again */
    TRACE_VOLUME_SYNC_FAILED,

    /* journal: a = entries to be brought to the LUN, b = their bytes, c = 1 when it is new */
    TRACE_JOURNAL_OPENED,
    /* writes wait for room: a = bytes of the ring in use; and later: they go on */
    TRACE_JOURNAL_FULL,
    TRACE_JOURNAL_ROOM,
    /* the device failed: a = errno, b = bytes that are not on the LUN yet */
    TRACE_JOURNAL_FAILED,
    /* ... its superblock says so now: a = 0; or a = errno and b = 1 when changes wait for that */
    TRACE_JOURNAL_MARKED,
    /* an entry cannot be read back: a = LBA, b = blocks, c = errno */
    TRACE_JOURNAL_DATA_LOST,
    /* the LUN does not fit the journal's contents; text = why */
    TRACE_JOURNAL_LUN_UNFIT,
    /* another system wrote to the LUN while the journal held something for it: a = LBA and b =
     * blocks that are not what they were (b = 0: an earlier start has seen it); c = 1 when it is
     * replayed all the same */
    TRACE_JOURNAL_FOREIGN,
    /* a = LBA, b = blocks that cannot be read to look at that, c = errno */
    TRACE_JOURNAL_UNREADABLE_CANARY,
};

struct trace_event {
    enum trace_code code;
    uint64_t a;
    uint64_t b;
    uint64_t c;
    /* Human text or NULL; valid only during the call. */
    const char *text;
};

struct trace_port {
    void (*emit)(struct trace_port *port, const struct trace_event *event);
};

static inline void port_trace(struct trace_port *port, enum trace_code code, uint64_t a, uint64_t b,
                              uint64_t c, const char *text)
{
    const struct trace_event event = {code, a, b, c, text};
    port->emit(port, &event);
}

#endif
