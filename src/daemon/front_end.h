/* The addresses of front ends, as people write them. */
#ifndef DAEMON_FRONT_END_H
#define DAEMON_FRONT_END_H

#include <stdbool.h>

#include "daemon/fault.h"
#include "daemon/url.h"

/* Where NBD clients connect: a UNIX socket, or a TCP host and port. */
struct front_end_nbd {
    bool is_unix;
    char path[108]; /* sockaddr_un */
    struct url_portal tcp;
};

/* "unix:PATH" (absolute, short enough for a socket) or "tcp:HOST:PORT"; 10809 without a port. */
int front_end_parse_nbd(const char *text, struct front_end_nbd *ret_nbd, struct fault *fault);

/* The same, for the option table. */
int front_end_check_nbd(const char *text, struct fault *fault);

#endif
