/*
 * What went wrong, as one line for the person who has to mend it: the thing, the reason, the mend.
 *
 * Functions that judge what people wrote (options, files, URLs) take one as their last argument
 * and fill it when they fail.
 */
#ifndef DAEMON_FAULT_H
#define DAEMON_FAULT_H

#define FAULT_BYTES 512

struct fault {
    char text[FAULT_BYTES];
};

/* Writes the line (cut when too long) and returns `error`, a -errno. */
int fault_set(struct fault *fault, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "WHERE: " in front of what is there; returns `error`. */
int fault_prefix(struct fault *fault, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
