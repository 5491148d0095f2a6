#include "daemon/story.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "daemon/human.h"
#include "daemon/story_words.h"

#define SECOND_US        1000000ull
#define FAILURE_EVERY_US (10 * SECOND_US)
#define TROUBLE_EVERY_US (60 * SECOND_US)
#define REMINDERS        (sizeof reminder_seconds / sizeof *reminder_seconds)

/* Since the beginning of the outage; the last one is the distance of all further ones. */
static const unsigned reminder_seconds[] = {10, 60, 300, 900, 3600};

static void say(struct story *story, enum story_priority priority, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void say(struct story *story, enum story_priority priority, const char *format, ...)
{
    char text[STORY_LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    story->line(story->owner, priority, text);
}

bool story_is_due(uint64_t *told_us, uint64_t now_us, uint64_t every_us)
{
    if (*told_us && now_us - *told_us < every_us)
        return false;
    *told_us = now_us;
    return true;
}

static void begin_outage(struct story *story, uint64_t now_us)
{
    story->outage_since_us = now_us;
    story->reminders = 0;
    story->next_reminder_us = now_us + reminder_seconds[0] * SECOND_US;
    story->reason_count = 0;
}

void story_init(struct story *story, uint64_t now_us,
                void (*line)(void *owner, enum story_priority priority, const char *text),
                void *owner)
{
    memset(story, 0, sizeof *story);
    story->line = line;
    story->owner = owner;
    begin_outage(story, now_us);
}

void story_settle(struct story *story)
{
    if (!*story->held)
        return;
    char text[STORY_LINE_BYTES];
    memcpy(text, story->held, sizeof text);
    story->held[0] = '\0';
    story->line(story->owner, story->held_priority, text);
}

static void hold(struct story *story, enum trace_code code, enum story_priority priority,
                 const char *format, ...) __attribute__((format(printf, 4, 5)));

static void hold(struct story *story, enum trace_code code, enum story_priority priority,
                 const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(story->held, sizeof story->held, format, arguments);
    va_end(arguments);
    story->held_code = code;
    story->held_priority = priority;
}

/* True when the first half of this pair is waiting. */
static bool completes(struct story *story, enum trace_code first)
{
    return *story->held && story->held_code == first;
}

static void append(struct story *story, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void append(struct story *story, const char *format, ...)
{
    size_t used = strlen(story->held);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(story->held + used, sizeof story->held - used, format, arguments);
    va_end(arguments);
}

static void tell_lost(struct story *story, const struct trace_event *event, uint64_t now_us)
{
    char reason[STORY_REASON_BYTES];
    if (*story->cause)
        memcpy(reason, story->cause, sizeof reason);
    else
        story_loss_words(event->a, event->text, reason, sizeof reason);
    story->cause[0] = '\0';
    story->full_told_us = 0;
    begin_outage(story, now_us);
    hold(story, event->code, STORY_WARNING, "target gone (%s)", reason);
}

static void tell_parked(struct story *story, const struct trace_event *event)
{
    char size[HUMAN_BYTES];
    if (!completes(story, TRACE_SESSION_LOST))
        hold(story, event->code, STORY_WARNING, "target gone");
    if (event->a > 0)
        append(story, "; %" PRIu64 " request%s parked", event->a, human_plural(event->a));
    if (event->b > 0)
        append(story, "; %s of acknowledged writes kept", human_size(event->b, size));
    story_settle(story);
}

static bool is_new_reason(struct story *story, const char *reason)
{
    for (unsigned i = 0; i < story->reason_count; i++) {
        if (strcmp(story->reasons[i], reason) == 0)
            return false;
    }
    if (story->reason_count == STORY_REASONS)
        return false;
    snprintf(story->reasons[story->reason_count++], STORY_REASON_BYTES, "%s", reason);
    return true;
}

static void plan_reminder(struct story *story, uint64_t now_us)
{
    uint64_t elapsed_us = now_us - story->outage_since_us;
    while (story->reminders < REMINDERS &&
           reminder_seconds[story->reminders] * SECOND_US <= elapsed_us)
        story->reminders++;
    story->next_reminder_us =
        story->reminders < REMINDERS
            ? story->outage_since_us + reminder_seconds[story->reminders] * SECOND_US
            : now_us + reminder_seconds[REMINDERS - 1] * SECOND_US;
}

static void tell_attempt_failed(struct story *story, const struct trace_event *event,
                                uint64_t now_us)
{
    char reason[STORY_REASON_BYTES], time[HUMAN_BYTES];
    story_loss_words(event->a, event->text, reason, sizeof reason);
    story->cause[0] = '\0';
    if (is_new_reason(story, reason)) {
        say(story, STORY_WARNING, "waiting for the target (%s)", reason);
    } else if (now_us >= story->next_reminder_us) {
        uint64_t elapsed_ms = (now_us - story->outage_since_us) / SECOND_US * 1000;
        say(story, STORY_WARNING, "still waiting for the target (%s), %s", reason,
            human_time(elapsed_ms, time));
        plan_reminder(story, now_us);
    }
}

static void tell_ready(struct story *story, const struct trace_event *event)
{
    char time[HUMAN_BYTES];
    story->cause[0] = '\0';
    if (story->was_ready)
        hold(story, event->code, STORY_NOTICE, "session back after %s", human_time(event->b, time));
    else
        hold(story, event->code, STORY_NOTICE, "target ready");
    story->was_ready = true;
}

static void tell_resumed(struct story *story, const struct trace_event *event)
{
    char size[HUMAN_BYTES];
    if (!completes(story, TRACE_SESSION_READY))
        hold(story, event->code, STORY_NOTICE, "the volume goes on");
    if (event->a > 0)
        append(story, "; %" PRIu64 " request%s go%s on", event->a, human_plural(event->a),
               event->a == 1 ? "es" : "");
    if (event->b > 0)
        append(story, "; %" PRIu64 " write%s sent again (%s)", event->b, human_plural(event->b),
               human_size(event->c, size));
    story_settle(story);
}

static void tell_command_failed(struct story *story, const struct trace_event *event,
                                uint64_t now_us)
{
    char sense[STORY_REASON_BYTES];
    if (story->failure_told_us && now_us - story->failure_told_us < FAILURE_EVERY_US) {
        story->failures_untold++;
        return;
    }
    story_sense_words(event->c, sense, sizeof sense);
    say(story, STORY_ERROR, "%s at block %" PRIu64 " failed for good: %s", story_op_word(event->a),
        event->b, sense);
    if (story->failures_untold > 0)
        say(story, STORY_ERROR, "%" PRIu64 " more command%s failed in the last %s",
            story->failures_untold, human_plural(story->failures_untold),
            human_time((now_us - story->failure_told_us) / 1000, (char[HUMAN_BYTES]){0}));
    story->failures_untold = 0;
    story->failure_told_us = now_us;
}

static void tell_waiting(struct story *story, const struct trace_event *event)
{
    char why[STORY_REASON_BYTES];
    story_status_words(event->b, event->c, why, sizeof why);
    say(story, STORY_WARNING, "the target answers %s to %s; trying again", why,
        story_op_word(event->a));
}

static void tell_deadline(struct story *story, const struct trace_event *event)
{
    char time[HUMAN_BYTES];
    if (event->code == TRACE_SESSION_SILENT)
        snprintf(story->cause, sizeof story->cause, "no sign of life for %s",
                 human_time(event->a, time));
    else
        snprintf(story->cause, sizeof story->cause, "no answer to %s for %s",
                 story_op_word(event->a), human_time(event->b, time));
}

static void tell_fence(struct story *story, const struct trace_event *event)
{
    if (event->a == 0)
        say(story, STORY_INFO, "what the old session left at the target was stopped (LUN reset)");
    else
        say(story, STORY_WARNING,
            "the target refuses a LUN reset (response %" PRIu64 "); writes of "
            "the old session may still arrive late",
            event->a);
}

static void tell_reservation(struct story *story, const struct trace_event *event)
{
    char key[48] = "";
    if (event->a)
        snprintf(key, sizeof key, " (key 0x%" PRIx64 ")", event->a);
    say(story, STORY_ERROR,
        "another initiator holds a reservation on the LUN%s; nothing is written "
        "any more. Remove the reservation, then start this daemon again",
        key);
}

/* Events of the volume that are no halves of a pair. */
static void tell_volume(struct story *story, const struct trace_event *event, uint64_t now_us)
{
    char before[HUMAN_BYTES], now[HUMAN_BYTES];
    switch (event->code) {
    case TRACE_VOLUME_OUTAGE_LIMIT:
        say(story, STORY_ERROR, "outage_limit has passed; %" PRIu64 " request%s got an I/O error",
            event->a, human_plural(event->a));
        break;
    case TRACE_VOLUME_REWRITE_FAILED:
        if (!story_is_due(&story->rewrite_told_us, now_us, TROUBLE_EVERY_US))
            break;
        say(story, STORY_ERROR,
            "acknowledged data cannot be written again now (block %" PRIu64 ", %" PRIu64
            " blocks: %s); kept, and tried again",
            event->a, event->b, strerror((int)event->c));
        break;
    case TRACE_VOLUME_RESIZED:
        say(story, STORY_NOTICE, "the LUN changed its size from %s to %s",
            human_size(event->a, before), human_size(event->b, now));
        break;
    case TRACE_VOLUME_SYNC_FAILED:
        if (!story_is_due(&story->sync_told_us, now_us, TROUBLE_EVERY_US))
            break;
        say(story, STORY_WARNING,
            "the target failed to flush its cache (%s); everything since the "
            "last flush is written again",
            strerror((int)event->a));
        break;
    default:
        story_tell_journal(story, event, now_us);
    }
}

static void tell_session(struct story *story, const struct trace_event *event, uint64_t now_us)
{
    switch (event->code) {
    case TRACE_SESSION_FENCED_OLD_NEXUS:
        tell_fence(story, event);
        break;
    case TRACE_SESSION_GENERATION:
        if (event->b == 0 && event->c == 0)
            break; /* a flush that failed: that has its own line */
        say(story, STORY_WARNING,
            "the target was reset or lost its cache (%02" PRIX64 "/%02" PRIX64
            "); acknowledged writes are sent again",
            event->b, event->c);
        break;
    case TRACE_SESSION_WRONG_LUN:
        say(story, STORY_ERROR,
            "another LUN answers: %s; nothing is written to it, requests wait "
            "for the right one",
            event->text ? event->text : "its identity differs");
        break;
    case TRACE_SESSION_RESERVATION_CONFLICT:
        tell_reservation(story, event);
        break;
    case TRACE_SESSION_UNUSABLE:
        say(story, STORY_ERROR, "the LUN cannot be used: %s",
            event->text ? event->text : "the target does not say why");
        break;
    default:
        tell_volume(story, event, now_us);
    }
}

void story_tell(struct story *story, const struct trace_event *event, uint64_t now_us)
{
    bool second_half = event->code == TRACE_VOLUME_PARKED || event->code == TRACE_VOLUME_RESUMED;
    if (!second_half)
        story_settle(story);
    switch (event->code) {
    case TRACE_SESSION_CONNECTING:
    case TRACE_SESSION_CAPACITY: /* TRACE_VOLUME_RESIZED says the same in bytes */
        break;
    case TRACE_SESSION_LOST:
        tell_lost(story, event, now_us);
        break;
    case TRACE_SESSION_ATTEMPT_FAILED:
        tell_attempt_failed(story, event, now_us);
        break;
    case TRACE_SESSION_READY:
        tell_ready(story, event);
        break;
    case TRACE_SESSION_COMMAND_FAILED:
        tell_command_failed(story, event, now_us);
        break;
    case TRACE_SESSION_WAITING:
        tell_waiting(story, event);
        break;
    case TRACE_SESSION_DEADLINE:
    case TRACE_SESSION_SILENT:
        tell_deadline(story, event);
        break;
    case TRACE_VOLUME_PARKED:
        tell_parked(story, event);
        break;
    case TRACE_VOLUME_RESUMED:
        tell_resumed(story, event);
        break;
    default:
        tell_session(story, event, now_us);
    }
}
