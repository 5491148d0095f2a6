/*
 * The congestion control of a TCP connection: how fast the kernel sends.
 *
 * The system's may be one that was chosen for the Internet. BBR paces what it sends by a timer,
 * which on a storage network only costs: a write of 1 MiB takes a fifth more CPU time by it.
 */
#ifndef OS_TCP_CONGESTION_H
#define OS_TCP_CONGESTION_H

/* What a session gets when nobody chose: Linux' own default, and in every kernel of Debian. */
#define TCP_CONGESTION_USUAL "cubic"
/* This name leaves the connection with what the system has. */
#define TCP_CONGESTION_SYSTEM "system"

/* Room for a name (TCP_CA_NAME_MAX of Linux). */
#define TCP_CONGESTION_BYTES 16

/* Before the connection is made: some leave their pacing behind when they are replaced. 0, or
 * -ENOENT when the kernel has none of this name, -EPERM when it is not for us. */
int tcp_congestion_set(int fd, const char *name);

/* The same for a socket that is made and closed here. */
int tcp_congestion_try(const char *name);

#endif
