#include "mount/keeper.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "cli/answer.h"
#include "daemon/human.h"
#include "daemon/serve.h"
#include "mount/interrupt.h"
#include "mount/owner.h"
#include "mount/records.h"
#include "os/clock.h"

#define START_MS       60000
#define STATUS_MS      5000
#define LOOK_MS        200
#define WORTH_A_LINE   3000 /* ms of waiting */
#define STOP_MARGIN_MS 10000
#define RELEASE_LOOKS  20 /* the kernel frees a loop device a moment after its last user */
#define TEXT_BYTES     8192

/* A daemon that runs and has not our configuration serves something else, or in another way. */
static int write_configuration(const struct mount_source *source, const struct mount_call *call,
                               const char *front_end, struct fault *fault)
{
    char text[TEXT_BYTES];
    struct service service;
    struct fault ignored;
    int error = mount_source_configuration(source, call, front_end, text, sizeof text, fault);
    if (error || records_configuration_is(source->name, text))
        return error;
    if (service_find(source->name, &service, &ignored) == 0 && service_is_running(&service))
        return fault_set(fault, -EBUSY,
                         "the daemon %s serves this LUN already, with other options: "
                         "/run/holdfast/%s.conf; give the same, or unmount the other first",
                         source->name, source->name);
    return records_write_configuration(source->name, text, fault);
}

int keeper_start(const struct mount_source *source, const struct mount_call *call,
                 const char *front_end, struct service *ret_service, bool *ret_started,
                 struct fault *fault)
{
    *ret_started = false;
    int error = source->is_url ? write_configuration(source, call, front_end, fault) : 0;
    if (!error)
        error = service_find(source->name, ret_service, fault);
    if (!error)
        error = service_start(ret_service, START_MS, ret_started, fault);
    if (*ret_started) {
        int unmarked = records_mark(source->name, fault);
        error = error ? error : unmarked;
    }
    return error;
}

/* --- waiting --- */

static const char *reason_in(struct json_object *status)
{
    return answer_text(answer_part(status, "session"), "reason");
}

/* A LUN that only the journal knows is not enough: what is looked for on it may not be there, and
 * reads would wait without a bound. */
static bool has_lun(struct json_object *status)
{
    return answer_part(status, "lun") && answer_is(answer_part(status, "volume"), "online");
}

static int not_known(const struct service *service, const struct mount_call *call,
                     struct json_object *status, struct fault *fault)
{
    char time[HUMAN_BYTES];
    const char *reason = reason_in(status);
    return fault_set(fault, -ETIMEDOUT,
                     "the target has not answered for %s (%s); look at the target, or let the "
                     "mount wait longer with mount_timeout=",
                     human_time(call->timeout_ms, time), *reason ? reason : "no reason is known");
}

/* One look; *ret_status is set when the daemon answered. */
static int look(const struct service *service, struct json_object **ret_status, struct fault *fault)
{
    int error = service_ask(service, "status", STATUS_MS, ret_status, fault);
    if (!error || service_is_running(service))
        return 0;
    char words[384];
    service_last_words(service, words, sizeof words);
    return fault_set(fault, -EIO, "%s", *words ? words : "the daemon ended");
}

int keeper_wait(const struct service *service, const struct mount_call *call,
                struct json_object **ret_status, struct fault *fault)
{
    uint64_t began = clock_ms();
    bool told = false;
    for (;; clock_pause_ms(LOOK_MS)) {
        struct json_object *status = NULL;
        int error = look(service, &status, fault);
        uint64_t waited = clock_ms() - began;
        if (!error && status && has_lun(status)) {
            *ret_status = status;
            return 0;
        }
        if (!error && interrupt_came())
            error = fault_set(fault, -EINTR, "interrupted while waiting for the target");
        if (!error && call->timeout_ms > 0 && waited >= call->timeout_ms)
            error = not_known(service, call, status, fault);
        if (!error && !told && waited >= WORTH_A_LINE) {
            told = true;
            fprintf(stderr, "mount.holdfast: waiting for the target of %s (%s)\n", service->name,
                    reason_in(status));
        }
        json_object_put(status);
        if (error)
            return error;
    }
}

/* --- the end --- */

static bool is_used_now(const char *name, const char *except)
{
    struct mountinfo info;
    if (mountinfo_read(&info) != 0)
        return true;
    bool used = owner_is_used("/sys", &info, name, except);
    mountinfo_done(&info);
    return used;
}

/* Only the loop device that was just let go is worth waiting for. */
static bool is_used(const char *name, const char *let_go)
{
    bool is_loop = !let_go || strncmp(let_go, "loop", 4) == 0;
    bool used = true;
    for (int i = 0; used && i < (is_loop ? RELEASE_LOOKS : 1); i++) {
        if (i > 0)
            clock_pause_ms(LOOK_MS);
        if (let_go && is_used_now(name, let_go))
            return true;
        used = is_used_now(name, NULL);
    }
    return used;
}

/* What was left in a journal is not lost, but not where others would look for it either. */
static void tell_what_stayed(const struct service *service)
{
    char words[384], place[OPTION_PATH_BYTES];
    service_last_words(service, words, sizeof words);
    if (*words == '\0' || strcmp(words, SERVE_WROTE_ALL) == 0)
        return;
    service_log_place(service, place, sizeof place);
    fprintf(stderr,
            "umount.holdfast: the daemon %s ended without having written all to the target; mount "
            "it again when the target is there (%s)\n",
            service->name, place);
}

int keeper_let_go(const char *name, const char *disk, bool verbose, struct fault *fault)
{
    struct service service;
    if (!records_is_marked(name))
        return 0;
    if (is_used(name, disk)) {
        if (verbose)
            fprintf(stderr, "umount.holdfast: the disk %s is still in use: its daemon goes on\n",
                    name);
        return 0;
    }
    int error = service_find(name, &service, fault);
    if (error == -ENOENT) { /* nothing is left of it */
        records_forget(name);
        return 0;
    }
    bool ran = !error && service_is_running(&service);
    if (!error)
        error = service_stop(&service, service.stop_timeout_ms + STOP_MARGIN_MS, fault);
    if (!error) {
        if (ran) /* or it refused to, and that is told already */
            tell_what_stayed(&service);
        records_forget(name);
    }
    return error;
}
