/* What the control socket understands. Each verb answers at once, but for flush. */
#include <assert.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "daemon/device.h"
#include "daemon/front_ends.h"
#include "daemon/hold.h"
#include "daemon/status.h"

static void answer_status(struct daemon *daemon, struct control_client *client)
{
    struct status_facts facts = {
        .options = daemon->options,
        .initiator = daemon->login.initiator,
        .pid = getpid(),
        .stopping = daemon->stopping,
        .now_us = daemon_now_us(daemon),
        .started_us = daemon->started_us,
        .lun = ses_lun(vol_session(daemon->volume)),
        .read_only = daemon->options->read_only,
        .journal_path = daemon->journal.path,
    };
    ses_status(vol_session(daemon->volume), &facts.session);
    vol_status(daemon->volume, &facts.volume);
    facts.journal_until_full_us = fill_rate_until_full_us(
        &daemon->fill, facts.volume.ring_used_bytes, facts.volume.ring_bytes);
    if (vol_is_known(daemon->volume)) {
        struct vol_geometry geometry;
        vol_geometry(daemon->volume, &geometry);
        facts.read_only = geometry.read_only;
    }
    struct json_object *status = status_json(&facts);
    json_object_object_add(status, "front_ends", front_ends_json(daemon->front_ends));
    control_answer(client, status);
}

static void answer_version(struct daemon *daemon, struct control_client *client)
{
    struct json_object *answer = json_object_new_object();
    json_object_object_add(answer, "version", json_object_new_string(HOLDFAST_VERSION));
    control_answer(client, answer);
}

static void flush_done(struct vol_request *request)
{
    struct flush_job *job = container_of(request, struct flush_job, request);
    struct control_client *client = job->client;
    job->used = false;
    if (!client)
        return;
    if (request->error == -ESHUTDOWN) {
        control_refuse(client, "the daemon stops; its log says what it could not write");
    } else if (request->error) {
        char text[96];
        snprintf(text, sizeof text, "the flush failed: %s", strerror(-request->error));
        control_refuse(client, text);
    } else {
        control_answer(client, json_object_new_object());
    }
}

static void flush(struct daemon *daemon, struct control_client *client)
{
    for (unsigned i = 0; i < FLUSH_JOBS; i++) {
        struct flush_job *job = &daemon->flushes[i];
        if (job->used)
            continue;
        *job = (struct flush_job){
            .request = {.op = VOL_FLUSH, .done = flush_done}, .client = client, .used = true};
        vol_submit(daemon->volume, &job->request);
        return;
    }
    control_refuse(client, "too many flushes are under way");
}

/* How far it is; who waits asks again. Before the LUN is known, what a daemon before this one had
 * answered may be in the target's cache only: it is synchronised when the session is ready. */
static void drain(struct daemon *daemon, struct control_client *client)
{
    struct json_object *answer = json_object_new_object();
    struct vol_status status;
    vol_hurry(daemon->volume);
    vol_status(daemon->volume, &status);
    bool drained = vol_is_known(daemon->volume) && status.unsynced_bytes == 0;
    json_object_object_add(answer, "left_bytes", json_object_new_uint64(status.unsynced_bytes));
    json_object_object_add(answer, "online", json_object_new_boolean(status.online));
    json_object_object_add(answer, "drained", json_object_new_boolean(drained));
    control_answer(client, answer);
}

static void stop(struct daemon *daemon, struct control_client *client)
{
    control_answer(client, json_object_new_object());
    if (!daemon->stopping)
        daemon_stop(daemon);
}

static void reconnect(struct daemon *daemon, struct control_client *client)
{
    ses_reconnect(vol_session(daemon->volume));
    control_answer(client, json_object_new_object());
}

static void attach(struct daemon *daemon, struct control_client *client, struct json_object *json)
{
    struct json_object *device = NULL;
    json_object_object_get_ex(json, "device", &device);
    if (daemon->stopping)
        control_refuse(client, "the daemon stops");
    else
        device_attach(front_ends_device(daemon->front_ends), client,
                      device ? json_object_get_string(device) : NULL);
}

static void detach(struct daemon *daemon, struct control_client *client, struct json_object *json)
{
    struct json_object *force = NULL;
    json_object_object_get_ex(json, "force", &force);
    if (daemon->stopping)
        control_refuse(client, "the daemon stops, and detaches the disk or leaves it");
    else
        device_detach(front_ends_device(daemon->front_ends), client,
                      json_object_get_boolean(force));
}

/* run: needs nothing but the verb; run_with: looks at the request. */
static const struct {
    const char *word;
    void (*run)(struct daemon *daemon, struct control_client *client);
    void (*run_with)(struct daemon *daemon, struct control_client *client,
                     struct json_object *json);
} verbs[] = {
    {"status", .run = answer_status}, {"version", .run = answer_version},
    {"flush", .run = flush},          {"drain", .run = drain},
    {"hold", .run = hold_take},       {"stop", .run = stop},
    {"reconnect", .run = reconnect},  {"attach", .run_with = attach},
    {"detach", .run_with = detach},
};

static void request(void *owner, struct control_client *client, const char *verb,
                    struct json_object *json)
{
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (strcmp(verbs[i].word, verb) != 0)
            continue;
        if (verbs[i].run)
            verbs[i].run(owner, client);
        else
            verbs[i].run_with(owner, client, json);
        return;
    }
    char text[160];
    snprintf(text, sizeof text, "unknown verb '%.64s'", verb);
    control_refuse(client, text);
}

static void gone(void *owner, struct control_client *client)
{
    struct daemon *daemon = owner;
    hold_client_gone(daemon, client);
    for (unsigned i = 0; i < FLUSH_JOBS; i++) {
        if (daemon->flushes[i].used && daemon->flushes[i].client == client)
            daemon->flushes[i].client = NULL;
    }
    if (daemon->front_ends)
        device_client_gone(front_ends_device(daemon->front_ends), client);
}

const struct control_verbs daemon_verbs = {.request = request, .gone = gone};
