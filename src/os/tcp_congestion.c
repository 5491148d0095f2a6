#include "os/tcp_congestion.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int tcp_congestion_set(int fd, const char *name)
{
    if (strcmp(name, TCP_CONGESTION_SYSTEM) == 0)
        return 0;
    if (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, (socklen_t)strlen(name)) == 0)
        return 0;
    return -errno;
}

int tcp_congestion_try(const char *name)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int error = tcp_congestion_set(fd, name);
    close(fd);
    return error;
}
