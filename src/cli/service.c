/*
 * Good day: the daemon is started, by systemctl(1) (which returns when READY=1 was said) or as a
 * child that leaves our session, and then answers on its control socket.
 *
 * What can go wrong: it ends before it is ready (its last line says why, and is ours to tell), or
 * it is not ready in time. A second starter is no fault: whoever loses the race for the lock of
 * the run directory finds the winner's daemon ready.
 */
#include "cli/service.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/background.h"
#include "cli/client.h"
#include "cli/keys.h"
#include "cli/program.h"
#include "daemon/human.h"
#include "daemon/log_file.h"
#include "daemon/run_dir.h"
#include "os/clock.h"

#define SYSTEMD_RUNS     "/run/systemd/system" /* sd_booted(3) */
#define UNIT             "holdfast@%s.service"
#define LOOK_MS          50
#define ANSWER_MS        5000
#define LAST_WORDS_BYTES 1024

static bool systemd_runs(void)
{
    struct stat status;
    return lstat(SYSTEMD_RUNS, &status) == 0 && S_ISDIR(status.st_mode);
}

int service_find(const char *name, struct service *ret_service, struct fault *fault)
{
    struct options options;
    int error = keys_from_name(name, &options, fault);
    if (error)
        return error;
    snprintf(ret_service->name, sizeof ret_service->name, "%s", name);
    ret_service->stop_timeout_ms = options.stop_timeout;
    ret_service->started_s = 0;
    if (*options.run_dir)
        snprintf(ret_service->run_dir, sizeof ret_service->run_dir, "%s", options.run_dir);
    else
        snprintf(ret_service->run_dir, sizeof ret_service->run_dir, RUN_DIR_BASE "/%.*s",
                 (int)sizeof options.name, options.name);
    return 0;
}

bool service_is_running(const struct service *service)
{
    return run_dir_holder(service->run_dir) > 0;
}

int service_ask(const struct service *service, const char *verb, uint64_t timeout_ms,
                struct json_object **ret_answer, struct fault *fault)
{
    return client_ask(service->run_dir, service->name, verb, timeout_ms, ret_answer, fault);
}

/* The socket is there before the front ends are, but nobody answers on it until all is set up. */
static bool answers(const struct service *service)
{
    struct fault ignored;
    struct json_object *answer;
    if (service_ask(service, "version", ANSWER_MS, &answer, &ignored) != 0)
        return false;
    json_object_put(answer);
    return true;
}

/* --- its log --- */

static void log_path(const struct service *service, char *ret_path, size_t path_bytes)
{
    snprintf(ret_path, path_bytes, RUN_DIR_BASE "/%s.log", service->name);
}

void service_log_place(const struct service *service, char *ret_text, size_t text_bytes)
{
    if (systemd_runs())
        snprintf(ret_text, text_bytes, "journalctl -u " UNIT, service->name);
    else
        log_path(service, ret_text, text_bytes);
}

/* systemd's own lines about the unit come after the daemon's: they are not asked for. What the
 * daemon has just written may not be in the journal yet: it is synchronised first. (With --since
 * and without -r, -n1 would be the first line, not the last.) */
static void last_of_journal(const struct service *service, char *ret_text, size_t text_bytes)
{
    char unit[OPTION_TEXT_BYTES + 32], since[32];
    int status;
    snprintf(unit, sizeof unit, UNIT, service->name);
    snprintf(since, sizeof since, "--since=@%" PRId64, service->started_s);
    const char *const sync[] = {"journalctl", "--sync", NULL};
    const char *const words[] = {"journalctl", "--no-pager", "-q", "-rn1",
                                 "-ocat",      "-u",         unit, "--identifier=holdfast",
                                 since,        NULL};
    (void)program_read(sync, ret_text, text_bytes, &status);
    if (program_read(words, ret_text, text_bytes, &status) != 0)
        ret_text[0] = '\0';
}

void service_last_words(const struct service *service, char *ret_line, size_t line_bytes)
{
    char path[OPTION_PATH_BYTES], words[LAST_WORDS_BYTES];
    const char *line = words;
    if (systemd_runs()) {
        last_of_journal(service, words, sizeof words);
    } else {
        log_path(service, path, sizeof path);
        log_file_last_line(path, words, sizeof words);
    }
    size_t name_bytes = strlen(service->name);
    if (strncmp(line, service->name, name_bytes) == 0 && line[name_bytes] == ':')
        line += name_bytes + 1 + (line[name_bytes + 1] == ' ');
    snprintf(ret_line, line_bytes, "%s", line);
}

