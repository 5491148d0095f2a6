/*
 * The real kernel, for attach/device.c. Each job is carried out by a forked process: what hangs
 * there while the disk is away hangs alone, and it does not hold up the end of the daemon, whose
 * locks the next one waits for.
 */
#ifndef ATTACH_EV_KERNEL_H
#define ATTACH_EV_KERNEL_H

#include <stddef.h>

#include "attach/ports.h"

struct evl;
struct att_kernel;

/* NULL when memory is short. */
struct att_kernel *att_kernel_new(struct evl *loop);

/* All jobs ended or were cancelled. NULL-safe. */
void att_kernel_free(struct att_kernel *kernel);

struct att_kernel_port *att_kernel_port(struct att_kernel *kernel);

/*
 * To be asked before anything depends on it; loads the module when it is missing. Blocks. -EPERM
 * or -ENOENT, with the reason and the mend in ret_reason.
 */
int att_kernel_check(char *ret_reason, size_t bytes);

#endif
