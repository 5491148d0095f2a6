/* Listening sockets: parses "unix:/path" and "tcp:host:port", binds, cleans up. */
#ifndef NBD_SERVER_EV_LISTEN_H
#define NBD_SERVER_EV_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define NSRV_LISTENERS 8 /* addresses that one host name may stand for */

struct nsrv_listeners {
    int fds[NSRV_LISTENERS]; /* non-blocking, listening */
    unsigned count;
    char unix_path[108]; /* to be removed at the end; "" when there is none */
    dev_t unix_device;   /* ... if it is still this one */
    ino_t unix_inode;
    char address[128]; /* for people */
};

/* 0, or -errno with the reason in words. */
int nsrv_listen(const char *where, char *ret_why, size_t why_bytes,
                struct nsrv_listeners *ret_listeners);

/* A descriptor that somebody else bound (socket activation); taken over when 0 is returned. */
int nsrv_listen_inherited(int fd, char *ret_why, size_t why_bytes,
                          struct nsrv_listeners *ret_listeners);

/* Closes all, removes the UNIX socket if it is still ours. May be repeated. */
void nsrv_listeners_close(struct nsrv_listeners *listeners);

/* "127.0.0.1:10809", "unix:/path", ...: the local or the remote end of a socket. */
void nsrv_socket_name(int fd, bool remote, char *ret_name, size_t name_bytes);

#endif
