/* drain: waits until the LUN has everything that was acknowledged. */
#include <errno.h>
#include <json-c/json.h>

#include "cli/answer.h"
#include "cli/client.h"
#include "cli/journal_verb.h"
#include "cli/keys.h"
#include "cli/progress.h"
#include "daemon/human.h"
#include "os/clock.h"

#define ANSWER_MS 5000
#define LOOK_MS   10
#define AWAY_MS   50 /* nothing is done meanwhile */

const struct verb_option drain_options[] = {
    {"timeout", "TIME", "how long to wait [0: for ever]"},
    {"run-dir", "DIR", "in place of /run/holdfast"},
    {"o", "run_dir=PATH", "the run directory of that daemon"},
    {0},
};

struct drain {
    uint64_t left;
    bool drained;
    bool online;
};

static int ask(struct client *client, struct drain *ret_drain, struct fault *fault)
{
    struct json_object *answer;
    int error = client_call(client, "drain", ANSWER_MS, &answer, fault);
    if (error)
        return error;
    ret_drain->left = answer_number(answer, "left_bytes");
    ret_drain->drained = answer_is(answer, "drained");
    ret_drain->online = answer_is(answer, "online");
    json_object_put(answer);
    return 0;
}

static int wait_for_it(struct client *client, uint64_t timeout_ms, struct drain *ret_drain,
                       struct fault *fault)
{
    struct progress progress;
    uint64_t started_ms = clock_ms(), now_ms = started_ms;
    bool told_offline = false;
    int error = ask(client, ret_drain, fault);
    progress_begin(&progress, stderr, "drained", ret_drain->left, started_ms);
    while (!error && !ret_drain->drained) {
        now_ms = clock_ms();
        if (timeout_ms > 0 && now_ms - started_ms >= timeout_ms)
            break;
        if (!ret_drain->online && !told_offline)
            fprintf(stderr, "the target is away; waiting for it\n");
        told_offline = !ret_drain->online;
        progress_left(&progress, ret_drain->left, now_ms);
        clock_pause_ms(ret_drain->online ? LOOK_MS : AWAY_MS);
        error = ask(client, ret_drain, fault);
    }
    if (!error && ret_drain->drained)
        progress_left(&progress, 0, clock_ms());
    progress_end(&progress);
    return error;
}

int drain_daemon(const struct arguments *arguments, const char *name)
{
    char size[HUMAN_BYTES], time[HUMAN_BYTES];
    struct client client;
    struct fault fault;
    struct drain drain = {0};
    uint64_t timeout_ms;
    int status = EXIT_DONE;
    if (client_open_named(arguments, name, 0, &timeout_ms, &client, &status) != 0)
        return status;
    int error = wait_for_it(&client, timeout_ms, &drain, &fault);
    client_close(&client);
    if (error)
        return complain(arguments, EXIT_FAILED, "%s", fault.text);
    if (!drain.drained && drain.left == 0) /* not seen since the daemon was started */
        return complain(arguments, EXIT_FAILED,
                        "the target was not there for %s; `holdfast status %s` says why",
                        human_time(timeout_ms, time), name);
    if (!drain.drained)
        return complain(arguments, EXIT_FAILED,
                        "%s are not on the LUN after %s; `holdfast status %s` says why",
                        human_size(drain.left, size), human_time(timeout_ms, time), name);
    return EXIT_DONE;
}

int drain_run(const struct arguments *arguments)
{
    return drain_daemon(arguments, arguments->positional[0]);
}
