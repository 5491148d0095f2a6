#include "mount/mountinfo.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/octal.h"

static char *next_word(char **rest)
{
    char *word = strsep(rest, " ");
    return word && *word ? word : NULL;
}

/* 36 35 98:0 /root /directory options [optional ...] - type source options */
static bool parse_line(char *line, struct mount_entry *ret_entry)
{
    unsigned major, minor;
    char *rest = line;
    next_word(&rest);
    next_word(&rest);
    const char *device = next_word(&rest);
    if (!device || sscanf(device, "%u:%u", &major, &minor) != 2)
        return false;
    next_word(&rest);
    ret_entry->device = makedev(major, minor);
    ret_entry->directory = next_word(&rest);
    const char *word = next_word(&rest);
    while (word && strcmp(word, "-") != 0)
        word = next_word(&rest);
    ret_entry->type = next_word(&rest);
    ret_entry->source = next_word(&rest);
    if (!ret_entry->directory || !ret_entry->type || !ret_entry->source)
        return false;
    octal_unescape(ret_entry->directory);
    octal_unescape(ret_entry->source);
    return true;
}

static int add(struct mountinfo *info, const struct mount_entry *entry)
{
    if ((info->count & (info->count - 1)) == 0) { /* full at each power of two */
        size_t room = info->count ? 2 * info->count : 1;
        struct mount_entry *more = reallocarray(info->entries, room, sizeof *more);
        if (!more)
            return -ENOMEM;
        info->entries = more;
    }
    info->entries[info->count++] = *entry;
    return 0;
}

int mountinfo_parse(FILE *file, struct mountinfo *ret_info)
{
    struct mountinfo info = {0};
    size_t bytes = 0;
    int error = 0;
    /* Up to a zero byte, of which there is none: the whole file. */
    ssize_t got = getdelim(&info.text, &bytes, '\0', file);
    if (got < 0)
        error = feof(file) ? 0 : -EIO;
    char *rest = got > 0 ? info.text : NULL;
    for (char *line; !error && (line = strsep(&rest, "\n"));) {
        struct mount_entry entry;
        if (parse_line(line, &entry))
            error = add(&info, &entry);
    }
    if (error)
        mountinfo_done(&info);
    else
        *ret_info = info;
    return error;
}

int mountinfo_read(struct mountinfo *ret_info)
{
    FILE *file = fopen("/proc/self/mountinfo", "re");
    if (!file)
        return -errno;
    int error = mountinfo_parse(file, ret_info);
    fclose(file);
    return error;
}

void mountinfo_done(struct mountinfo *info)
{
    free(info->entries);
    free(info->text);
    *info = (struct mountinfo){0};
}

const struct mount_entry *mountinfo_at(const struct mountinfo *info, const char *directory)
{
    for (size_t i = info->count; i > 0; i--) {
        if (strcmp(info->entries[i - 1].directory, directory) == 0)
            return &info->entries[i - 1];
    }
    return NULL;
}
