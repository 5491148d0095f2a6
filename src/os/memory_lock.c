#include "os/memory_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#ifndef PR_SET_IO_FLUSHER
#define PR_SET_IO_FLUSHER 57
#endif

#define OOM_SCORE_FILE "/proc/self/oom_score_adj"
#define OOM_NEVER      "-1000"

static int lock_pages(enum memory_lock_extent extent)
{
    const int when = extent == MEMORY_LOCK_ALL ? 0 : MCL_ONFAULT;
    /* What malloc() has, it keeps: giving memory back means faulting it in again. */
    mallopt(M_TRIM_THRESHOLD, -1);
    return mlockall(MCL_CURRENT | MCL_FUTURE | when) == 0 ? 0 : -errno;
}

static int set_io_flusher(void)
{
    return prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0) == 0 ? 0 : -errno;
}

static int write_oom_score(void)
{
    int fd = open(OOM_SCORE_FILE, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t bytes = write(fd, OOM_NEVER, strlen(OOM_NEVER));
    int rc = bytes == (ssize_t)strlen(OOM_NEVER) ? 0 : bytes < 0 ? -errno : -EIO;
    close(fd);
    return rc;
}

void memory_lock(enum memory_lock_extent extent, struct memory_lock_result *ret_result)
{
    ret_result->locked = lock_pages(extent);
    ret_result->io_flusher = set_io_flusher();
    ret_result->oom_protected = write_oom_score();
}

static size_t append(char *text, size_t size, size_t at, const char *what, int rc, const char *mend)
{
    if (rc == 0 || at >= size)
        return at;
    int bytes = snprintf(text + at, size - at, "%s%s: %s (%s)", at > 0 ? "; " : "", what,
                         strerror(-rc), mend);
    return bytes < 0 ? at : at + (size_t)bytes;
}

size_t memory_lock_complaint(const struct memory_lock_result *result, char *ret_text, size_t size)
{
    size_t at = 0;
    if (size > 0)
        ret_text[0] = '\0';
    at = append(ret_text, size, at, "memory not locked", result->locked,
                "give LimitMEMLOCK=infinity or CAP_IPC_LOCK");
    at = append(ret_text, size, at, "not marked as an I/O flusher", result->io_flusher,
                "needs Linux 5.6 and CAP_SYS_RESOURCE");
    at = append(ret_text, size, at, "not protected from the OOM killer", result->oom_protected,
                "give OOMScoreAdjust=-1000 or CAP_SYS_RESOURCE");
    return at < size ? at : size > 0 ? size - 1 : 0;
}
