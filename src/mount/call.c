#include "mount/call.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/values.h"

#define ITEM_BYTES        2048
#define TIMEOUT_MS        60000
#define TIMEOUT_MS_MAX    (365 * 86400000ull)
#define LOCK_MARGIN_MS    60000
#define COMMENT_IN_A_FILE " ;" /* the rest of a line of a configuration file */

int mount_status(int error)
{
    switch (-error) {
    case 0:
        return MOUNT_DONE;
    case EINVAL:
    case EPERM:
    case EACCES:
        return MOUNT_USAGE;
    case ENOMEM:
    case EAGAIN:
    case EMFILE:
    case ENFILE:
    case ENOSPC:
        return MOUNT_SYSTEM;
    case EINTR:
        return MOUNT_INTERRUPTED;
    case EDEADLK:
        return MOUNT_RECORDS;
    default:
        return MOUNT_FAILED;
    }
}

uint64_t mount_call_lock_timeout(const struct mount_call *call)
{
    return call->timeout_ms > 0 ? call->timeout_ms + LOCK_MARGIN_MS : 0;
}

/* --- options --- */

/* For mount(8) itself, or for who may mount: known and done with when a helper sees them. */
static bool is_of_mount(const char *key)
{
    static const char *const keys[] = {"defaults", "auto",    "noauto",  "nofail",  "user",
                                       "nouser",   "users",   "nousers", "owner",   "noowner",
                                       "group",    "nogroup", "comment", "uhelper", "helper"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (strcmp(keys[i], key) == 0)
            return true;
    }
    return strncasecmp(key, "x-", 2) == 0;
}

/* Keys of the daemon that are no options of a mount: what they say, the mount says by itself.
 * (device= is also an option of btrfs.) */
static bool is_of_daemon(const char *key)
{
    return option_find(key) && strcmp(key, "device") != 0 && strcmp(key, "url") != 0;
}

static int append(char *text, size_t text_bytes, const char *separator, const char *what,
                  struct fault *fault)
{
    size_t used = strlen(text);
    int bytes = snprintf(text + used, text_bytes - used, "%s%s", used > 0 ? separator : "", what);
    if (used + (size_t)bytes < text_bytes)
        return 0;
    return fault_set(fault, -EINVAL, "the options are longer than %zu bytes", text_bytes - 1);
}

static int take_key(struct mount_call *call, const char *key, const char *value,
                    struct fault *fault)
{
    char line[ITEM_BYTES + 8];
    if (strcmp(key, "run_dir") == 0)
        return fault_set(fault, -EINVAL, "run_dir: has to be where umount looks for it; leave it");
    if (value && (strstr(value, COMMENT_IN_A_FILE) || *value == ' ' ||
                  (*value && value[strlen(value) - 1] == ' ')))
        return fault_set(fault, -EINVAL, "%s: the value has blanks at its ends or before a ';'",
                         key);
    if (option_find(key)->type != OPTION_LIST && options_was_given(&call->options, key))
        return fault_set(fault, -EINVAL, "%s: given a second time", key);
    int error = options_set(&call->options, key, value, fault);
    if (error)
        return error;
    snprintf(line, sizeof line, "%s = %s", key, value ? value : "yes");
    return append(call->keys, sizeof call->keys, "\n", line, fault);
}

static int take_part(struct mount_call *call, const char *value, struct fault *fault)
{
    char *end;
    unsigned long part = value && isdigit((unsigned char)*value) ? strtoul(value, &end, 10) : 0;
    if (part < 1 || part > MOUNT_PARTS || *end != '\0')
        return fault_set(fault, -EINVAL, "part: the number of a partition is wanted, 1 to %u",
                         MOUNT_PARTS);
    call->part = (unsigned)part;
    return 0;
}

static int take_type(struct mount_call *call, const char *value, struct fault *fault)
{
    if (!value || *value == '\0' || strlen(value) >= sizeof call->type)
        return fault_set(fault, -EINVAL, "fstype: the type of the file system is missing");
    for (const char *c = value; *c; c++) {
        if (!isalnum((unsigned char)*c) && !strchr("._-", *c))
            return fault_set(fault, -EINVAL, "fstype: '%.64s' is no type of a file system", value);
    }
    if (strcmp(value, "holdfast") == 0 || strcmp(value, "fuse.holdfast") == 0)
        return fault_set(fault, -EINVAL,
                         "fstype: what lies on the LUN is meant; ext4, xfs ..., or leave it out");
    strcpy(call->type, value);
    return 0;
}

static int take_via(struct mount_call *call, const char *value, struct fault *fault)
{
    static const char *const words[] = {
        [VIA_AUTO] = "auto", [VIA_NBD] = "nbd", [VIA_LOOP] = "loop"};
    for (unsigned i = 0; value && i < sizeof words / sizeof *words; i++) {
        if (strcmp(words[i], value) == 0) {
            call->via = (enum mount_via)i;
            return 0;
        }
    }
    return fault_set(fault, -EINVAL, "via: write auto, nbd or loop");
}

static int take_timeout(struct mount_call *call, const char *value, struct fault *fault)
{
    int error = value ? value_duration(value, &call->timeout_ms, fault)
                      : fault_set(fault, -EINVAL, "the time is missing");
    if (!error && call->timeout_ms > TIMEOUT_MS_MAX)
        error = fault_set(fault, -EINVAL, "more than a year; 0 waits for ever");
    return error ? fault_prefix(fault, error, "mount_timeout") : 0;
}

