/* Which journal is meant, and taking hold of it. */
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "cli/answer.h"
#include "cli/client.h"
#include "cli/journal_verb.h"
#include "cli/keys.h"
#include "daemon/run_dir.h"
#include "journal/journal.h"
#include "session/lun.h"

/* A daemon that was just killed holds its journal for a moment yet. */
#define LOCK_WAIT_MS 2000
#define ANSWER_MS    5000

/* Of a daemon that does not run: its configuration says where the journal is. */
static int locate_by_name(const struct arguments *arguments, const char *name,
                          const char *directory, struct journal_source *source, struct fault *fault)
{
    static struct options options;
    int error = keys_from_operand(arguments, name, &options, fault);
    if (error == -ENOENT) { /* a daemon without a file: -o may say it all */
        options_init(&options);
        error = keys_take(arguments, &options, fault);
        if (!error && !options_was_given(&options, "journal"))
            return fault_set(fault, -ENOENT,
                             "no daemon '%s' is running, and there is no file for it in "
                             "/etc/holdfast; give the path of the journal",
                             name);
    }
    if (error)
        return error;
    if (options_journal_kind(&options) == JOURNAL_NONE)
        return fault_set(fault, -EINVAL, "'%s' has no journal", name);
    if (!options_was_given(&options, "run_dir"))
        snprintf(options.run_dir, sizeof options.run_dir, "%s", directory);
    error = options_journal_path(&options, source->path, sizeof source->path);
    return error ? fault_set(fault, error, "the path of the journal is too long") : 0;
}

int journal_source_locate(const struct arguments *arguments, struct journal_source *ret_source,
                          bool *ret_running, struct fault *fault)
{
    const char *operand = arguments->positional[1];
    const bool is_path = strchr(operand, '/');
    char directory[OPTION_PATH_BYTES];
    *ret_source = (struct journal_source){.holder.fd = -1};
    *ret_running = false;
    /* By a path we do not know the daemon: the usual place, or the one that is given. */
    int error =
        client_directory(arguments, is_path ? "any" : operand, directory, sizeof directory, fault);
    if (error)
        return error;
    condemned_places(directory, &ret_source->places);
    if (is_path) {
        int bytes = snprintf(ret_source->path, sizeof ret_source->path, "%s", operand);
        return bytes < (int)sizeof ret_source->path
                   ? 0
                   : fault_set(fault, -ENAMETOOLONG, "the path of the journal is too long");
    }
    *ret_running = run_dir_holder(directory) > 0;
    return *ret_running ? 0 : locate_by_name(arguments, operand, directory, ret_source, fault);
}

/* Asks the daemon that the command names; the connection stays open on success. */
static int ask_daemon(const struct arguments *arguments, const char *verb,
                      struct client *ret_client, struct json_object **ret_answer,
                      struct fault *fault)
{
    const char *name = arguments->positional[1];
    char directory[OPTION_PATH_BYTES];
    int error = client_directory(arguments, name, directory, sizeof directory, fault);
    if (!error)
        error = client_open(ret_client, directory, name, fault);
    if (error)
        return error;
    error = client_call(ret_client, verb, ANSWER_MS, ret_answer, fault);
    if (error)
        client_close(ret_client);
    return error;
}

int journal_of_daemon(const struct arguments *arguments, struct json_object **ret_journal,
                      struct fault *fault)
{
    struct client client;
    struct json_object *status;
    int error = ask_daemon(arguments, "status", &client, &status, fault);
    if (error)
        return error;
    client_close(&client);
    *ret_journal = json_object_get(answer_part(status, "journal"));
    json_object_put(status);
    return 0;
}

int journal_source_locate_live(const struct arguments *arguments, struct journal_source *ret_source,
                               struct fault *fault)
{
    const char *name = arguments->positional[1];
    struct json_object *journal;
    ret_source->live = true;
    int error = journal_of_daemon(arguments, &journal, fault);
    if (error)
        return error;
    snprintf(ret_source->path, sizeof ret_source->path, "%s", answer_text(journal, "path"));
    json_object_put(journal);
    return *ret_source->path ? 0 : fault_set(fault, -EINVAL, "'%s' has no journal", name);
}

