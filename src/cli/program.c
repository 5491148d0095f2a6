#include "cli/program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* We ignore SIGPIPE; others do not expect that. */
static int spawn(const char *const words[], posix_spawn_file_actions_t *actions, pid_t *ret_pid)
{
    posix_spawnattr_t attributes;
    sigset_t defaults;
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    int error = posix_spawnattr_init(&attributes);
    if (error)
        return -error;
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    /* The words are not changed: the type is historical (POSIX, exec's rationale). */
    error = posix_spawnp(ret_pid, words[0], actions, &attributes, (char *const *)words, environ);
    posix_spawnattr_destroy(&attributes);
    return -error;
}

static int wait_for(pid_t pid, int *ret_status)
{
    int status;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return -errno;
    }
    *ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return 0;
}

int program_run(const char *const words[], int *ret_status)
{
    pid_t pid;
    int error = spawn(words, NULL, &pid);
    return error ? error : wait_for(pid, ret_status);
}

/* Reads to the end, whatever the room, so that the program is never stuck. */
static void read_output(int fd, char *ret_output, size_t output_bytes)
{
    char rest[256];
    size_t used = 0;
    for (;;) {
        size_t room = output_bytes - 1 - used;
        ssize_t got = room > 0 ? read(fd, ret_output + used, room) : read(fd, rest, sizeof rest);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        used += room > 0 ? (size_t)got : 0;
    }
    if (used > 0 && ret_output[used - 1] == '\n')
        used--;
    ret_output[used] = '\0';
}

int program_read(const char *const words[], char *ret_output, size_t output_bytes, int *ret_status)
{
    posix_spawn_file_actions_t actions;
    int pipe_fds[2];
    pid_t pid;
    if (pipe2(pipe_fds, O_CLOEXEC) < 0)
        return -errno;
    int error = -posix_spawn_file_actions_init(&actions);
    if (!error) {
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], STDOUT_FILENO);
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
        error = spawn(words, &actions, &pid);
        posix_spawn_file_actions_destroy(&actions);
    }
    close(pipe_fds[1]);
    if (!error) {
        read_output(pipe_fds[0], ret_output, output_bytes);
        error = wait_for(pid, ret_status);
    }
    close(pipe_fds[0]);
    return error;
}
