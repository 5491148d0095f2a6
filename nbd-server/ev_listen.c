/*
 * A UNIX path may be taken already: by a live server (refused), by the socket of a dead one
 * (replaced), or by something that is no socket (never touched). Whether the other one lives is
 * asked by connecting. Two daemons that start at the same moment on one path are kept apart by
 * the daemon's own lock, not here.
 */
#include "nbd-server/ev_listen.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 64

__attribute__((format(printf, 4, 5))) static int fail(int error, char *ret_why, size_t why_bytes,
                                                      const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(ret_why, why_bytes, format, arguments);
    va_end(arguments);
    return error;
}

static const char *mend_of(int error)
{
    switch (error) {
    case ENOENT:
        return "; make its folder first";
    case EADDRINUSE:
        return "; `ss -ltnp` tells by whom, or take another port";
    case EADDRNOTAVAIL:
        return "; give an address of this host, or tcp::PORT for all of them";
    default:
        return "";
    }
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

#define CLEANUP_FD __attribute__((cleanup(close_fd)))

static int take_fd(int *fd)
{
    const int taken = *fd;
    *fd = -1;
    return taken;
}

/* --- UNIX --- */

/* 0: the path is free now; -errno: it is not. */
static int free_path(const struct sockaddr_un *address, char *ret_why, size_t why_bytes)
{
    const char *path = address->sun_path;
    struct stat status;
    if (lstat(path, &status) < 0)
        return 0;
    if (!S_ISSOCK(status.st_mode))
        return fail(-EEXIST, ret_why, why_bytes,
                    "%s exists and is not a socket: remove it or choose another path", path);
    CLEANUP_FD int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (probe < 0)
        return fail(-errno, ret_why, why_bytes, "socket: %s", strerror(errno));
    if (connect(probe, (const struct sockaddr *)address, sizeof *address) < 0 &&
        errno == ECONNREFUSED) {
        unlink(path);
        return 0;
    }
    return fail(-EADDRINUSE, ret_why, why_bytes,
                "%s is in use by another process: stop it or choose another path", path);
}

static int listen_unix(const char *path, char *ret_why, size_t why_bytes,
                       struct nsrv_listeners *listeners)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat status;
    if (path[0] != '/' || strlen(path) >= sizeof address.sun_path)
        return fail(-EINVAL, ret_why, why_bytes,
                    "unix:%s: give an absolute path of at most %zu bytes", path,
                    sizeof address.sun_path - 1);
    memcpy(address.sun_path, path, strlen(path));
    const int error = free_path(&address, ret_why, why_bytes);
    if (error)
        return error;
    CLEANUP_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    /* The mode of the descriptor becomes that of the path: never open to others, not even for
     * a moment. */
    if (fd < 0 || fchmod(fd, 0600) < 0 ||
        bind(fd, (const struct sockaddr *)&address, sizeof address) < 0 ||
        lstat(path, &status) < 0 || listen(fd, BACKLOG) < 0)
        return fail(-errno, ret_why, why_bytes, "cannot listen on unix:%s: %s%s", path,
                    strerror(errno), mend_of(errno));
    listeners->fds[listeners->count++] = take_fd(&fd);
    strcpy(listeners->unix_path, path);
    listeners->unix_device = status.st_dev;
    listeners->unix_inode = status.st_ino;
    return 0;
}

/* --- TCP --- */

/* Splits "host:port" at the last colon; "[v6]:port" loses its brackets. */
static bool split(const char *where, char *ret_host, size_t host_bytes, const char **ret_port)
{
    const char *colon = strrchr(where, ':');
    if (!colon || !colon[1])
        return false;
    size_t bytes = (size_t)(colon - where);
    if (bytes >= 2 && where[0] == '[' && where[bytes - 1] == ']') {
        where++;
        bytes -= 2;
    } else if (memchr(where, ':', bytes)) {
        return false;
    }
    if (bytes >= host_bytes)
        return false;
    memcpy(ret_host, where, bytes);
    ret_host[bytes] = 0;
    *ret_port = colon + 1;
    return true;
}

static void set_port(struct sockaddr *address, in_port_t port)
{
    if (address->sa_family == AF_INET6)
        ((struct sockaddr_in6 *)address)->sin6_port = port;
    else
        ((struct sockaddr_in *)address)->sin_port = port;
}

static in_port_t port_of(const struct sockaddr *address)
{
    return address->sa_family == AF_INET6 ? ((const struct sockaddr_in6 *)address)->sin6_port
                                          : ((const struct sockaddr_in *)address)->sin_port;
}

