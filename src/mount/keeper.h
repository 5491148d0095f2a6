/* The daemon behind a mount: started for it, waited for, and ended with the last mount. */
#ifndef MOUNT_KEEPER_H
#define MOUNT_KEEPER_H

#include <stdbool.h>

#include "cli/service.h"
#include "mount/source.h"

struct json_object;

/*
 * Makes the daemon run. For a URL: with the configuration made of it and front_end, and refused
 * (-EBUSY) when it runs already with another one. *ret_started: it was started for this mount; to
 * be let go with keeper_let_go() when the mount fails, also when this fails.
 */
int keeper_start(const struct mount_source *source, const struct mount_call *call,
                 const char *front_end, struct service *ret_service, bool *ret_started,
                 struct fault *fault);

/*
 * Waits until the target shows the LUN, call->timeout_ms at most; says on stderr when that takes
 * time. *ret_status is the daemon's status and the caller's. -ETIMEDOUT, -EINTR, or -EIO when the
 * daemon ended: the target refused us, and its last words are the fault.
 */
int keeper_wait(const struct service *service, const struct mount_call *call,
                struct json_object **ret_status, struct fault *fault);

/*
 * After a umount, or a mount that failed: ends the daemon if it was started for a mount and nobody
 * uses its disk any more. `disk` is the device that was unmounted, "loop3", or NULL. 0 also when
 * there was nothing to do. The fault says what stayed.
 */
int keeper_let_go(const char *name, const char *disk, bool verbose, struct fault *fault);

#endif
