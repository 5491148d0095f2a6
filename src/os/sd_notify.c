#include "os/sd_notify.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MESSAGE_BYTES 512

void sd_environment_read(struct sd_environment *ret_environment)
{
    *ret_environment = (struct sd_environment){
        .notify_socket = getenv("NOTIFY_SOCKET"),
        .watchdog_usec = getenv("WATCHDOG_USEC"),
        .watchdog_pid = getenv("WATCHDOG_PID"),
        .listen_pid = getenv("LISTEN_PID"),
        .listen_fds = getenv("LISTEN_FDS"),
        .listen_names = getenv("LISTEN_FDNAMES"),
    };
}

/* A whole decimal number, or -EINVAL. */
static int parse_number(const char *text, uint64_t *ret_number)
{
    char *end;
    if (!isdigit((unsigned char)text[0]))
        return -EINVAL;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0')
        return -EINVAL;
    *ret_number = number;
    return 0;
}

/* --- telling --- */

/* "@name" is a name in the abstract space: a zero byte in place of the '@'. */
static int socket_address(const char *path, struct sockaddr_un *ret_address, socklen_t *ret_bytes)
{
    size_t length = strlen(path);
    if ((path[0] != '/' && path[0] != '@') || path[1] == '\0')
        return -EINVAL;
    if (length >= sizeof ret_address->sun_path)
        return -ENAMETOOLONG;
    *ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(ret_address->sun_path, path, length);
    if (path[0] == '@')
        ret_address->sun_path[0] = '\0';
    *ret_bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    return 0;
}

static int connect_to(const char *path)
{
    struct sockaddr_un address;
    socklen_t bytes;
    int rc = socket_address(path, &address, &bytes);
    if (rc < 0)
        return rc;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (const struct sockaddr *)&address, bytes) == 0)
        return fd;
    int error = errno;
    close(fd);
    return -error;
}

static uint64_t watchdog_for(const struct sd_environment *environment, pid_t pid)
{
    uint64_t us, for_pid;
    if (!environment->watchdog_usec || parse_number(environment->watchdog_usec, &us) < 0)
        return 0;
    if (environment->watchdog_pid &&
        (parse_number(environment->watchdog_pid, &for_pid) < 0 || for_pid != (uint64_t)pid))
        return 0;
    return us;
}

int sd_notifier_init(struct sd_notifier *notifier, const struct sd_environment *environment,
                     pid_t pid)
{
    *notifier = (struct sd_notifier){.fd = -1};
    if (!environment->notify_socket)
        return 0;
    int fd = connect_to(environment->notify_socket);
    if (fd < 0)
        return fd;
    notifier->fd = fd;
    notifier->watchdog_us = watchdog_for(environment, pid);
    return 0;
}

void sd_notifier_done(struct sd_notifier *notifier)
{
    if (notifier->fd >= 0)
        close(notifier->fd);
    notifier->fd = -1;
}

static void tell(struct sd_notifier *notifier, const char *message)
{
    if (notifier->fd >= 0)
        (void)!send(notifier->fd, message, strlen(message), MSG_NOSIGNAL | MSG_DONTWAIT);
}

void sd_notify_ready(struct sd_notifier *notifier)
{
    tell(notifier, "READY=1");
}

void sd_notify_starting(struct sd_notifier *notifier, uint64_t within_us)
{
    char message[MESSAGE_BYTES];
    snprintf(message, sizeof message, "EXTEND_TIMEOUT_USEC=%" PRIu64, within_us);
    tell(notifier, message);
}

void sd_notify_stopping(struct sd_notifier *notifier, uint64_t within_us)
{
    char message[MESSAGE_BYTES];
    snprintf(message, sizeof message, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%" PRIu64, within_us);
    tell(notifier, message);
}

void sd_notify_watchdog(struct sd_notifier *notifier)
{
    tell(notifier, "WATCHDOG=1");
}

void sd_notify_status(struct sd_notifier *notifier, const char *status)
{
    char message[MESSAGE_BYTES];
    snprintf(message, sizeof message, "STATUS=%s", status);
    for (char *byte = message; *byte != '\0'; byte++)
        if (*byte == '\n' || *byte == '\r')
            *byte = ' ';
    tell(notifier, message);
}

/* --- sockets that are passed --- */

/* Names are separated by colons; more or fewer than sockets is not an error. */
static void take_names(const char *names, struct sd_listen_fd *fds, int count)
{
    for (int i = 0; i < count && names; i++) {
        size_t length = strcspn(names, ":");
        if (length < sizeof fds[i].name)
            memcpy(fds[i].name, names, length);
        names = names[length] == ':' ? names + length + 1 : NULL;
    }
}

int sd_listen_fds_parse(const struct sd_environment *environment, pid_t pid,
                        struct sd_listen_fd ret_fds[SD_LISTEN_FDS_MAX])
{
    uint64_t for_pid, count;
    if (!environment->listen_pid || !environment->listen_fds)
        return 0;
    if (parse_number(environment->listen_pid, &for_pid) < 0)
        return -EINVAL;
    if (for_pid != (uint64_t)pid) /* for a parent of ours */
        return 0;
    if (parse_number(environment->listen_fds, &count) < 0 || count > SD_LISTEN_FDS_MAX)
        return -EINVAL;
    for (int i = 0; i < (int)count; i++)
        ret_fds[i] = (struct sd_listen_fd){.fd = SD_LISTEN_FDS_START + i};
    take_names(environment->listen_names, ret_fds, (int)count);
    return (int)count;
}

static int adopt(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return -errno;
    return 0;
}

int sd_listen_fds_take(struct sd_listen_fd ret_fds[SD_LISTEN_FDS_MAX])
{
    struct sd_environment environment;
    sd_environment_read(&environment);
    int count = sd_listen_fds_parse(&environment, getpid(), ret_fds);
    for (int i = 0; i < count; i++) {
        int rc = adopt(ret_fds[i].fd);
        if (rc < 0)
            return rc;
    }
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    return count;
}
