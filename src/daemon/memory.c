#include "daemon/memory.h"

#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/log.h"
#include "daemon/options.h"
#include "daemon/story.h"

#define COMPLAINT_BYTES    256
#define TRIM_BYTES         (64 * 1024 * 1024)
#define THREAD_STACK_BYTES (256 * 1024) /* of the resolver and the like */

/* What the log was told last: an attach would say the same of the same memory again. */
static char told[COMPLAINT_BYTES];

void memory_prepare(void)
{
    pthread_attr_t attributes;
    /* Allocations must not wait for the disk that we serve: what malloc() once had is kept. */
    mallopt(M_TRIM_THRESHOLD, TRIM_BYTES);
    mallopt(M_ARENA_MAX, 1);
    /* Stacks are locked as a whole. */
    if (pthread_attr_init(&attributes) == 0) {
        pthread_attr_setstacksize(&attributes, THREAD_STACK_BYTES);
        pthread_setattr_default_np(&attributes);
        pthread_attr_destroy(&attributes);
    }
}

enum memory_lock_extent memory_wanted(const struct options *options)
{
    const bool by_this_machine =
        options->device[0] != '\0' || options->fuse.count > 0 || options->root;
    return by_this_machine || options->lock_memory == LOCK_YES ? MEMORY_LOCK_ALL
                                                               : MEMORY_LOCK_TOUCHED;
}

void memory_keep(const struct options *options, enum memory_lock_extent extent, struct log *log)
{
    struct memory_lock_result result;
    char complaint[COMPLAINT_BYTES];
    const unsigned choice = options->lock_memory;
    if (choice == LOCK_NO || (choice == LOCK_AUTO && geteuid() != 0))
        return;
    memory_lock(extent, &result);
    if (memory_lock_complaint(&result, complaint, sizeof complaint) == 0 || !log ||
        strcmp(complaint, told) == 0)
        return;
    snprintf(told, sizeof told, "%s", complaint);
    log_line(log, choice == LOCK_YES ? STORY_WARNING : STORY_INFO, complaint);
}
