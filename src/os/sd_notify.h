/*
 * What a service manager is told (sd_notify(3), without libsystemd), and the sockets that it
 * passes (sd_listen_fds(3)). Everything is quietly nothing when no manager asked for it.
 */
#ifndef OS_SD_NOTIFY_H
#define OS_SD_NOTIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The variables as they were in the environment; NULL: not set. */
struct sd_environment {
    const char *notify_socket; /* NOTIFY_SOCKET */
    const char *watchdog_usec; /* WATCHDOG_USEC */
    const char *watchdog_pid;  /* WATCHDOG_PID */
    const char *listen_pid;    /* LISTEN_PID */
    const char *listen_fds;    /* LISTEN_FDS */
    const char *listen_names;  /* LISTEN_FDNAMES */
};

/* Fills it from the environment; the strings are the environment's. */
void sd_environment_read(struct sd_environment *ret_environment);

struct sd_notifier {
    int fd;               /* connected, or -1: nobody listens */
    uint64_t watchdog_us; /* how often the manager wants to hear of us; 0: not at all */
};

/*
 * 0 also when nobody listens; -errno when the variable is there but of no use: worth a warning,
 * not a failure. Done before the daemon gives up its view of the file system.
 */
int sd_notifier_init(struct sd_notifier *notifier, const struct sd_environment *environment,
                     pid_t pid);

void sd_notifier_done(struct sd_notifier *notifier);

/* Each of these is one datagram; a full socket or an absent reader is ignored, nothing blocks. */
void sd_notify_ready(struct sd_notifier *notifier);
void sd_notify_watchdog(struct sd_notifier *notifier); /* "alive": at half of watchdog_us */

/* Not ready yet, but within_us from now there is word again: the manager waits at least so long. */
void sd_notify_starting(struct sd_notifier *notifier, uint64_t within_us);

/* We are ending, and will have ended within_us from now: the manager waits at least so long. */
void sd_notify_stopping(struct sd_notifier *notifier, uint64_t within_us);

/* One line for `systemctl status`; line ends in it become blanks. */
void sd_notify_status(struct sd_notifier *notifier, const char *status);

#define SD_LISTEN_FDS_START 3
#define SD_LISTEN_FDS_MAX   16

/* A socket that was passed. */
struct sd_listen_fd {
    int fd;
    char name[64]; /* "" when it has none */
};

/*
 * The sockets that were passed to the process `pid`: their number, at most SD_LISTEN_FDS_MAX, or
 * -EINVAL when the variables make no sense. Parses only; see sd_listen_fds_take().
 */
int sd_listen_fds_parse(const struct sd_environment *environment, pid_t pid,
                        struct sd_listen_fd ret_fds[SD_LISTEN_FDS_MAX]);

/* The same for this process; sets close-on-exec and non-blocking, and removes the variables so
 * that no child believes them. */
int sd_listen_fds_take(struct sd_listen_fd ret_fds[SD_LISTEN_FDS_MAX]);

#endif
