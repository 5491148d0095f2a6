/* A folder for one test, removed with the files in it; and where it can be on a real disk. */
#ifndef SCRATCH_H
#define SCRATCH_H

#include <assert.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "os/journal_place.h"

#define SCRATCH_DISK   "/var/tmp"
#define SCRATCH_MEMORY "/dev/shm"

struct scratch {
    char folder[128];
};

/* In a container, SCRATCH_DISK may be a place where no journal can lie. */
static inline bool scratch_disk_is_fit(void)
{
    struct statfs fs;
    return statfs(SCRATCH_DISK, &fs) == 0 &&
           journal_place_objection((uint32_t)fs.f_type, false) == NULL;
}

/* Under `place`. */
static inline void scratch_make(struct scratch *scratch, const char *place)
{
    snprintf(scratch->folder, sizeof scratch->folder, "%s/holdfast-test-XXXXXX", place);
    char *made = mkdtemp(scratch->folder);
    assert(made);
}

static inline void scratch_path(const struct scratch *scratch, const char *name, char *ret_path,
                                size_t bytes)
{
    snprintf(ret_path, bytes, "%s/%s", scratch->folder, name);
}

static inline void scratch_remove(struct scratch *scratch)
{
    char path[512];
    DIR *folder = opendir(scratch->folder);
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        if (entry->d_name[0] == '.')
            continue;
        scratch_path(scratch, entry->d_name, path, sizeof path);
        unlink(path);
    }
    if (folder)
        closedir(folder);
    rmdir(scratch->folder);
}

#endif
