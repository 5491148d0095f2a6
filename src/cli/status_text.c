#include "cli/status_text.h"

#include <json-c/json.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/human.h"

#define GREEN  "\033[32m"
#define YELLOW "\033[33m"
#define RED    "\033[31m"
#define PLAIN  "\033[0m"

/* What is missing reads as nothing: the daemon may be of another version. */
static struct json_object *part(struct json_object *from, const char *key)
{
    struct json_object *value = NULL;
    json_object_object_get_ex(from, key, &value);
    return value;
}

static const char *text(struct json_object *from, const char *key)
{
    struct json_object *value = part(from, key);
    return value ? json_object_get_string(value) : "";
}

static uint64_t number(struct json_object *from, const char *key)
{
    return json_object_get_uint64(part(from, key));
}

static bool is_on(struct json_object *from, const char *key)
{
    return json_object_get_boolean(part(from, key));
}

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
        strcmp(state, "refused") == 0)
        return RED;
    return YELLOW;
}

static void print_head(FILE *to, struct json_object *status, bool colour)
{
    struct json_object *session = part(status, "session");
    const char *state = text(status, "state");
    const char *reason = text(session, "reason");
    char time[HUMAN_BYTES];
    uint64_t since_ms = (uint64_t)(json_object_get_double(part(session, "since_seconds")) * 1000);
    fprintf(to, "%s: %s%s%s for %s", text(status, "name"), colour ? colour_of(state) : "", state,
            colour ? PLAIN : "", human_time(since_ms, time));
    if (*reason)
        fprintf(to, " (%s)", reason);
    uint64_t outages = number(session, "outages");
    if (outages > 0)
        fprintf(to, ", after %llu outage%s", (unsigned long long)outages, human_plural(outages));
    fprintf(to, "\n");
}

static void print_target(FILE *to, struct json_object *status)
{
    struct json_object *target = part(status, "target");
    fprintf(to, "  target     %s, LUN %llu, at %s\n", text(target, "name"),
            (unsigned long long)number(target, "lun"), text(part(status, "session"), "portal"));
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
        if (is_on(lun, abilities[i].key))
            fprintf(to, ", %s", abilities[i].words);
    }
}

void status_text_print_lun(FILE *to, struct json_object *lun)
{
    char size[HUMAN_BYTES];
    fprintf(to, "  disk       %s (%s %s %s%s%s)\n", text(lun, "identity"), text(lun, "vendor"),
            text(lun, "product"), text(lun, "revision"), *text(lun, "serial") ? ", serial " : "",
            text(lun, "serial"));
    fprintf(to, "  size       %s in blocks of %llu", human_size(number(lun, "size_bytes"), size),
            (unsigned long long)number(lun, "block_bytes"));
    if (number(lun, "physical_block_bytes") != number(lun, "block_bytes"))
        fprintf(to, " (physical %llu)", (unsigned long long)number(lun, "physical_block_bytes"));
    print_abilities(to, lun);
    fprintf(to, "\n");
}

static void print_requests(FILE *to, struct json_object *volume, bool is_journaled)
{
    char one[HUMAN_BYTES], two[HUMAN_BYTES];
    fprintf(to, "  requests   %llu under way, %llu of them waiting for the target\n",
            (unsigned long long)number(volume, "requests"),
            (unsigned long long)number(volume, "parked"));
    if (is_journaled)
        fprintf(to, "  kept       %s not on the LUN for good yet, %s of it not sent\n",
                human_size(number(volume, "unsynced_bytes"), one),
                human_size(number(volume, "dirty_bytes"), two));
    else
        fprintf(to, "  kept       %s acknowledged and not flushed, %s to be written again\n",
                human_size(number(volume, "retained_bytes"), one),
                human_size(number(volume, "dirty_bytes"), two));
    fprintf(
        to,
        "  answered   %llu reads (%s), %llu writes (%s), %llu flushes, %llu trims, %llu "
        "zeroes; %llu errors\n",
        (unsigned long long)number(volume, "reads"), human_size(number(volume, "read_bytes"), one),
        (unsigned long long)number(volume, "writes"),
        human_size(number(volume, "written_bytes"), two),
        (unsigned long long)number(volume, "flushes"), (unsigned long long)number(volume, "trims"),
        (unsigned long long)number(volume, "zeroes"), (unsigned long long)number(volume, "errors"));
    if (number(volume, "rewrites") > 0)
        fprintf(to, "  sent again %llu acknowledged writes (%s)\n",
                (unsigned long long)number(volume, "rewrites"),
                human_size(number(volume, "rewrite_bytes"), one));
}

void status_text_print_journal(FILE *to, struct json_object *journal)
{
    char used[HUMAN_BYTES], ring[HUMAN_BYTES], time[HUMAN_BYTES];
    uint64_t ring_bytes = number(journal, "ring_bytes");
    struct json_object *oldest = part(journal, "oldest_unsent_seconds");
    struct json_object *full_in = part(journal, "full_in_seconds");
    fprintf(to, "  journal    %s%s%s%s%s\n", text(journal, "mode"),
            *text(journal, "path") ? ", " : "", text(journal, "path"), ring_bytes ? ", " : "",
            ring_bytes ? text(journal, "state") : "");
    if (ring_bytes == 0)
        return;
    fprintf(to, "  ring       %s of %s in use (%llu %%), %llu entr%s",
            human_size(number(journal, "used_bytes"), used), human_size(ring_bytes, ring),
            (unsigned long long)(number(journal, "used_bytes") * 100 / ring_bytes),
            (unsigned long long)number(journal, "entries"),
            number(journal, "entries") == 1 ? "y" : "ies");
    if (oldest)
        fprintf(to, ", oldest not sent for %s",
                human_time((uint64_t)(json_object_get_double(oldest) * 1000), time));
    if (full_in)
        fprintf(to, ", full in %s at this rate",
                human_time((uint64_t)(json_object_get_double(full_in) * 1000), time));
    fprintf(to, "\n");
}

static void print_device(FILE *to, struct json_object *item)
{
    const char *reason = text(item, "reason");
    fprintf(to, "  device     %s, %s%s%s\n", text(item, "device"), text(item, "state"),
            *reason ? ": " : "", reason);
}

static void print_front_end(FILE *to, struct json_object *item)
{
    if (strcmp(text(item, "kind"), "device") == 0)
        print_device(to, item);
    else if (strcmp(text(item, "kind"), "nbd") == 0)
        fprintf(to, "  nbd        %s, %llu of %llu connections\n", text(item, "address"),
                (unsigned long long)number(item, "connections"),
                (unsigned long long)number(item, "connections_max"));
    else
        fprintf(to, "  file       %s, %s%s\n", text(item, "path"),
                is_on(item, "mounted") ? "mounted" : "not mounted",
                is_on(item, "busy") ? ", still in use" : "");
}

void status_text_print(FILE *to, struct json_object *status, bool colour)
{
    struct json_object *front_ends = part(status, "front_ends");
    size_t count =
        json_object_is_type(front_ends, json_type_array) ? json_object_array_length(front_ends) : 0;
    print_head(to, status, colour);
    print_target(to, status);
    if (part(status, "lun"))
        status_text_print_lun(to, part(status, "lun"));
    print_requests(to, part(status, "volume"), number(part(status, "journal"), "ring_bytes") > 0);
    for (size_t i = 0; i < count; i++)
        print_front_end(to, json_object_array_get_idx(front_ends, i));
    status_text_print_journal(to, part(status, "journal"));
    fprintf(to, "  pid        %llu%s\n", (unsigned long long)number(status, "pid"),
            is_on(status, "read_only") ? ", read-only" : "");
}