static void take_held(struct journal_source *source, struct json_object *answer)
{
    snprintf(source->path, sizeof source->path, "%s", answer_text(answer, "path"));
    source->held = true;
    source->part = (struct jnl_part){
        .tail_offset = answer_number(answer, "tail_offset"),
        .tail_seq = answer_number(answer, "tail_seq"),
        .tail_prev_crc = (uint32_t)answer_number(answer, "tail_prev_crc"),
        .end_seq = answer_number(answer, "end_seq"),
    };
}

int journal_source_hold(const struct arguments *arguments, struct journal_source *ret_source,
                        struct fault *fault)
{
    struct client client;
    struct json_object *answer;
    int error = ask_daemon(arguments, "hold", &client, &answer, fault);
    if (error)
        return error;
    *ret_source = (struct journal_source){.live = true, .holder = client};
    take_held(ret_source, answer);
    json_object_put(answer);
    return 0;
}

static int refuse(const struct journal_source *source, enum jnl_open_error error,
                  struct fault *fault)
{
    const char *path = source->path;
    switch (error) {
    case JNL_OPEN_NO_JOURNAL:
        return fault_set(fault, -EINVAL, "%.300s holds no journal", path);
    case JNL_OPEN_NEWER:
        return fault_set(fault, -EINVAL,
                         "journal %.300s was written by a newer version of holdfast; use that one",
                         path);
    case JNL_OPEN_CORRUPT:
        return fault_set(fault, -EINVAL,
                         "journal %.200s: no copy of its superblock makes sense: they are damaged, "
                         "or the device is smaller than it was; no daemon starts on it. "
                         "holdfast-journal(7) says what may be lost; to use it again, %s",
                         path,
                         source->device && jdev_get_facts(source->device)->block_device
                             ? "zero its first and last 64 KiB (blkdiscard -z)"
                             : "remove the file");
    default:
        return fault_set(fault, -EIO, "journal %.300s cannot be read", path);
    }
}

int journal_source_open(struct journal_source *source, bool read_only, struct fault *fault)
{
    const struct jdev_config config = {
        .path = source->path,
        .flags = (read_only ? JDEV_READ_ONLY : 0) | (source->live ? JDEV_LIVE : 0),
        .lock_wait_ms = LOCK_WAIT_MS,
    };
    char why[JDEV_WHY_BYTES];
    int error = jdev_open(&config, NULL, why, sizeof why, &source->device);
    if (error) {
        journal_source_close(source);
        return fault_set(fault, error, "%s%s", why,
                         error == -EBUSY && read_only ? ", or give the NAME of its daemon" : "");
    }
    source->memory = aligned_alloc(JNL_BLOCK, JNL_RECORD_BYTES_MAX);
    enum jnl_open_error found = jnl_peek(source->device, &source->superblock);
    if (!source->memory)
        error = fault_set(fault, -ENOMEM, "out of memory");
    else if (found)
        error = refuse(source, found, fault);
    if (error)
        journal_source_close(source);
    else if (condemned_is_noted(&source->places, source->superblock.uuid))
        source->superblock.state |= JNL_STATE_FAILED; /* as it would say itself, could it */
    return error;
}

void journal_source_close(struct journal_source *source)
{
    free(source->memory);
    jdev_close(source->device);
    if (source->held)
        client_close(&source->holder);
    source->held = false;
    source->memory = NULL;
    source->device = NULL;
}

void journal_lun_name(const struct jnl_binding *binding, char *ret_text, size_t text_bytes)
{
    struct lun_identity identity = {
        .designator_type = (uint8_t)binding->designator_type,
        .designator_bytes = (uint8_t)binding->designator_bytes,
    };
    memcpy(identity.designator, binding->designator, sizeof binding->designator);
    snprintf(identity.serial, sizeof identity.serial, "%s", binding->serial);
    lun_name(&identity, ret_text, text_bytes);
}
