/* attach and detach: the daemon does it, and may take as long as the target is away. */
#include <errno.h>
#include <json-c/json.h>

#include "cli/answer.h"
#include "cli/client.h"
#include "daemon/device.h"
#include "daemon/human.h"

#define ATTACH_MS 30000
#define DETACH_MS 60000

const struct verb_option attach_options[] = {
    {"timeout", "TIME", "how long to wait [30s]"},
    {"run-dir", "DIR", "in place of /run/holdfast"},
    {"o", "run_dir=PATH", "the run directory of that daemon"},
    {0},
};

const struct verb_option detach_options[] = {
    {"force", NULL, "also when it is in use: what it does not hold yet is lost to its users"},
    {"timeout", "TIME", "how long to wait [1m]"},
    {"run-dir", "DIR", "in place of /run/holdfast"},
    {"o", "run_dir=PATH", "the run directory of that daemon"},
    {0},
};

static struct json_object *request_of(const char *verb)
{
    struct json_object *request = json_object_new_object();
    json_object_object_add(request, "verb", json_object_new_string(verb));
    return request;
}

int attach_run(const struct arguments *arguments)
{
    struct client client;
    struct fault fault;
    struct json_object *answer, *request;
    uint64_t timeout_ms;
    char time[HUMAN_BYTES];
    int status = EXIT_DONE;
    const char *node = arguments->positional_count > 1 ? arguments->positional[1] : NULL;
    if (node && device_check(node, &fault) != 0)
        return complain(arguments, EXIT_USAGE, "%s", fault.text);
    if (client_open_named(arguments, arguments->positional[0], ATTACH_MS, &timeout_ms, &client,
                          &status) != 0)
        return status;
    request = request_of("attach");
    if (node)
        json_object_object_add(request, "device", json_object_new_string(node));
    int error = client_request(&client, request, timeout_ms, &answer, &fault);
    client_close(&client);
    if (error == -ETIMEDOUT)
        return complain(arguments, EXIT_FAILED,
                        "not attached within %s; it will be as soon as the target answers "
                        "(`holdfast status %s` says what is wrong)",
                        human_time(timeout_ms, time), arguments->positional[0]);
    if (error)
        return complain(arguments, EXIT_FAILED, "%s", fault.text);
    puts(answer_text(answer, "device"));
    json_object_put(answer);
    return EXIT_DONE;
}

int detach_run(const struct arguments *arguments)
{
    struct client client;
    struct fault fault;
    struct json_object *answer, *request;
    uint64_t timeout_ms;
    char time[HUMAN_BYTES];
    int status = EXIT_DONE;
    if (client_open_named(arguments, arguments->positional[0], DETACH_MS, &timeout_ms, &client,
                          &status) != 0)
        return status;
    request = request_of("detach");
    json_object_object_add(request, "force",
                           json_object_new_boolean(arguments_get(arguments, "force") != NULL));
    int error = client_request(&client, request, timeout_ms, &answer, &fault);
    client_close(&client);
    if (error == -ETIMEDOUT)
        return complain(arguments, EXIT_FAILED,
                        "its data could not be flushed within %s, so it stays; "
                        "`holdfast status %s` says why",
                        human_time(timeout_ms, time), arguments->positional[0]);
    if (error)
        return complain(arguments, EXIT_FAILED, "%s", fault.text);
    json_object_put(answer);
    return EXIT_DONE;
}
