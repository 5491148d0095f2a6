/* A folder for one test, removed with the files in it. */
#ifndef SCRATCH_H
#define SCRATCH_H

#include <assert.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct scratch {
    char folder[128];
};

/* Under `place`, e.g. "/tmp". */
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
