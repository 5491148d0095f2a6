/* The control socket in the run directory: clients of control.h on the loop, never waited for. */
#ifndef DAEMON_CONTROL_SOCKET_H
#define DAEMON_CONTROL_SOCKET_H

#include "daemon/control.h"
#include "daemon/fault.h"

#define CONTROL_CLIENTS 16u
#define CONTROL_SOCKET  "control"

struct control_socket;
struct evl;

/* Listens on PATH, mode 0600; an old socket in its place is removed (the caller holds the lock of
 * the run directory, so nobody listens on it). */
int control_socket_new(struct evl *loop, const char *path, const struct control_verbs *verbs,
                       void *owner, struct control_socket **ret_socket, struct fault *fault);

/* Hangs up on everybody, without gone(), and removes the socket. NULL-safe. */
void control_socket_free(struct control_socket *server);

#endif
