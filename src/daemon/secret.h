/*
 * CHAP secrets: from a file that nobody else can read, or from a systemd credential. They never
 * stand on a command line, in a log line or in a status.
 */
#ifndef DAEMON_SECRET_H
#define DAEMON_SECRET_H

#include <stdbool.h>

#include "daemon/fault.h"

#define SECRET_BYTES     256 /* with the terminating 0 */
#define SECRET_BYTES_MIN 12  /* RFC 7143 12.1.3: 96 random bits at least */

struct secret {
    char text[SECRET_BYTES];
    bool is_short; /* worth a warning */
};

/*
 * Reads PATH, or "credential:NAME" from $CREDENTIALS_DIRECTORY. One newline at the end is cut.
 * Refused: files that group or others may touch (credentials apart: systemd guards these),
 * anything but a regular file, empty or overlong secrets, and line breaks or NULs inside.
 */
int secret_read(const char *from, struct secret *ret_secret, struct fault *fault);

/* Forgets the secret, so that neither swap nor a core file keeps it. */
void secret_wipe(struct secret *secret);

#endif
