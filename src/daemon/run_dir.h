/*
 * The run directory of a daemon, /run/holdfast/NAME: 0700, with the lock, the pid and the control
 * socket. The lock dies with the process, so nothing is left to clean up after a SIGKILL.
 */
#ifndef DAEMON_RUN_DIR_H
#define DAEMON_RUN_DIR_H

#include <stdint.h>
#include <sys/types.h>

#include "daemon/fault.h"

#define RUN_DIR_BASE "/run/holdfast"

struct run_dir {
    char path[1024];
    int lock_fd;
    int lun_fd;
};

/*
 * Makes the directory (and its parents) and takes the lock. Refused, with the pid, while another
 * daemon holds it; refused when the directory belongs to somebody else.
 */
int run_dir_take(struct run_dir *run_dir, const char *path, struct fault *fault);

/* How much of the path of a run directory is the directory that it lies in. */
int run_dir_base_bytes(const char *path);

/*
 * One LUN, one daemon on this host: two would throw each other's session out at the target, and
 * know nothing of each other's writes. Locked beside the run directory, so under one base.
 */
int run_dir_claim_lun(struct run_dir *run_dir, const char *target, uint32_t lun,
                      struct fault *fault);

/* Gives the locks back. */
void run_dir_release(struct run_dir *run_dir);

/* The pid of the daemon that holds the lock of that directory; 0 when none does, -errno when that
 * cannot be found out. */
pid_t run_dir_holder(const char *path);

#endif
