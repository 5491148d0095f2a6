#include "cli/background.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/log_file.h"

/* In the child, between fork() and exec(): what failed is written where the log goes. */
static void become_daemon(const struct background *daemon, int log_fd)
{
    int null_fd = open("/dev/null", O_RDWR);
    if (setsid() < 0 || chdir(daemon->folder) < 0 || null_fd < 0 ||
        dup2(null_fd, STDIN_FILENO) < 0 || dup2(null_fd, STDOUT_FILENO) < 0 ||
        dup2(log_fd, STDERR_FILENO) < 0)
        _exit(1);
    close_range(STDERR_FILENO + 1, ~0u, 0);
    execl("/proc/self/exe", daemon->called, "serve", daemon->operand, (char *)NULL);
    perror("holdfast cannot be executed");
    _exit(1);
}

int background_start(const struct background *daemon, pid_t *ret_pid, struct fault *fault)
{
    int log_fd = log_file_open(daemon->log);
    if (log_fd < 0)
        return fault_set(fault, log_fd, "%.300s: %s", daemon->log, strerror(-log_fd));
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        become_daemon(daemon, log_fd);
    int error = pid < 0 ? -errno : 0;
    close(log_fd);
    if (error)
        return fault_set(fault, error, "no process for the daemon: %s", strerror(-error));
    *ret_pid = pid;
    return 0;
}
