#include "mount/source.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "daemon/config_file.h"
#include "daemon/run_dir.h"

#define PREFIX     "holdfast:"
#define NAME_BYTES 64 /* options_check_name() */

static bool is_in(const char *folder, const char *name)
{
    char path[OPTION_PATH_BYTES];
    snprintf(path, sizeof path, "%s/%s.conf", folder, name);
    return access(path, F_OK) == 0;
}

static int find_name(struct mount_source *source, struct mount_call *call, struct fault *fault)
{
    const char *name = call->source;
    const char *slash = strrchr(name, '/');
    if (strncmp(name, PREFIX, strlen(PREFIX)) == 0)
        name += strlen(PREFIX);
    else if (slash)
        name = slash + 1;
    int error = options_check_name(name, fault);
    if (error)
        return fault_set(fault, error, "'%.128s' is neither an iscsi:// URL nor a configured name",
                         call->source);
    if (!is_in(CONFIG_DIR, name) && !is_in(RUN_DIR_BASE, name))
        return fault_set(fault, -ENOENT,
                         "'%.128s' is no iscsi:// URL, and " CONFIG_DIR "/%s.conf does not exist",
                         call->source, name);
    if (*call->keys && !call->remount)
        return fault_set(fault, -EINVAL, "%.*s: belongs into the file of the configured name %s",
                         (int)strcspn(call->keys, " ="), call->keys, name);
    snprintf(source->name, sizeof source->name, "%s", name);
    return 0;
}

/* FNV-1a of 32 bits: keeps names apart, nothing secret. */
static uint32_t checksum(const struct url_target *url)
{
    char text[URL_TARGET_BYTES + 16];
    uint32_t hash = 0x811c9dc5u;
    snprintf(text, sizeof text, "%s/%" PRIu32, url->target, url->lun);
    for (const char *c = text; *c; c++)
        hash = (hash ^ (unsigned char)*c) * 0x01000193u;
    return hash;
}

static int find_url(struct mount_source *source, struct mount_call *call, struct fault *fault)
{
    struct options *options = &call->options;
    int error = options_set(options, "url", call->source, fault);
    bool named = *options->name;
    if (!error)
        error = options_complete(options, fault);
    if (error)
        return error;
    if (named)
        snprintf(source->name, sizeof source->name, "%s", options->name);
    else
        snprintf(source->name, sizeof source->name, "%.*s-%08" PRIx32, NAME_BYTES - 9,
                 options->name, checksum(&options->url));
    if (is_in(CONFIG_DIR, source->name))
        return fault_set(fault, -EINVAL,
                         "name: " CONFIG_DIR "/%s.conf is another's; mount that by its name",
                         source->name);
    return 0;
}

int mount_source_find(struct mount_source *ret_source, struct mount_call *call, struct fault *fault)
{
    struct mount_source source = {.is_url = url_is_url(call->source)};
    int error = source.is_url ? find_url(&source, call, fault) : find_name(&source, call, fault);
    if (!error)
        *ret_source = source;
    return error;
}

int mount_source_configuration(const struct mount_source *source, const struct mount_call *call,
                               const char *front_end, char *ret_text, size_t text_bytes,
                               struct fault *fault)
{
    bool named = options_was_given(&call->options, "name");
    int bytes = snprintf(ret_text, text_bytes, SOURCE_HEAD_LINE "url = %s\n%s%s%s%s%s%s\n",
                         call->source, named ? "" : "name = ", named ? "" : source->name,
                         named ? "" : "\n", call->keys, *call->keys ? "\n" : "", front_end);
    if (bytes >= (int)text_bytes)
        return fault_set(fault, -EINVAL, "the options are too long");
    return 0;
}
