/*
 * What a daemon needs that may have root's disk behind it: its memory never paged out (paging it
 * in again may need the very disk it serves), its allocations never waiting for writes that go
 * through itself, and no OOM killer. Each part may be refused (rights, limits, old kernels); then
 * the others are still done, and the daemon reports it and goes on.
 */
#ifndef OS_MEMORY_LOCK_H
#define OS_MEMORY_LOCK_H

#include <stddef.h>

/* 0 done, else -errno. */
struct memory_lock_result {
    int locked;        /* mlockall(): needs CAP_IPC_LOCK or LimitMEMLOCK=infinity */
    int io_flusher;    /* PR_SET_IO_FLUSHER, Linux 5.6: needs CAP_SYS_RESOURCE */
    int oom_protected; /* oom_score_adj -1000: needs CAP_SYS_RESOURCE */
};

enum memory_lock_extent {
    MEMORY_LOCK_TOUCHED, /* pages stay once they were used (MCL_ONFAULT) */
    MEMORY_LOCK_ALL,     /* every page is there from now on: none has to be found later */
};

/*
 * To be called when all big allocations are done, before the first request is served; and again,
 * with MEMORY_LOCK_ALL, when more depends on the daemon than before.
 */
void memory_lock(enum memory_lock_extent extent, struct memory_lock_result *ret_result);

/*
 * One line that says what was refused and what to do about it, for the log; the return value is
 * its length, 0 when all was done.
 */
size_t memory_lock_complaint(const struct memory_lock_result *result, char *ret_text, size_t size);

#endif
