/*
 * Daemons as services. `holdfast serve` stays in the foreground; mount helpers, `attach` and the
 * boot need it in the background, and outlasting them: a daemon that lived in the control group
 * of a mount unit would be killed with it, and the disk of that mount with the daemon.
 *
 * Where systemd runs, the daemon of NAME is holdfast@NAME.service. Elsewhere it is a process in a
 * session of its own, whose log is /run/holdfast/NAME.log, begun anew with each start.
 */
#ifndef CLI_SERVICE_H
#define CLI_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/options.h"

struct json_object;

struct service {
    char name[OPTION_TEXT_BYTES];
    char run_dir[OPTION_PATH_BYTES];
    uint64_t stop_timeout_ms; /* as configured: so long its end may take */
    int64_t started_s;        /* when we started it, time(2); 0: we did not */
};

/* The service of a configured NAME: reads its file. -ENOENT when there is none. */
int service_find(const char *name, struct service *ret_service, struct fault *fault);

/* True while a daemon holds the run directory, also before it is ready. */
bool service_is_running(const struct service *service);

/*
 * Starts the daemon if it does not run, and waits until it is ready: its front ends are open and
 * its control socket answers (the target may still be away). *ret_started tells whether it was
 * us; it is set on failure too, when a daemon may have been left behind: service_stop() it then.
 * The fault is the daemon's own last line where there is one.
 */
int service_start(struct service *service, uint64_t timeout_ms, bool *ret_started,
                  struct fault *fault);

/*
 * Tells the daemon to stop and waits until it is gone; 0 when it was not there. By its control
 * socket, not by systemd: a stop of the unit may be queued already, waiting for the very mount
 * that is being taken down. -ETIMEDOUT when it is still there. That something was left unwritten
 * stands in its log.
 */
int service_stop(const struct service *service, uint64_t timeout_ms, struct fault *fault);

/*
 * A daemon of this name ended because it was told to, and not by systemd: which would start it
 * again if not everything could be written, or if it never got so far. Not waited for: see above.
 */
void service_settle(const char *name);

/* One verb to its control socket; *ret_answer is the caller's. */
int service_ask(const struct service *service, const char *verb, uint64_t timeout_ms,
                struct json_object **ret_answer, struct fault *fault);

/* The last line that the daemon wrote to its log, since we started it if we did; "" when there is
 * none. */
void service_last_words(const struct service *service, char *ret_line, size_t line_bytes);

/* "journalctl -u holdfast@NAME" or the path of the log: where a person reads on. */
void service_log_place(const struct service *service, char *ret_text, size_t text_bytes);

#endif
