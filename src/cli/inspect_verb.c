/*
 * A session of its own that only looks: no fence, no SYNCHRONIZE CACHE, no reset, and another
 * ISID than the daemon's, so that its login ends nobody's session.
 */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "cli/keys.h"
#include "cli/status_text.h"
#include "daemon/daemon.h"
#include "daemon/human.h"
#include "daemon/status.h"
#include "daemon/story_words.h"
#include "os/link_libiscsi.h"

#define INSPECT_MS 10000

const struct verb_option inspect_options[] = {
    {"json", NULL, "print JSON, for scripts"},
    {"timeout", "TIME", "how long to wait for the target [10s]"},
    {"o", "KEY=VALUE[,...]", "set a key: initiator, chap_user, chap_secret_file ..."},
    {0},
};

struct inspection {
    struct evl *loop;
    struct trace_port trace;
    struct random_os random;
    struct link_port *link;
    struct session *session;
    struct timer patience;
    struct evl_call end;
    bool seen;
    struct lun lun;
    struct link_limits limits;
    char why[STORY_REASON_BYTES]; /* the last attempt failed so */
    uint64_t loss;
};

static void heard(struct trace_port *port, const struct trace_event *event)
{
    struct inspection *inspection = container_of(port, struct inspection, trace);
    if (event->code == TRACE_SESSION_ATTEMPT_FAILED || event->code == TRACE_SESSION_LOST) {
        inspection->loss = event->a;
        story_loss_words(event->a, event->text, inspection->why, sizeof inspection->why);
    } else if (event->code == TRACE_SESSION_UNUSABLE && event->text) {
        inspection->loss = LINK_LOSS_SETUP_FAILED;
        snprintf(inspection->why, sizeof inspection->why, "%s", event->text);
    }
}

static void ready(void *owner)
{
    struct inspection *inspection = owner;
    inspection->lun = *ses_lun(inspection->session);
    inspection->limits = *ses_limits(inspection->session);
    inspection->seen = true;
    ses_stop(inspection->session);
}

static void stopped(void *owner)
{
    struct inspection *inspection = owner;
    evl_call_defer(inspection->loop, &inspection->end);
}

static void gave_up(void *owner)
{
    stopped(owner);
}

static void nothing(void *owner)
{
}

static void end(struct evl_call *call)
{
    evl_break(container_of(call, struct inspection, end)->loop);
}

static void patience_is_over(struct timer *timer)
{
    evl_break(container_of(timer, struct inspection, patience)->loop);
}

static int look(struct inspection *inspection, const struct login *login,
                const struct options *options, uint64_t timeout_ms)
{
    static const struct ses_events events = {ready, nothing, nothing, nothing, gave_up, stopped};
    struct ses_config config = session_config(options);
    config.observe_only = true;
    inspection->trace.emit = heard;
    random_os_init(&inspection->random);
    int error = evl_new(&inspection->loop);
    if (!error)
        error = link_libiscsi_new(&login->config, inspection->loop, &inspection->random.port,
                                  &inspection->link);
    if (error)
        return error;
    struct timer_port *timers = evl_timer_port(inspection->loop);
    inspection->session = ses_new(&config, inspection->link, timers, &inspection->random.port,
                                  &inspection->trace, &events, inspection);
    if (!inspection->session)
        return -1;
    evl_call_init(&inspection->end, end);
    timer_init(&inspection->patience, patience_is_over);
    port_timer_after_ms(timers, &inspection->patience, timeout_ms);
    ses_start(inspection->session);
    evl_run(inspection->loop);
    port_timer_stop(timers, &inspection->patience);
    evl_call_cancel(&inspection->end);
    return 0;
}

static void look_away(struct inspection *inspection)
{
    ses_free(inspection->session);
    link_libiscsi_free(inspection->link);
    evl_free(inspection->loop);
}

static void print(const struct inspection *inspection, bool json)
{
    struct json_object *lun = status_lun_json(&inspection->lun);
    json_object_object_add(lun, "max_write_bytes",
                           json_object_new_uint64(inspection->limits.max_write_bytes));
    json_object_object_add(lun, "max_read_bytes",
                           json_object_new_uint64(inspection->limits.max_read_bytes));
    if (json) {
        puts(json_object_to_json_string_ext(lun, JSON_C_TO_STRING_PLAIN));
    } else {
        char write[HUMAN_BYTES], read[HUMAN_BYTES];
        status_text_print_lun(stdout, lun);
        printf("  transfers  writes up to %s, reads up to %s%s\n",
               human_size(inspection->limits.max_write_bytes, write),
               human_size(inspection->limits.max_read_bytes, read),
               inspection->limits.header_digest ? ", header digests" : "");
    }
    json_object_put(lun);
}

static int report(const struct arguments *arguments, const struct inspection *inspection, int error,
                  uint64_t timeout_ms)
{
    char time[HUMAN_BYTES];
    if (error)
        return complain(arguments, EXIT_FAILED, "no memory");
    if (!inspection->seen && *inspection->why)
        return complain(arguments, EXIT_FAILED, "%s: %s%s", arguments->positional[0],
                        inspection->why, story_mend(inspection->loss));
    if (!inspection->seen)
        return complain(arguments, EXIT_FAILED, "%s: no answer within %s", arguments->positional[0],
                        human_time(timeout_ms, time));
    print(inspection, arguments_get(arguments, "json"));
    return EXIT_DONE;
}

int inspect_run(const struct arguments *arguments)
{
    static struct options options;
    struct login login = {0};
    struct inspection inspection = {0};
    struct fault fault;
    uint64_t timeout_ms = 0;
    int error = keys_from_operand(arguments, arguments->positional[0], &options, &fault);
    if (!error)
        error = options_complete(&options, &fault);
    if (!error)
        error = keys_timeout(arguments, INSPECT_MS, &timeout_ms, &fault);
    if (error)
        return complain(arguments, EXIT_USAGE, "%s", fault.text);
    if (login_init(&login, &options, true, NULL, &fault) != 0)
        return complain(arguments, EXIT_FAILED, "%s", fault.text);
    error = look(&inspection, &login, &options, timeout_ms);
    int status = report(arguments, &inspection, error, timeout_ms);
    look_away(&inspection);
    login_done(&login);
    return status;
}
