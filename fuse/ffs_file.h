/*
 * The life of the calls for the file: room, waiting for the geometry and for memory, the volume,
 * the answer. Pure: no libfuse, no I/O, no clock, no malloc() after ffs_file_new().
 *
 * Each call is answered exactly once, through ffs_file_events.answer. One thread only.
 */
#ifndef FUSE_FFS_FILE_H
#define FUSE_FFS_FILE_H

#include <stdbool.h>

#include "fuse/ffs_call.h"
#include "volume/volume.h"

struct ffs_file;

struct ffs_file_events {
    /* Send call's error and result. May come from inside ffs_file_submit(), ffs_file_interrupt(),
     * ffs_file_send_answers() and ffs_file_close(); afterwards the adapter must not touch the call
     * any more. */
    void (*answer)(struct ffs_call *call);
    /* ffs_file_send_answers() is due at the end of this turn of the loop. */
    void (*answers_wait)(void *owner);
    /* There is room again, after ffs_file_has_room() said no. Nothing may be submitted from
     * inside: the memory of others is being given back further up the stack. */
    void (*room)(void *owner);
    /* The size changed. */
    void (*resized)(void *owner);
    /* Is the thread that asked being killed? Anything but a fatal signal must not turn a wait
     * into an EINTR: programs do not expect that of a disk. */
    bool (*is_killed)(const struct ffs_call *call);
};

struct ffs_file_status {
    unsigned parked;    /* waiting for the geometry */
    unsigned hungry;    /* waiting for memory */
    unsigned in_volume; /* requests that the volume holds, answered to the kernel or not */
};

/* call_count: how many calls may be under way; more are left with the kernel (has_room). Returns
 * NULL when memory is short. */
struct ffs_file *ffs_file_new(struct volume *volume, unsigned call_count,
                              const struct ffs_file_events *events, void *owner);

/* NULL-safe. Closed, and the volume holds nothing of it any more (or is gone). */
void ffs_file_free(struct ffs_file *file);

/*
 * May the adapter read the next request from the kernel? Not while a WRITE still needs the receive
 * buffer that its payload lies in, while calls wait for memory, or when all calls are in use.
 * After a "no", events->room comes.
 */
bool ffs_file_has_room(struct ffs_file *file);

/* A call to fill in and submit; there is one after ffs_file_has_room() said yes. All fields of the
 * question are zero. */
struct ffs_call *ffs_file_take(struct ffs_file *file);

void ffs_file_submit(struct ffs_call *call);

/* Sends what the volume answered since the last time, one right after the other: each answer may
 * wake up who waits for it, and who is awake still when the next one comes costs nothing. */
void ffs_file_send_answers(struct ffs_file *file);

/* A signal came for the caller. Answers with EINTR if that is a safe answer and the caller is
 * being killed; otherwise remembered for ffs_file_recheck(). */
void ffs_file_interrupt(struct ffs_call *call);

/* Looks again at the interrupted calls (the kernel tells of the first signal only). Returns whether
 * any is left to look at again later. */
bool ffs_file_recheck(struct ffs_file *file);

/* The mount is gone: answers all calls, with -ENOTCONN where the volume has not answered yet,
 * whatever becomes of them there, and leaves the volume's watchers. Nothing may be submitted
 * afterwards. */
void ffs_file_close(struct ffs_file *file);

/* The owner given to ffs_file_new(). */
void *ffs_file_owner(const struct ffs_file *file);

void ffs_file_status(const struct ffs_file *file, struct ffs_file_status *ret_status);

#endif