/* `item` is as it was written, for the file system to see. */
static int take_option(struct mount_call *call, const char *key, const char *value,
                       const char *item, struct fault *fault)
{
    if (strcmp(key, "part") == 0)
        return take_part(call, value, fault);
    if (strcmp(key, "fstype") == 0)
        return take_type(call, value, fault);
    if (strcmp(key, "via") == 0)
        return take_via(call, value, fault);
    if (strcmp(key, "mount_timeout") == 0)
        return take_timeout(call, value, fault);
    if (is_of_mount(key))
        return 0;
    if (is_of_daemon(key))
        return take_key(call, key, value, fault);
    if (strcmp(key, "remount") == 0)
        call->remount = true;
    if (strcmp(key, "ro") == 0 || strcmp(key, "rw") == 0)
        call->read_only = key[1] == 'o';
    return append(call->file_system, sizeof call->file_system, ",", item, fault);
}

/* Up to the next comma that is not between quotes (libmount's rule). NULL: a quote is not closed.
 */
static const char *end_of_item(const char *text)
{
    bool quoted = false;
    for (; *text && (quoted || *text != ','); text++) {
        if (*text == '"')
            quoted = !quoted;
    }
    return quoted ? NULL : text;
}

static int take_item(struct mount_call *call, const char *text, size_t bytes, struct fault *fault)
{
    char item[ITEM_BYTES], key[ITEM_BYTES];
    if (bytes >= sizeof item)
        return fault_set(fault, -EINVAL, "the option '%.32s...' is too long", text);
    memcpy(item, text, bytes);
    item[bytes] = '\0';
    memcpy(key, item, bytes + 1);
    char *value = strchr(key, '=');
    if (value)
        *value++ = '\0';
    size_t value_bytes = value ? strlen(value) : 0;
    if (value_bytes >= 2 && value[0] == '"' && value[value_bytes - 1] == '"') {
        value[value_bytes - 1] = '\0';
        value++;
    }
    return take_option(call, key, value, item, fault);
}

int mount_call_take_options(struct mount_call *call, const char *list, struct fault *fault)
{
    for (const char *text = list; *text;) {
        const char *end = end_of_item(text);
        if (!end)
            return fault_set(fault, -EINVAL, "a quote is not closed in the options: %.64s", text);
        int error = end > text ? take_item(call, text, (size_t)(end - text), fault) : 0;
        if (error)
            return error;
        text = *end == ',' ? end + 1 : end;
    }
    return 0;
}

/* --- words --- */

/* "-t holdfast.ext4" is another way to say fstype=ext4. */
static int take_subtype(struct mount_call *call, const char *type, struct fault *fault)
{
    const char *dot = strrchr(type, '.');
    bool names_us = !dot || strcmp(dot, ".holdfast") == 0;
    return names_us || *call->type ? 0 : take_type(call, dot + 1, fault);
}

static int take_mount_word(struct mount_call *call, int option, const char *value,
                           struct fault *fault)
{
    switch (option) {
    case 's':
        call->sloppy = true;
        return 0;
    case 'f':
        call->fake = true;
        return 0;
    case 'n':
        call->no_mtab = true;
        return 0;
    case 'v':
        call->verbose = true;
        return 0;
    case 'r':
        return mount_call_take_options(call, "ro", fault);
    case 'w':
        return mount_call_take_options(call, "rw", fault);
    case 'N':
        call->namespace = value;
        return 0;
    case 'o':
        return mount_call_take_options(call, value, fault);
    default: /* t */
        return take_subtype(call, value, fault);
    }
}

static void take_umount_word(struct mount_call *call, int option, const char *value)
{
    switch (option) {
    case 'n':
        call->no_mtab = true;
        break;
    case 'l':
        call->lazy = true;
        break;
    case 'f':
        call->force = true;
        break;
    case 'v':
        call->verbose = true;
        break;
    case 'r':
        call->fall_back_to_read_only = true;
        break;
    case 'N':
        call->namespace = value;
        break;
    default: /* t: known already */
        break;
    }
}

/* By the name that we were called by: mount.holdfast wants a folder, mount.fuse.holdfast a file. */
static int refuse_words(const char *program, bool mounts, struct fault *fault)
{
    const char *slash = strrchr(program, '/');
    const char *name = slash ? slash + 1 : program;
    const char *place = strstr(name, ".fuse.") ? "FILE" : "DIR";
    return mounts ? fault_set(fault, -EINVAL, "usage: %.64s URL|NAME %s [-sfnv] [-o OPTIONS]", name,
                              place)
                  : fault_set(fault, -EINVAL, "usage: %.64s %s [-nlfvr]", name, place);
}

static void init(struct mount_call *call)
{
    *call = (struct mount_call){.timeout_ms = TIMEOUT_MS};
    options_init(&call->options);
    opterr = 0;
    optind = 0; /* glibc: begin anew, options and operands mix */
}

int mount_call_parse(struct mount_call *ret_call, int count, char **words, struct fault *fault)
{
    int option, error = 0;
    init(ret_call);
    while (!error && (option = getopt(count, words, "sfnvrwN:o:t:")) >= 0)
        error = option == '?' ? refuse_words(words[0], true, fault)
                              : take_mount_word(ret_call, option, optarg, fault);
    if (error)
        return error;
    if (count - optind != 2)
        return refuse_words(words[0], true, fault);
    ret_call->source = words[optind];
    ret_call->directory = words[optind + 1];
    return 0;
}

int umount_call_parse(struct mount_call *ret_call, int count, char **words, struct fault *fault)
{
    int option;
    init(ret_call);
    while ((option = getopt(count, words, "nlfvrN:t:")) >= 0) {
        if (option == '?')
            return refuse_words(words[0], false, fault);
        take_umount_word(ret_call, option, optarg);
    }
    if (count - optind != 1)
        return refuse_words(words[0], false, fault);
    ret_call->directory = words[optind];
    return 0;
}
