/* SendTargets: which targets does a portal have for us? */
#include <json-c/json.h>
#include <string.h>

#include "cli/keys.h"
#include "daemon/daemon.h"
#include "daemon/story_words.h"
#include "os/discover_libiscsi.h"

#define DISCOVER_MS 10000

const struct verb_option discover_options[] = {
    {"json", NULL, "print JSON, for scripts"},
    {"timeout", "TIME", "how long to wait for the portal [10s]"},
    {"o", "KEY=VALUE[,...]", "set a key: initiator, chap_user, chap_secret_file ..."},
    {0},
};

struct search {
    const struct arguments *arguments;
    struct evl *loop;
    int status;
};

static struct json_object *target_json(const struct discovered_target *target)
{
    struct json_object *object = json_object_new_object();
    struct json_object *portals = json_object_new_array();
    for (unsigned i = 0; i < target->portal_count; i++)
        json_object_array_add(portals, json_object_new_string(target->portals[i]));
    json_object_object_add(object, "name", json_object_new_string(target->name));
    json_object_object_add(object, "portals", portals);
    return object;
}

static void print_json(const struct discovery_result *result)
{
    struct json_object *array = json_object_new_array();
    for (unsigned i = 0; i < result->target_count; i++)
        json_object_array_add(array, target_json(&result->targets[i]));
    puts(json_object_to_json_string_ext(array, JSON_C_TO_STRING_PLAIN));
    json_object_put(array);
}

static void print_text(const struct discovery_result *result)
{
    for (unsigned i = 0; i < result->target_count; i++) {
        const struct discovered_target *target = &result->targets[i];
        puts(target->name);
        for (unsigned p = 0; p < target->portal_count; p++)
            printf("  %s\n", target->portals[p]);
    }
    if (result->target_count == 0)
        puts("the portal has no target for this initiator");
}

static void done(void *owner, const struct discovery_result *result)
{
    struct search *search = owner;
    char why[STORY_REASON_BYTES];
    if (result->error) {
        story_loss_words(result->loss, result->error, why, sizeof why);
        search->status = complain(search->arguments, EXIT_FAILED, "%s: %s%s",
                                  search->arguments->positional[0], why, story_mend(result->loss));
    } else if (arguments_get(search->arguments, "json")) {
        print_json(result);
    } else {
        print_text(result);
    }
    evl_break(search->loop);
}

static int ask(struct search *search, const struct login *login, uint64_t timeout_ms)
{
    struct random_os random;
    random_os_init(&random);
    if (evl_new(&search->loop) != 0)
        return complain(search->arguments, EXIT_FAILED, "no memory");
    struct discovery *discovery = discovery_start(&login->config, search->loop, &random.port,
                                                  (unsigned)timeout_ms, done, search);
    if (discovery)
        evl_run(search->loop);
    else
        search->status = complain(search->arguments, EXIT_FAILED, "no memory");
    discovery_free(discovery);
    evl_free(search->loop);
    return search->status;
}

/* The portal, and what -o says; there is no target yet. */
static int take_keys(const struct arguments *arguments, struct options *options,
                     uint64_t *ret_timeout_ms, struct fault *fault)
{
    options_init(options);
    int error = keys_take(arguments, options, fault);
    if (!error)
        error = options_complete_discovery(options, arguments->positional[0], fault);
    if (!error)
        error = keys_timeout(arguments, DISCOVER_MS, ret_timeout_ms, fault);
    return error;
}

int discover_run(const struct arguments *arguments)
{
    static struct options options;
    struct login login = {0};
    struct search search = {.arguments = arguments};
    struct fault fault;
    uint64_t timeout_ms = 0;
    if (take_keys(arguments, &options, &timeout_ms, &fault) != 0)
        return complain(arguments, EXIT_USAGE, "%s", fault.text);
    if (login_init(&login, &options, true, NULL, &fault) != 0)
        return complain(arguments, EXIT_FAILED, "%s", fault.text);
    int status = ask(&search, &login, timeout_ms);
    login_done(&login);
    return status;
}
