/*
 * A view of the file system for a process that outlives the root it was started from: a file system
 * in memory, with /dev, /proc, /run and /sys as they are, and nothing else.
 *
 * A daemon that serves the root disk is started in an initramfs, whose files are deleted when the
 * real root takes over; and at the end of the system that root is unmounted, for which nobody may
 * hold on to it. In a mount namespace of its own it does neither notice nor hinder either, and
 * absolute paths below the four go on working.
 */
#ifndef OS_PRIVATE_ROOT_H
#define OS_PRIVATE_ROOT_H

/* For this process, its threads and children, for good. `place`: a folder under /run, made when it
 * is missing; nothing is left there to see. 0 or -errno (-EPERM without CAP_SYS_ADMIN). */
int private_root_enter(const char *place);

#endif
