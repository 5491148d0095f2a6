/*
 * What mount(8) and umount(8) tell their helpers (mount(8), EXTERNAL HELPERS):
 *
 *   mount.holdfast SOURCE DIR [-sfnv] [-N NAMESPACE] [-o OPTIONS] [-t TYPE.SUBTYPE]
 *   umount.holdfast DIR [-nlfvr] [-N NAMESPACE] [-t TYPE.SUBTYPE]
 *
 * The options are three kinds in one list: those of mount(8) for itself, which reach us all the
 * same and mean nothing here; those of holdfast; and those of the file system on the LUN.
 */
#ifndef MOUNT_CALL_H
#define MOUNT_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/options.h"

/* Exit statuses of mount(8). */
enum {
    MOUNT_DONE = 0,
    MOUNT_USAGE = 1,       /* wrong words, or not permitted */
    MOUNT_SYSTEM = 2,      /* no memory, no process, no loop device */
    MOUNT_BUG = 4,         /* ours */
    MOUNT_INTERRUPTED = 8, /* by the user */
    MOUNT_RECORDS = 16,    /* of what is mounted cannot be written or locked */
    MOUNT_FAILED = 32,
};

/* The status for a -errno. */
int mount_status(int error);

#define MOUNT_OPTIONS_BYTES 4096 /* what mount(2) takes: a page */
#define MOUNT_TYPE_BYTES    64
#define MOUNT_PARTS         128u

enum mount_via { VIA_AUTO, VIA_NBD, VIA_LOOP };

struct mount_call {
    const char *source;    /* NULL for umount */
    const char *directory; /* or the file, for mount.fuse.holdfast */
    bool fake;             /* -f, mount */
    bool force;            /* -f, umount */
    bool sloppy;
    bool no_mtab;
    bool verbose;
    bool lazy;
    bool fall_back_to_read_only; /* -r, umount */
    const char *namespace;       /* NULL: ours */

    bool remount;
    bool read_only;
    unsigned part;               /* 0: the whole disk */
    char type[MOUNT_TYPE_BYTES]; /* of the file system; "" is found out */
    enum mount_via via;
    uint64_t timeout_ms; /* how long the target is waited for; 0: for ever */

    /* holdfast's keys: set, to be judged, and as the lines of a configuration file. */
    struct options options;
    char keys[MOUNT_OPTIONS_BYTES];
    /* What is left for the file system, for mount -o; "" when nothing. */
    char file_system[MOUNT_OPTIONS_BYTES];
};

/* How long a mount waits for another one of the same LUN, which may wait for the target itself. */
uint64_t mount_call_lock_timeout(const struct mount_call *call);

/* words[0] is our name. -EINVAL with a fault for wrong use. */
int mount_call_parse(struct mount_call *ret_call, int count, char **words, struct fault *fault);
int umount_call_parse(struct mount_call *ret_call, int count, char **words, struct fault *fault);

/* One list of options into a call that was initialised with zeros and options_init(). */
int mount_call_take_options(struct mount_call *call, const char *list, struct fault *fault);

#endif