static int did_not_start(const struct service *service, int error, const char *what,
                         struct fault *fault)
{
    char words[384], place[OPTION_PATH_BYTES];
    service_last_words(service, words, sizeof words);
    if (*words)
        return fault_set(fault, error, "%s", words);
    service_log_place(service, place, sizeof place);
    return fault_set(fault, error, "the daemon %s %s; see %s", service->name, what, place);
}

/* --- starting --- */

static int spawn_daemon(const struct service *service, pid_t *ret_pid, struct fault *fault)
{
    char path[OPTION_PATH_BYTES];
    log_path(service, path, sizeof path);
    if (mkdir(RUN_DIR_BASE, 0755) < 0 && errno != EEXIST)
        return fault_set(fault, -errno, "%s: %s", RUN_DIR_BASE, strerror(errno));
    const struct background daemon = {"holdfast", service->name, "/", path};
    return background_start(&daemon, ret_pid, fault);
}

/* Another starter's daemon is as good as ours: then our child ended, refused by the lock. */
static int wait_until_ready(const struct service *service, pid_t pid, uint64_t timeout_ms,
                            struct fault *fault)
{
    bool ended = false;
    for (uint64_t until = clock_ms() + timeout_ms; clock_ms() < until; clock_pause_ms(LOOK_MS)) {
        ended = ended || waitpid(pid, NULL, WNOHANG) == pid;
        if (answers(service))
            return 0;
        if (ended && !service_is_running(service))
            return did_not_start(service, -EIO, "ended before it was ready", fault);
    }
    return did_not_start(service, -ETIMEDOUT, "is not ready", fault);
}

static int start_process(const struct service *service, uint64_t timeout_ms, bool *ret_started,
                         struct fault *fault)
{
    pid_t pid;
    int error = spawn_daemon(service, &pid, fault);
    if (error)
        return error;
    *ret_started = true;
    return wait_until_ready(service, pid, timeout_ms, fault);
}

static int start_unit(const struct service *service, bool *ret_started, struct fault *fault)
{
    char unit[OPTION_TEXT_BYTES + 32], output[64];
    int status = 0;
    snprintf(unit, sizeof unit, UNIT, service->name);
    const char *const words[] = {"systemctl", "start", unit, NULL};
    int error = program_read(words, output, sizeof output, &status);
    if (error)
        return fault_set(fault, error, "systemctl cannot be run: %s", strerror(-error));
    *ret_started = true;
    if (status != 0)
        return did_not_start(service, -EIO, "does not start", fault);
    if (!answers(service))
        return did_not_start(service, -EIO, "started and ended again", fault);
    return 0;
}

/* Somebody else is starting it, or it is stopping: one of the two will be seen. */
static int await_other(const struct service *service, uint64_t timeout_ms)
{
    for (uint64_t until = clock_ms() + timeout_ms; service_is_running(service);
         clock_pause_ms(LOOK_MS)) {
        if (answers(service))
            return 0;
        if (clock_ms() >= until)
            return -ETIMEDOUT;
    }
    return -ESRCH;
}

int service_start(struct service *service, uint64_t timeout_ms, bool *ret_started,
                  struct fault *fault)
{
    *ret_started = false;
    int error = await_other(service, timeout_ms);
    if (error == -ETIMEDOUT)
        return fault_set(fault, error, "the daemon %s runs and does not answer; look at its log",
                         service->name);
    if (!error)
        return 0;
    service->started_s = time(NULL);
    return systemd_runs() ? start_unit(service, ret_started, fault)
                          : start_process(service, timeout_ms, ret_started, fault);
}

/* --- stopping --- */

void service_settle(const char *name)
{
    char unit[OPTION_TEXT_BYTES + 32], output[64];
    int status;
    snprintf(unit, sizeof unit, UNIT, name);
    const char *const words[] = {"systemctl", "stop", "--no-block", unit, NULL};
    if (systemd_runs())
        (void)program_read(words, output, sizeof output, &status);
}

int service_stop(const struct service *service, uint64_t timeout_ms, struct fault *fault)
{
    struct json_object *answer;
    char time[HUMAN_BYTES], place[OPTION_PATH_BYTES];
    int error = service_ask(service, "stop", ANSWER_MS, &answer, fault);
    if (!error)
        json_object_put(answer);
    /* Not there, or gone before it could answer: the lock tells whether it has ended. */
    if (error && error != -ENOENT && error != -EPIPE && error != -ECONNRESET)
        return error;
    error = client_wait_until_gone(service->run_dir, timeout_ms);
    service_settle(service->name);
    if (!error)
        return 0;
    service_log_place(service, place, sizeof place);
    return fault_set(fault, error, "the daemon %s still runs after %s; see %s", service->name,
                     human_time(timeout_ms, time), place);
}
