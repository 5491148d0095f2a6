/*
 * A kernel block device with our disk behind it, through the death of this daemon and of the ones
 * before it. Pure: it commands the kernel and the server through ports.h, and knows no file, no
 * socket and no log.
 *
 * The device outlives us: the kernel keeps it, and the requests that nobody answered, until a
 * daemon of the same disk comes with a new socket. What is found by its backend identifier is
 * taken up again (RECONFIGURE), else a free device is connected.
 */
#ifndef ATTACH_DEVICE_H
#define ATTACH_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "attach/ports.h"
#include "port/timer.h"

enum att_state {
    ATT_IDLE,       /* not started */
    ATT_WAITING,    /* the disk is not known yet */
    ATT_CONNECTING, /* a new device */
    ATT_RECONNECTING,
    ATT_TUNING,
    ATT_CONNECTED,
    ATT_RESIZING,
    ATT_PAUSING, /* something went wrong: the next attempt comes */
    ATT_RELEASING,
    ATT_LEAVING, /* stopping while somebody uses it: what is under way is answered */
    ATT_OFF,     /* for good */
};

enum att_event {
    ATT_ATTACHED,   /* a new device */
    ATT_REATTACHED, /* one that was there: its requests go on */
    ATT_TROUBLE,    /* status: error, reason; tried again. Told once per reason */
    ATT_UNTUNED,    /* status: reason; works all the same, but is slow to come back */
    ATT_RESIZED,
    ATT_DETACHED,       /* by us; off */
    ATT_DETACH_REFUSED, /* status: error, reason; goes on */
    ATT_TAKEN_AWAY,     /* somebody else disconnected it; off */
    ATT_LEFT,           /* off; the kernel keeps device and requests for the next daemon */
    ATT_STOPPED,        /* after att_stop(): nothing will come any more */
};

struct att_config {
    const char *name; /* the daemon's; outlives the device */
    uint32_t wanted;  /* index, or ATT_ANY */
    struct timer_port *timer;
    struct att_kernel_port *kernel;
    struct att_server_port *server;
    /* May call everything but att_done(). */
    void (*event)(void *owner, enum att_event event);
    void *owner;
};

struct att_device {
    struct att_config config;
    enum att_state state;
    uint32_t index; /* ATT_ANY while none is ours */
    bool disk_known;
    bool was_attached;
    bool reattached; /* the one that is being set up was there before */
    bool lost;       /* the socket ended while a job was under way */
    bool stopping;
    bool stopped;
    unsigned failures; /* in a row */
    unsigned reattachments;
    struct att_disk disk;
    uint64_t kernel_bytes; /* the size that the kernel believes in */
    uint64_t asked_bytes;  /* the size when the job began */
    uint64_t attached_us;
    struct att_job job;
    struct att_job scan_job; /* for partitions: waited for by nobody */
    bool job_runs;
    bool scan_runs;
    struct timer timer; /* PAUSING: the next attempt; CONNECTED: the next resize */
    int error;
    char reason[ATT_REASON_BYTES];
};

void att_init(struct att_device *device, const struct att_config *config);

/* Begins, as soon as the disk is known. */
void att_start(struct att_device *device);

/* The disk is known, or grew (never shrinks: the session sees to that). Only size_bytes is used
 * after the first call. */
void att_set_disk(struct att_device *device, const struct att_disk *disk);

/*
 * Flushes and disconnects; DETACHED or DETACH_REFUSED follows, perhaps from inside; LEFT when the
 * kernel has a device of ours that could not be taken up. Refused at once (returns false, with a
 * reason) while another command is under way. `force`: in use or not; what is unanswered then
 * fails.
 */
bool att_detach(struct att_device *device, bool force);

/* Whoever asked for it does not wait any more; the device goes on, unless it is gone already. */
void att_cancel_detach(struct att_device *device);

/*
 * Stops: disconnects when nobody uses the device, else answers what is under way and leaves it to
 * the next daemon. STOPPED follows, perhaps from inside. att_stop_now() hangs up without answering:
 * requests stay with the kernel, and no error reaches anybody.
 */
void att_stop(struct att_device *device);
void att_stop_now(struct att_device *device);

/* Forgets everything; jobs are cancelled, the server is hung up. */
void att_done(struct att_device *device);

/* "connected", "waiting for the disk" ... */
const char *att_state_name(enum att_state state);

/* "holdfast:NAME:IDENTITY", all but letters, digits and ._+- of the identity
 * made an underscore. */
void att_backend(const char *name, const char *identity, char ret_backend[ATT_BACKEND_BYTES]);

/* The device belongs to the daemon of this name, whatever its disk. */
bool att_backend_is_of(const char *backend, const char *name);

/* "nbd" and "/dev/nbd3" as an index; -EINVAL for anything else. */
int att_parse_device(const char *text, uint32_t *ret_index);

#endif
