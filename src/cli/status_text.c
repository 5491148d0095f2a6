#include "cli/status_text.h"

#include <json-c/json.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/answer.h"
#include "daemon/human.h"

#define GREEN  "\033[32m"
#define YELLOW "\033[33m"
#define RED    "\033[31m"
#define PLAIN  "\033[0m"

bool status_text_wants_colour(FILE *to)
{
    const char *no_color = getenv("NO_COLOR");
    return isatty(fileno(to)) && !(no_color && *no_color);
}

static const char *colour_of(const char *state)
{
    if (strcmp(state, "ready") == 0)
        return GREEN;
    if (strcmp(state, "wrong-lun") == 0 || strcmp(state, "fenced") == 0 ||
        strcmp(state, "refused") == 0 || strcmp(state, "foreign-writes") == 0)
        return RED;
    return YELLOW;
}

static void print_head(FILE *to, struct json_object *status, bool colour)
{
    struct json_object *session = answer_part(status, "session");
    const char *state = answer_text(status, "state");
    const char *reason = answer_text(session, "reason");
    char time[HUMAN_BYTES];
    uint64_t since_ms =
        (uint64_t)(json_object_get_double(answer_part(session, "since_seconds")) * 1000);
    fprintf(to, "%s: %s%s%s for %s", answer_text(status, "name"), colour ? colour_of(state) : "",
            state, colour ? PLAIN : "", human_time(since_ms, time));
    if (*reason)
        fprintf(to, " (%s)", reason);
    uint64_t outages = answer_number(session, "outages");
    if (outages > 0)
        fprintf(to, ", after %llu outage%s", (unsigned long long)outages, human_plural(outages));
    fprintf(to, "\n");
}

static void print_target(FILE *to, struct json_object *status)
{
    struct json_object *target = answer_part(status, "target");
    fprintf(to, "  target     %s, LUN %llu, at %s\n", answer_text(target, "name"),
            (unsigned long long)answer_number(target, "lun"),
            answer_text(answer_part(status, "session"), "portal"));
}

static void print_abilities(FILE *to, struct json_object *lun)
{
    static const struct {
        const char *key, *words;
    } abilities[] = {
        {"read_only", "read-only"},
        {"write_cache", "write cache"},
        {"fua", "FUA"},
        {"thin", "thin"},
        {"unmap", "UNMAP"},
        {"unmap_zeroes", "zeroes after UNMAP"},
        {"write_same", "WRITE SAME"},
        {"lba_status", "GET LBA STATUS"},
    };
    for (size_t i = 0; i < sizeof abilities / sizeof *abilities; i++) {
        if (answer_is(lun, abilities[i].key))
            fprintf(to, ", %s", abilities[i].words);
    }
}

void status_text_print_lun(FILE *to, struct json_object *lun)
{
    char size[HUMAN_BYTES];
    fprintf(to, "  disk       %s (%s %s %s%s%s)\n", answer_text(lun, "identity"),
            answer_text(lun, "vendor"), answer_text(lun, "product"), answer_text(lun, "revision"),
            *answer_text(lun, "serial") ? ", serial " : "", answer_text(lun, "serial"));
    fprintf(to, "  size       %s in blocks of %llu",
            human_size(answer_number(lun, "size_bytes"), size),
            (unsigned long long)answer_number(lun, "block_bytes"));
    if (answer_number(lun, "physical_block_bytes") != answer_number(lun, "block_bytes"))
        fprintf(to, " (physical %llu)",
                (unsigned long long)answer_number(lun, "physical_block_bytes"));
    print_abilities(to, lun);
    fprintf(to, "\n");
}

static void print_requests(FILE *to, struct json_object *volume, bool is_journaled)
{
    char one[HUMAN_BYTES], two[HUMAN_BYTES];
    fprintf(to, "  requests   %llu under way, %llu of them waiting for the target\n",
            (unsigned long long)answer_number(volume, "requests"),
            (unsigned long long)answer_number(volume, "parked"));
    if (is_journaled)
        fprintf(to, "  kept       %s not on the LUN for good yet, %s of it not sent\n",
                human_size(answer_number(volume, "unsynced_bytes"), one),
                human_size(answer_number(volume, "dirty_bytes"), two));
    else
        fprintf(to, "  kept       %s acknowledged and not flushed, %s to be written again\n",
                human_size(answer_number(volume, "retained_bytes"), one),
                human_size(answer_number(volume, "dirty_bytes"), two));
    fprintf(to,
            "  answered   %llu reads (%s), %llu writes (%s), %llu flushes, %llu trims, %llu "
            "zeroes; %llu errors\n",
            (unsigned long long)answer_number(volume, "reads"),
            human_size(answer_number(volume, "read_bytes"), one),
            (unsigned long long)answer_number(volume, "writes"),
            human_size(answer_number(volume, "written_bytes"), two),
            (unsigned long long)answer_number(volume, "flushes"),
            (unsigned long long)answer_number(volume, "trims"),
            (unsigned long long)answer_number(volume, "zeroes"),
            (unsigned long long)answer_number(volume, "errors"));
    if (answer_number(volume, "rewrites") > 0)
        fprintf(to, "  sent again %llu acknowledged writes (%s)\n",
                (unsigned long long)answer_number(volume, "rewrites"),
                human_size(answer_number(volume, "rewrite_bytes"), one));
}

