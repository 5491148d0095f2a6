/*
 * The device under the journal's ring, for real: a file, a block device or partition, or a file on
 * tmpfs, behind the port of port/journal_device.h.
 *
 * Asynchronous operations go through io_uring, or through two worker threads where io_uring is
 * forbidden; on tmpfs the loop carries them out itself. At most JDEV_IN_FLIGHT are on their way at
 * once; more wait in the order of their submission, in the callers' own memory. Operations on their
 * way end in any order.
 */
#ifndef OS_JOURNAL_DEVICE_H
#define OS_JOURNAL_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "os/ev_loop.h"
#include "port/journal_device.h"

#define JDEV_IN_FLIGHT 64u
#define JDEV_BLOCK     4096u           /* sizes are rounded down to this */
#define JDEV_BYTES_MIN (1024u * 1024u) /* of a device */
#define JDEV_CLOSE_MS  10000u          /* jdev_close() waits this long for the kernel */
#define JDEV_WHY_BYTES 512u            /* room for any refusal */

/* Flags, for tools. */
#define JDEV_READ_ONLY 0x1u /* shared lock, nothing is ever written */
#define JDEV_LIVE      0x2u /* ... and no lock: its daemon goes on writing meanwhile */

enum jdev_engine_choice { JDEV_ENGINE_AUTO, JDEV_ENGINE_URING, JDEV_ENGINE_THREAD };

struct jdev_config {
    const char *path;
    /* A file that is missing or empty is made this large, in whole blocks; 0: it must be there.
     * One that is there keeps its size. */
    uint64_t create_bytes;
    unsigned flags;
    enum jdev_engine_choice engine;
    /* How long to try when another process holds the device. A daemon that was killed holds it
     * until its last write has ended, and udev while it looks at a block device: allow seconds. */
    unsigned lock_wait_ms;
    /* Devices that must not carry the journal, because they are served from it: our own export's
     * block device, the st_dev of our own FUSE file. */
    const dev_t *own_devices;
    unsigned own_device_count;
    /* While a file is being filled with zeros, from inside jdev_open(); false gives up with
     * -ECANCELED. May be NULL. */
    bool (*progress)(void *owner, uint64_t done_bytes, uint64_t total_bytes);
    void *owner;
};

struct jdev_facts {
    bool created;      /* filled with zeros just now */
    bool block_device; /* else a file */
    bool memory;       /* on tmpfs: gone after a power loss, whatever was synced */
    bool direct;       /* O_DIRECT; else through the page cache */
    bool uring;        /* else the worker threads, or nobody (memory) */
};

/*
 * Opens and locks the device, in the caller's thread; it blocks while a file is filled.
 *
 * `loop` must be the one that this thread runs. It may be NULL: then there is no submit(), only
 * read_now(), write_now() and sync_now().
 * Returns 0 or -errno, with one line in ret_why: the path, the reason, the mend. Among others:
 * -EBUSY in use, -ENOENT missing, -ENOSPC no room (what was begun is removed), -EINVAL too small
 * or not a file, -EOPNOTSUPP a file system that cannot do it, -EDEADLK it lies on our own export,
 * -ENOSYS the engine that was asked for does not work here.
 */
int jdev_open(const struct jdev_config *config, struct evl *loop, char *ret_why, size_t why_bytes,
              struct jdev_port **ret_device);

/*
 * Waits until the kernel is done with all memory, unlocks and frees. No done() is called from here
 * or later; operations that have not ended may or may not have happened. Not from inside done().
 * NULL-safe. Returns 0, or -ETIMEDOUT after JDEV_CLOSE_MS: then the device hangs, and the memory
 * of unfinished operations must stay untouched until the process ends.
 */
int jdev_close(struct jdev_port *device);

const struct jdev_facts *jdev_get_facts(const struct jdev_port *device);

/* True when the open device lies on one of these, also through partitions, LVM, RAID or loop
 * devices: to be asked before a block device is attached later. */
bool jdev_lies_on(const struct jdev_port *device, const dev_t *devices, unsigned count);

#endif
