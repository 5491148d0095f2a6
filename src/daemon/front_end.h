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

/* "unix:PATH" (absolute, short enough for a socket) or "tcp:HOST:PORT"; 10809 without a port.
 * "tcp::PORT" listens on all addresses. */
int front_end_parse_nbd(const char *text, struct front_end_nbd *ret_nbd, struct fault *fault);

/* The whole form, with the port; FRONT_END_LISTEN_BYTES are enough. */
void front_end_print_nbd(const struct front_end_nbd *nbd, char *ret_text, size_t text_bytes);

#define FRONT_END_LISTEN_BYTES (URL_PORTAL_TEXT_BYTES + 8)

/* The same, for the option table. */
int front_end_check_nbd(const char *text, struct fault *fault);

#endif
