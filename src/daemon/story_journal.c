/* What the journal reports, as log lines. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "daemon/human.h"
#include "daemon/story.h"

/* A ring that is filled faster than the target takes it is full and has room again many times a
 * second. */
#define FULL_EVERY_US (60 * 1000000ull)
#define LOST_EVERY_US (10 * 1000000ull)

__attribute__((format(printf, 3, 4))) static void say(struct story *story,
                                                      enum story_priority priority,
                                                      const char *format, ...)
{
    char text[STORY_LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    story->line(story->owner, priority, text);
}

static void tell_opened(struct story *story, const struct trace_event *event)
{
    char size[HUMAN_BYTES];
    if (event->c)
        say(story, STORY_NOTICE, "the journal was made");
    else if (event->a == 0)
        say(story, STORY_INFO, "the journal is empty");
    else
        say(story, STORY_NOTICE,
            "the journal holds %s that are not on the LUN yet; they can be read already",
            human_size(event->b, size));
}

static void tell_full(struct story *story, const struct trace_event *event, uint64_t now_us)
{
    char size[HUMAN_BYTES];
    story->full_is_told = story_is_due(&story->full_told_us, now_us, FULL_EVERY_US);
    if (story->full_is_told)
        say(story, STORY_WARNING, "the journal is full (%s); writes wait for the target",
            human_size(event->b, size));
}

static void tell_room(struct story *story)
{
    if (story->full_is_told)
        say(story, STORY_NOTICE, "the journal has room again; writes go on");
    story->full_is_told = false;
}

/* A next start must not replay what is out of date by then. */
static void tell_marked(struct story *story, const struct trace_event *event)
{
    if (event->a == 0)
        say(story, STORY_NOTICE,
            "the journal is marked as failed; when its disk is mended, drop it (holdfast journal "
            "discard) and start again to have a new one");
    else if (!story->unmarked_is_told && event->b)
        say(story, STORY_ERROR,
            "the failed journal cannot be marked as such (%s), and a later start might take it "
            "for good; writes wait until it can. Mend its disk, or take it away and start again "
            "with on_journal_failure=continue",
            strerror((int)event->a));
    else if (!story->unmarked_is_told)
        say(story, STORY_WARNING,
            "the failed journal cannot be marked as such (%s); noting it elsewhere, then writes go "
            "on",
            strerror((int)event->a));
    story->unmarked_is_told = event->a != 0;
}

static void tell_data_lost(struct story *story, const struct trace_event *event, uint64_t now_us)
{
    if (story_is_due(&story->lost_told_us, now_us, LOST_EVERY_US))
        say(story, STORY_ERROR,
            "the journal cannot be read back (block %" PRIu64 ", %" PRIu64
            " blocks: %s); they are lost, reading them gives an I/O error until they are written "
            "again. Look at the journal's disk",
            event->a, event->b, strerror((int)event->c));
}

static void tell_foreign(struct story *story, const struct trace_event *event)
{
    char where[80] = "an earlier start has seen it";
    if (event->b > 0)
        snprintf(where, sizeof where, "block %" PRIu64 "+%" PRIu64 " is not what it was", event->a,
                 event->b);
    if (event->c)
        say(story, STORY_WARNING,
            "another system wrote to the LUN behind our back (%s); writing over it all the same, "
            "as "
            "replay=force says. Check the file systems, and take that option away",
            where);
    else
        say(story, STORY_ERROR,
            "another system wrote to the LUN behind our back (%s): nothing is sent, requests wait. "
            "See "
            "who else uses the LUN; save what the journal holds (holdfast journal export), then "
            "drop it (holdfast journal discard), or start with replay=force to write it over that",
            where);
}

void story_tell_journal(struct story *story, const struct trace_event *event, uint64_t now_us)
{
    char size[HUMAN_BYTES];
    switch (event->code) {
    case TRACE_JOURNAL_OPENED:
        tell_opened(story, event);
        break;
    case TRACE_JOURNAL_FULL:
        tell_full(story, event, now_us);
        break;
    case TRACE_JOURNAL_ROOM:
        tell_room(story);
        break;
    case TRACE_JOURNAL_FAILED:
        say(story, STORY_ERROR,
            "the journal failed (%s); going on without it: writes wait for the target from now "
            "on, and %s that it held are brought to the LUN. Look at the journal's disk",
            strerror((int)event->a), human_size(event->b, size));
        break;
    case TRACE_JOURNAL_MARKED:
        tell_marked(story, event);
        break;
    case TRACE_JOURNAL_DATA_LOST:
        tell_data_lost(story, event, now_us);
        break;
    case TRACE_JOURNAL_LUN_UNFIT:
        say(story, STORY_ERROR,
            "the LUN does not fit the journal: %s; nothing is written to it, requests wait",
            event->text ? event->text : "its size differs");
        break;
    case TRACE_JOURNAL_FOREIGN:
        tell_foreign(story, event);
        break;
    case TRACE_JOURNAL_UNREADABLE_CANARY:
        say(story, STORY_WARNING,
            "block %" PRIu64 "+%" PRIu64 " of the LUN cannot be read (%s), so it does not tell "
            "whether another system wrote to the LUN; going on without it",
            event->a, event->b, strerror((int)event->c));
        break;
    default:
        break;
    }
}
