/* What is said about the journal: none, in memory, or at a path. */
#include <errno.h>
#include <string.h>

#include "daemon/options.h"

#define MIB                1024ull * 1024
#define FILE_BYTES_DEFAULT (1024 * MIB)
#define MEMORY_DEFAULT     (64 * MIB)
#define FILE_CACHE         (64 * MIB)
#define MEMORY_CACHE       (16 * MIB) /* reading that ring back is copying */

int options_check_journal(const char *text, struct fault *fault)
{
    if (strcmp(text, "none") == 0 || strcmp(text, "memory") == 0 || text[0] == '/')
        return 0;
    return fault_set(fault, -EINVAL,
                     "'%.128s' is neither none nor memory nor the absolute path of a file or "
                     "block device",
                     text);
}

enum journal_kind options_journal_kind(const struct options *options)
{
    if (strcmp(options->journal, "none") == 0)
        return JOURNAL_NONE;
    return strcmp(options->journal, "memory") == 0 ? JOURNAL_MEMORY : JOURNAL_PATH;
}

int options_journal_path(const struct options *options, char *ret_path, size_t path_bytes)
{
    bool own = options_journal_kind(options) == JOURNAL_MEMORY;
    int bytes = snprintf(ret_path, path_bytes, "%s%s", own ? options->run_dir : options->journal,
                         own ? "/" JOURNAL_FILE : "");
    return bytes < (int)path_bytes ? 0 : -ENAMETOOLONG;
}

/* A path below another one, or the same. */
static bool is_at(const char *path, const char *place)
{
    size_t bytes = strlen(place);
    return strncmp(path, place, bytes) == 0 && (path[bytes] == '\0' || path[bytes] == '/');
}

static int check_place(const struct options *options, struct fault *fault)
{
    for (unsigned i = 0; i < options->fuse.count; i++) {
        if (is_at(options->journal, options->fuse.items[i]))
            return fault_set(fault, -EINVAL,
                             "journal: %.200s is the very disk that it is to protect; use a file "
                             "or partition of another disk",
                             options->journal);
    }
    return 0;
}

static int check_keys_without_journal(const struct options *options, struct fault *fault)
{
    static const char *const keys[] = {"journal_size", "journal_cache",      "journal_engine",
                                       "destage",      "on_journal_failure", "replay"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (options_was_given(options, keys[i]))
            return fault_set(fault, -EINVAL,
                             "%s: there is no journal; give journal=memory or journal=PATH too",
                             keys[i]);
    }
    return 0;
}

int options_complete_journal(struct options *options, struct fault *fault)
{
    enum journal_kind kind = options_journal_kind(options);
    if (kind == JOURNAL_NONE)
        return check_keys_without_journal(options, fault);
    if (options->read_only)
        return fault_set(fault, -EINVAL,
                         "journal: read_only writes nothing, so there is nothing to keep; leave "
                         "one of the two away");
    if (!options_was_given(options, "journal_cache"))
        options->journal_cache = kind == JOURNAL_MEMORY ? MEMORY_CACHE : FILE_CACHE;
    if (!options_was_given(options, "journal_size"))
        options->journal_size = kind == JOURNAL_MEMORY ? MEMORY_DEFAULT : FILE_BYTES_DEFAULT;
    return kind == JOURNAL_PATH ? check_place(options, fault) : 0;
}
