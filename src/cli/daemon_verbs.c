/* flush and stop. */
#include <errno.h>
#include <json-c/json.h>

#include "cli/client.h"
#include "cli/service.h"
#include "daemon/human.h"

#define FLUSH_MS  60000
#define STOP_MS   30000
#define ANSWER_MS 5000

const struct verb_option flush_options[] = {
    {"timeout", "TIME", "how long to wait [1m]"},
    {"run-dir", "DIR", "in place of /run/holdfast"},
    {"o", "run_dir=PATH", "the run directory of that daemon"},
    {0},
};

const struct verb_option stop_options[] = {
    {"timeout", "TIME", "how long to wait until it is gone [30s]"},
    {"run-dir", "DIR", "in place of /run/holdfast"},
    {"o", "run_dir=PATH", "the run directory of that daemon"},
    {0},
};

int flush_run(const struct arguments *arguments)
{
    struct client client;
    struct fault fault;
    struct json_object *answer;
    uint64_t timeout_ms;
    char time[HUMAN_BYTES];
    int status = EXIT_DONE;
    if (client_open_named(arguments, arguments->positional[0], FLUSH_MS, &timeout_ms, &client,
                          &status) != 0)
        return status;
    int error = client_call(&client, "flush", timeout_ms, &answer, &fault);
    client_close(&client);
    if (error == -ETIMEDOUT)
        return complain(arguments, EXIT_FAILED,
                        "not flushed within %s; `holdfast status %s` says why",
                        human_time(timeout_ms, time), arguments->positional[0]);
    if (error)
        return complain(arguments, EXIT_FAILED, "%s", fault.text);
    json_object_put(answer);
    return EXIT_DONE;
}

int stop_run(const struct arguments *arguments)
{
    struct client client;
    struct fault fault;
    struct json_object *answer;
    uint64_t timeout_ms;
    char time[HUMAN_BYTES];
    int status = EXIT_DONE;
    if (client_open_named(arguments, arguments->positional[0], STOP_MS, &timeout_ms, &client,
                          &status) != 0)
        return status;
    int error = client_call(&client, "stop", ANSWER_MS, &answer, &fault);
    client_close(&client);
    if (error)
        return complain(arguments, EXIT_FAILED, "%s", fault.text);
    json_object_put(answer);
    if (client_wait_until_gone(client.directory, timeout_ms) != 0)
        return complain(arguments, EXIT_FAILED,
                        "it still runs after %s; its log says what it waits "
                        "for",
                        human_time(timeout_ms, time));
    if (!arguments_get(arguments, "run-dir") && !arguments_get(arguments, "o"))
        service_settle(arguments->positional[0]);
    return EXIT_DONE;
}
