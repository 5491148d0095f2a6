#include "daemon/hold.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>

#include "daemon/daemon.h"

static void refuse(struct daemon *daemon, struct control_client *client, int error)
{
    const char *name = daemon->options->name;
    char text[320];
    if (error == -EBUSY)
        snprintf(text, sizeof text, "another export of this journal is under way");
    else if (error == -EIO)
        snprintf(text, sizeof text,
                 "the journal has failed, and newer data are on the LUN, or on their way to it; "
                 "`holdfast drain %.64s` waits for them, then the LUN itself is up to date",
                 name);
    else if (daemon->journal.device)
        snprintf(text, sizeof text, "'%.64s' has no journal yet: its LUN was never seen", name);
    else
        snprintf(text, sizeof text, "'%.64s' has no journal", name);
    control_refuse(client, text);
}

static void add_number(struct json_object *to, const char *key, uint64_t number)
{
    json_object_object_add(to, key, json_object_new_uint64(number));
}

void hold_take(struct daemon *daemon, struct control_client *client)
{
    struct vol_held held;
    if (daemon->stopping) {
        control_refuse(client, "the daemon stops; when it has, try again");
        return;
    }
    int error = vol_hold_journal(daemon->volume, &held);
    if (error) {
        refuse(daemon, client, error);
        return;
    }
    daemon->holder = client;
    daemon->held_full_s = 0;
    struct json_object *answer = json_object_new_object();
    json_object_object_add(answer, "path", json_object_new_string(daemon->journal.path));
    add_number(answer, "tail_offset", held.tail_offset);
    add_number(answer, "tail_seq", held.tail_seq);
    add_number(answer, "tail_prev_crc", held.tail_prev_crc);
    add_number(answer, "end_seq", held.end_seq);
    control_answer(client, answer);
}

static void release(struct daemon *daemon)
{
    daemon->holder = NULL;
    vol_release_journal(daemon->volume);
}

void hold_client_gone(struct daemon *daemon, const struct control_client *client)
{
    if (daemon->holder == client)
        release(daemon);
}

void hold_look(struct daemon *daemon)
{
    struct vol_status status;
    if (!daemon->holder)
        return;
    vol_status(daemon->volume, &status);
    daemon->held_full_s = status.journal_full ? daemon->held_full_s + 1 : 0;
    if (daemon->held_full_s < HOLD_PATIENCE_S)
        return;
    log_format(daemon->log, STORY_WARNING,
               "an export holds the journal, and writes have waited %u s for room; taking the room "
               "back",
               HOLD_PATIENCE_S);
    release(daemon);
}