static int open_tcp(const struct addrinfo *info)
{
    const int on = 1;
    CLEANUP_FD int fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (info->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(fd, info->ai_addr, info->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0)
        return -errno;
    return take_fd(&fd);
}

/* Listens on all addresses; one that this host does not have is left out if others work. */
static int listen_on_all(struct addrinfo *list, struct nsrv_listeners *listeners)
{
    int error = -EADDRNOTAVAIL;
    in_port_t port = port_of(list->ai_addr);
    for (struct addrinfo *at = list; at && listeners->count < NSRV_LISTENERS; at = at->ai_next) {
        set_port(at->ai_addr, port); /* with port 0: the same one on all addresses */
        const int fd = open_tcp(at);
        if (fd < 0) {
            error = fd;
            if (error != -EADDRNOTAVAIL && error != -EAFNOSUPPORT)
                return error;
            continue;
        }
        struct sockaddr_storage bound;
        socklen_t bytes = sizeof bound;
        listeners->fds[listeners->count++] = fd;
        if (getsockname(fd, (struct sockaddr *)&bound, &bytes) == 0)
            port = port_of((struct sockaddr *)&bound);
    }
    return listeners->count > 0 ? 0 : error;
}

static int listen_tcp(const char *where, char *ret_why, size_t why_bytes,
                      struct nsrv_listeners *listeners)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *list;
    char host[256];
    const char *port;
    if (!split(where, host, sizeof host, &port))
        return fail(-EINVAL, ret_why, why_bytes,
                    "tcp:%s: write tcp:HOST:PORT or tcp:[IPV6-ADDRESS]:PORT", where);
    const int problem = getaddrinfo(host[0] ? host : NULL, port, &hints, &list);
    if (problem)
        return fail(-EADDRNOTAVAIL, ret_why, why_bytes, "tcp:%s: %s", where, gai_strerror(problem));
    const int error = listen_on_all(list, listeners);
    freeaddrinfo(list);
    if (error)
        return fail(error, ret_why, why_bytes, "cannot listen on tcp:%s: %s%s", where,
                    strerror(-error), mend_of(-error));
    return 0;
}

/* --- both --- */

static void listeners_init(struct nsrv_listeners *listeners)
{
    memset(listeners, 0, sizeof *listeners);
}

int nsrv_listen(const char *where, char *ret_why, size_t why_bytes,
                struct nsrv_listeners *ret_listeners)
{
    int error;
    listeners_init(ret_listeners);
    if (strncmp(where, "unix:", 5) == 0)
        error = listen_unix(where + 5, ret_why, why_bytes, ret_listeners);
    else if (strncmp(where, "tcp:", 4) == 0)
        error = listen_tcp(where + 4, ret_why, why_bytes, ret_listeners);
    else
        error = fail(-EINVAL, ret_why, why_bytes, "%s: write unix:/PATH or tcp:HOST:PORT", where);
    if (error) {
        nsrv_listeners_close(ret_listeners);
        return error;
    }
    nsrv_socket_name(ret_listeners->fds[0], false, ret_listeners->address,
                     sizeof ret_listeners->address);
    return 0;
}

int nsrv_listen_inherited(int fd, char *ret_why, size_t why_bytes,
                          struct nsrv_listeners *ret_listeners)
{
    int type = 0, listening = 0;
    socklen_t bytes = sizeof type;
    listeners_init(ret_listeners);
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &bytes) < 0 ||
        getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &bytes) < 0)
        return fail(-errno, ret_why, why_bytes, "inherited descriptor %d: %s", fd, strerror(errno));
    if (type != SOCK_STREAM || !listening)
        return fail(-EINVAL, ret_why, why_bytes,
                    "inherited descriptor %d is not a listening stream socket", fd);
    if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return fail(-errno, ret_why, why_bytes, "inherited descriptor %d: %s", fd, strerror(errno));
    ret_listeners->fds[ret_listeners->count++] = fd;
    nsrv_socket_name(fd, false, ret_listeners->address, sizeof ret_listeners->address);
    return 0;
}

void nsrv_listeners_close(struct nsrv_listeners *listeners)
{
    struct stat status;
    for (unsigned i = 0; i < listeners->count; i++)
        close(listeners->fds[i]);
    listeners->count = 0;
    if (listeners->unix_path[0] && lstat(listeners->unix_path, &status) == 0 &&
        status.st_dev == listeners->unix_device && status.st_ino == listeners->unix_inode)
        unlink(listeners->unix_path);
    listeners->unix_path[0] = 0;
}

static void name_unix(int fd, bool remote, const struct sockaddr_un *address, char *ret_name,
                      size_t name_bytes)
{
    struct ucred peer;
    socklen_t bytes = sizeof peer;
    if (remote && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) == 0)
        snprintf(ret_name, name_bytes, "pid %d, uid %u", (int)peer.pid, peer.uid);
    else
        snprintf(ret_name, name_bytes, "unix:%s", address->sun_path);
}

void nsrv_socket_name(int fd, bool remote, char *ret_name, size_t name_bytes)
{
    struct sockaddr_storage address = {0};
    socklen_t bytes = sizeof address;
    char host[64], port[8];
    const int error = remote ? getpeername(fd, (struct sockaddr *)&address, &bytes)
                             : getsockname(fd, (struct sockaddr *)&address, &bytes);
    snprintf(ret_name, name_bytes, "?");
    if (error < 0)
        return;
    if (address.ss_family == AF_UNIX)
        name_unix(fd, remote, (struct sockaddr_un *)&address, ret_name, name_bytes);
    else if (getnameinfo((struct sockaddr *)&address, bytes, host, sizeof host, port, sizeof port,
                         NI_NUMERICHOST | NI_NUMERICSERV) == 0)
        snprintf(ret_name, name_bytes, address.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host,
                 port);
}