/* What was found, and what to do. */
static void print_foreign(FILE *to, struct json_object *journal)
{
    uint64_t blocks = answer_number(journal, "foreign_blocks");
    if (!answer_part(journal, "foreign_blocks"))
        return;
    fprintf(to, "  foreign    another system wrote to the LUN");
    if (blocks > 0)
        fprintf(to, " (block %llu+%llu)",
                (unsigned long long)answer_number(journal, "foreign_block"),
                (unsigned long long)blocks);
    fprintf(to, "; export the journal, then discard it, or start with replay=force\n");
}

void status_text_print_journal(FILE *to, struct json_object *journal)
{
    char used[HUMAN_BYTES], ring[HUMAN_BYTES], time[HUMAN_BYTES];
    uint64_t ring_bytes = answer_number(journal, "ring_bytes");
    struct json_object *oldest = answer_part(journal, "oldest_unsent_seconds");
    struct json_object *full_in = answer_part(journal, "full_in_seconds");
    fprintf(to, "  journal    %s%s%s%s%s\n", answer_text(journal, "mode"),
            *answer_text(journal, "path") ? ", " : "", answer_text(journal, "path"),
            ring_bytes ? ", " : "", ring_bytes ? answer_text(journal, "state") : "");
    if (ring_bytes == 0)
        return;
    fprintf(to, "  ring       %s of %s in use (%llu %%), %llu entr%s",
            human_size(answer_number(journal, "used_bytes"), used), human_size(ring_bytes, ring),
            (unsigned long long)(answer_number(journal, "used_bytes") * 100 / ring_bytes),
            (unsigned long long)answer_number(journal, "entries"),
            answer_number(journal, "entries") == 1 ? "y" : "ies");
    if (oldest)
        fprintf(to, ", oldest not sent for %s",
                human_time((uint64_t)(json_object_get_double(oldest) * 1000), time));
    if (full_in)
        fprintf(to, ", full in %s at this rate",
                human_time((uint64_t)(json_object_get_double(full_in) * 1000), time));
    fprintf(to, "\n");
    print_foreign(to, journal);
}

static void print_device(FILE *to, struct json_object *item)
{
    const char *reason = answer_text(item, "reason");
    fprintf(to, "  device     %s, %s%s%s\n", answer_text(item, "device"),
            answer_text(item, "state"), *reason ? ": " : "", reason);
}

static void print_front_end(FILE *to, struct json_object *item)
{
    if (strcmp(answer_text(item, "kind"), "device") == 0)
        print_device(to, item);
    else if (strcmp(answer_text(item, "kind"), "nbd") == 0)
        fprintf(to, "  nbd        %s, %llu of %llu connections\n", answer_text(item, "address"),
                (unsigned long long)answer_number(item, "connections"),
                (unsigned long long)answer_number(item, "connections_max"));
    else
        fprintf(to, "  file       %s, %s%s\n", answer_text(item, "path"),
                answer_is(item, "mounted") ? "mounted" : "not mounted",
                answer_is(item, "busy") ? ", still in use" : "");
}

void status_text_print(FILE *to, struct json_object *status, bool colour)
{
    struct json_object *front_ends = answer_part(status, "front_ends");
    size_t count =
        json_object_is_type(front_ends, json_type_array) ? json_object_array_length(front_ends) : 0;
    print_head(to, status, colour);
    print_target(to, status);
    if (answer_part(status, "lun"))
        status_text_print_lun(to, answer_part(status, "lun"));
    print_requests(to, answer_part(status, "volume"),
                   answer_number(answer_part(status, "journal"), "ring_bytes") > 0);
    for (size_t i = 0; i < count; i++)
        print_front_end(to, json_object_array_get_idx(front_ends, i));
    status_text_print_journal(to, answer_part(status, "journal"));
    fprintf(to, "  pid        %llu%s\n", (unsigned long long)answer_number(status, "pid"),
            answer_is(status, "read_only") ? ", read-only" : "");
}
