/* A folder that stands for a machine: files are put into it, and it goes at the end. */
#ifndef TREE_H
#define TREE_H

#include <assert.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct tree {
    char top[64];
};

static inline void tree_make(struct tree *tree)
{
    strcpy(tree->top, "/tmp/holdfast-test-XXXXXX");
    char *made = mkdtemp(tree->top);
    assert(made);
}

/* Writes `bytes` at `offset` of the file `path` (it begins with '/'), with the folders above it. */
static inline void tree_put_at(const struct tree *tree, const char *path, long offset,
                               const void *bytes, size_t count)
{
    char whole[512];
    snprintf(whole, sizeof whole, "%s%s", tree->top, path);
    for (char *slash = strchr(whole + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        int made = mkdir(whole, 0700);
        assert(made == 0 || errno == EEXIST);
        *slash = '/';
    }
    FILE *file = fopen(whole, "wb");
    assert(file);
    assert(fseek(file, offset, SEEK_SET) == 0);
    assert(fwrite(bytes, 1, count, file) == count);
    fclose(file);
}

static inline void tree_put(const struct tree *tree, const char *path, const char *text)
{
    tree_put_at(tree, path, 0, text, strlen(text));
}

static inline int tree_remove_one(const char *path, const struct stat *status, int kind,
                                  struct FTW *place)
{
    return remove(path);
}

static inline void tree_remove(const struct tree *tree)
{
    nftw(tree->top, tree_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

#endif
