/* The other end of the control socket. Blocking, with a deadline. */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include <stdint.h>

#include "cli/verb.h"
#include "daemon/fault.h"

struct json_object;

struct client {
    int fd;
    char directory[1024]; /* the daemon's run directory */
};

/* Finds the daemon NAME: under --run-dir, or in the run_dir of -o, else under /run/holdfast. */
int client_directory(const struct arguments *arguments, const char *name, char *ret_directory,
                     size_t bytes, struct fault *fault);

/* -ENOENT when that daemon does not run. */
int client_open(struct client *client, const char *directory, const char *name,
                struct fault *fault);

/*
 * Sends the verb and waits for its answer: *ret_answer is the caller's. A refusal of the daemon is
 * a fault; -ETIMEDOUT when there is none in time.
 */
int client_call(struct client *client, const char *verb, uint64_t timeout_ms,
                struct json_object **ret_answer, struct fault *fault);

/* The same for a verb with words of its own; takes the reference to `request`. */
int client_request(struct client *client, struct json_object *request, uint64_t timeout_ms,
                   struct json_object **ret_answer, struct fault *fault);

/*
 * What every verb about a daemon begins with: finds and opens the daemon NAME, and reads --timeout.
 * Says what is wrong; then *ret_status is the exit status.
 */
int client_open_named(const struct arguments *arguments, const char *name, uint64_t default_ms,
                      uint64_t *ret_ms, struct client *client, int *ret_status);

/* The whole of it for one verb: opens the daemon NAME of that run directory, calls, closes. */
int client_ask(const char *directory, const char *name, const char *verb, uint64_t timeout_ms,
               struct json_object **ret_answer, struct fault *fault);

void client_close(struct client *client);

/* Waits until no daemon holds that run directory: its control socket goes away before its last
 * line is written. -ETIMEDOUT when one still does. */
int client_wait_until_gone(const char *directory, uint64_t timeout_ms);

#endif
