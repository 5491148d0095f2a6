/* A test's own folder: the working directory while it runs, removed afterwards with all in it. */
#ifndef ATTACH_FOLDER_H
#define ATTACH_FOLDER_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static inline int folder_make(void **state)
{
    char *path = strdup("/tmp/holdfast-attach-XXXXXX");
    *state = path;
    return path && mkdtemp(path) && chdir(path) == 0 ? 0 : -1;
}

static inline int folder_visit(const char *path, const struct stat *status, int kind,
                               struct FTW *place)
{
    return remove(path);
}

static inline int folder_remove(void **state)
{
    int result = chdir("/");
    result |= nftw(*state, folder_visit, 16, FTW_DEPTH | FTW_PHYS);
    free(*state);
    return result;
}

static inline void folder_write(const char *name, const char *text)
{
    FILE *file = fopen(name, "w");
    if (!file || fputs(text, file) < 0 || fclose(file) != 0)
        abort();
}

#endif
