/*
 * Good day: the daemon is started in a session of its own, logs in, attaches its disk to the
 * kernel, and the node appears. While the target is away this is waited for, with a word every few
 * seconds; the daemon goes on trying when we give up, and is found again by the next call.
 *
 * A daemon that ends says why in its last line, which is then ours. systemd is not asked to start
 * it, also where an initramfs runs systemd: the units of an initramfs end with it.
 */
#include <dirent.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "boot/boot_search.h"
#include "cli/answer.h"
#include "cli/background.h"
#include "cli/boot.h"
#include "cli/client.h"
#include "daemon/human.h"
#include "daemon/log_file.h"
#include "daemon/run_dir.h"
#include "os/clock.h"

#define LOOK_MS     200
#define PROGRESS_MS 5000
#define ANSWER_MS   1000
#define STOP_MS     20000 /* above the default of stop_timeout */

/* The kernel keeps "holdfast:NAME:IDENTITY" with a device of ours. */
static bool is_of(const char *backend, const char *name)
{
    static const char ours[] = "holdfast:";
    size_t bytes = strlen(name);
    if (strncmp(backend, ours, strlen(ours)) != 0)
        return false;
    backend += strlen(ours);
    return strncmp(backend, name, bytes) == 0 && (backend[bytes] == ':' || backend[bytes] == '\0');
}

static bool is_ready(const char *sys_block, const char *device, const char *name)
{
    char path[BOOT_PATH_BYTES], text[512];
    snprintf(path, sizeof path, "%s/%s/backend", sys_block, device);
    if (boot_read_text(path, text, sizeof text) != 0 || !is_of(text, name))
        return false;
    snprintf(path, sizeof path, "%s/%s/size", sys_block, device);
    return boot_read_text(path, text, sizeof text) == 0 && strtoull(text, NULL, 10) > 0;
}

int boot_find_node(const char *sys_block, const char *name, char *ret_node, size_t node_bytes)
{
    int error = -ENOENT;
    DIR *directory = opendir(sys_block);
    if (!directory)
        return -errno;
    for (struct dirent *entry; error && (entry = readdir(directory));) {
        if (strncmp(entry->d_name, "nbd", 3) != 0 || !is_ready(sys_block, entry->d_name, name))
            continue;
        snprintf(ret_node, node_bytes, "/dev/%s", entry->d_name);
        error = 0;
    }
    closedir(directory);
    return error;
}

/* '@': systemd leaves who serves the root file system alone, at the start and at the end. And its
 * folder moves along to the real root. */
static int start_daemon(const struct boot_place *place, pid_t *ret_pid, struct fault *fault)
{
    const struct background daemon = {"@holdfast", place->conf, RUN_DIR_BASE, place->log};
    return background_start(&daemon, ret_pid, fault);
}

static int ended(const struct boot_place *place, struct fault *fault)
{
    char line[FAULT_BYTES];
    log_file_last_line(place->log, line, sizeof line);
    return fault_set(fault, -EIO, "%s", *line ? line : "the daemon ended without a word");
}

/* What the daemon waits for, in its words; "" when it does not answer. */
static void ask_state(const struct boot_place *place, char *ret_text, size_t text_bytes)
{
    struct fault ignored;
    struct json_object *answer;
    *ret_text = '\0';
    if (client_ask(place->run_dir, place->name, "status", ANSWER_MS, &answer, &ignored) != 0)
        return;
    struct json_object *session = answer_part(answer, "session");
    const char *state = answer_text(session, "state"), *reason = answer_text(session, "reason");
    if (*state)
        snprintf(ret_text, text_bytes, ": %s%s%s", state, *reason ? ", " : "", reason);
    json_object_put(answer);
}

static void say_progress(const struct boot_place *place, uint64_t waited_ms, uint64_t timeout_ms)
{
    char waited[HUMAN_BYTES], limit[HUMAN_BYTES], state[512];
    ask_state(place, state, sizeof state);
    human_time(waited_ms / 1000 * 1000, waited);
    fprintf(stderr, "holdfast boot: waiting for the disk%s (%s", state, waited);
    if (timeout_ms > 0)
        fprintf(stderr, " of %s", human_time(timeout_ms, limit));
    fputs(")\n", stderr);
}

static int await_node(const struct boot_place *place, pid_t pid, uint64_t timeout_ms,
                      char *ret_node, size_t node_bytes, struct fault *fault)
{
    char limit[HUMAN_BYTES];
    const uint64_t start = clock_ms();
    for (uint64_t said = start;; clock_pause_ms(LOOK_MS)) {
        uint64_t waited = clock_ms() - start;
        if (boot_find_node("/sys/block", place->name, ret_node, node_bytes) == 0 &&
            access(ret_node, F_OK) == 0)
            return 0;
        if (pid > 0 && waitpid(pid, NULL, WNOHANG) == pid)
            return ended(place, fault);
        if (pid == 0 && run_dir_holder(place->run_dir) == 0)
            return ended(place, fault);
        if (timeout_ms > 0 && waited >= timeout_ms)
            return fault_set(fault, -ETIMEDOUT,
                             "no disk after %s; the daemon goes on trying, its log is %s",
                             human_time(timeout_ms, limit), place->log);
        if (clock_ms() - said >= PROGRESS_MS) {
            say_progress(place, waited, timeout_ms);
            said = clock_ms();
        }
    }
}

int boot_await_journal(const char *path, uint64_t timeout_ms, struct fault *fault)
{
    char limit[HUMAN_BYTES];
    const uint64_t start = clock_ms();
    bool said = false;
    while (*path && access(path, F_OK) < 0) {
        uint64_t waited = clock_ms() - start;
        if (waited >= timeout_ms)
            return fault_set(fault, -ENOENT,
                             "the journal %s has not appeared in %s; is its driver in the image?",
                             path, human_time(timeout_ms, limit));
        if (!said && waited >= PROGRESS_MS)
            said = fprintf(stderr, "holdfast boot: waiting for the journal %s\n", path) > 0;
        clock_pause_ms(LOOK_MS);
    }
    return 0;
}

int boot_end_former(const struct boot_place *place, struct fault *fault)
{
    char node[BOOT_PATH_BYTES];
    struct json_object *answer;
    if (run_dir_holder(place->run_dir) <= 0)
        return 0;
    if (boot_find_node("/sys/block", place->name, node, sizeof node) == 0)
        return fault_set(fault, -EBUSY,
                         "%s is there already, from another source than now; if that is the wrong "
                         "disk, unmount it and run: holdfast stop %s",
                         node, place->name);
    int error = client_ask(place->run_dir, place->name, "stop", ANSWER_MS, &answer, fault);
    if (error)
        return error == -ENOENT ? 0 : error;
    json_object_put(answer);
    fprintf(stderr, "holdfast boot: another configuration than before; ending the former daemon\n");
    error = client_wait_until_gone(place->run_dir, STOP_MS);
    return error ? fault_set(fault, error, "the former daemon does not end; run: holdfast stop %s",
                             place->name)
                 : 0;
}

int boot_start(const struct boot_place *place, bool wait, uint64_t timeout_ms, char *ret_node,
               size_t node_bytes, struct fault *fault)
{
    pid_t pid = 0;
    int error = 0;
    *ret_node = '\0';
    if (run_dir_holder(place->run_dir) <= 0)
        error = start_daemon(place, &pid, fault);
    if (error || !wait)
        return error;
    return await_node(place, pid, timeout_ms, ret_node, node_bytes, fault);
}
