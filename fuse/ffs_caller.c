#include "fuse/ffs_caller.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool mask_has_kill(const char *status, const char *key)
{
    const char *found = strstr(status, key);
    if (!found)
        return false;
    return strtoull(found + strlen(key), NULL, 16) & 1ull << (SIGKILL - 1);
}

bool ffs_caller_status_shows_kill(const char *status)
{
    return mask_has_kill(status, "\nSigPnd:") || mask_has_kill(status, "\nShdPnd:");
}

bool ffs_caller_is_killed(int thread)
{
    char path[64], status[4096];
    if (thread <= 0)
        return false;
    snprintf(path, sizeof path, "/proc/%d/status", thread);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    const ssize_t got = read(fd, status, sizeof status - 1);
    close(fd);
    if (got <= 0)
        return false;
    status[got] = '\0';
    return ffs_caller_status_shows_kill(status);
}
