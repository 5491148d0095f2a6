/*
 * Good day: one fork, then asleep until the worker ends as it was told to.
 *
 * What can go wrong: the worker crashes, over and over. The first time it is started again at once,
 * then after pauses that grow up to PAUSE_MAX_MS, for ever: whoever waits for the disk waits for
 * us. A worker that lived for HEALTHY_MS begins a new count. stderr may be a pipe that nobody
 * reads: the worker is started first, and a line that does not fit is not written. A signal that
 * comes before the worker can handle it kills it: that was asked for, and is no crash.
 */
#include "daemon/supervisor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "os/clock.h"
#include "os/process.h"

#define PAUSE_MIN_MS 100u
#define PAUSE_MAX_MS 5000u
#define HEALTHY_MS   60000u

struct supervisor {
    const char *name;
    struct supervision *shared;
    int (*work)(void *owner);
    void *owner;
    sigset_t watched;
    sigset_t before;
    pid_t worker;
    unsigned crashes; /* in a row */
    int told_by;      /* the last signal that told it to end, as the worker got it; 0: none */
};

struct supervision *supervision_new(void)
{
    void *page = mmap(NULL, sizeof(struct supervision), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return page == MAP_FAILED ? NULL : page;
}

uint64_t supervisor_pause_ms(unsigned crashes)
{
    uint64_t pause_ms = PAUSE_MIN_MS;
    if (crashes <= 1)
        return 0;
    for (unsigned i = 2; i < crashes && pause_ms < PAUSE_MAX_MS; i++)
        pause_ms *= 2;
    return pause_ms < PAUSE_MAX_MS ? pause_ms : PAUSE_MAX_MS;
}

/* What a service manager addressed to us is for the worker. */
static void pass_on(const char *variable, pid_t from)
{
    const char *text = getenv(variable);
    char pid[32];
    if (!text || strtol(text, NULL, 10) != from)
        return;
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    setenv(variable, pid, 1);
}

static _Noreturn void be_worker(struct supervisor *supervisor, pid_t parent)
{
    os_process_name("holdfast-worker");
    setpgid(0, 0); /* an interrupt from the terminal comes once, through us */
    sigprocmask(SIG_SETMASK, &supervisor->before, NULL);
    pass_on("LISTEN_PID", parent);
    pass_on("WATCHDOG_PID", parent);
    exit(supervisor->work(supervisor->owner));
}

static int start_worker(struct supervisor *supervisor)
{
    pid_t parent = getpid();
    supervisor->worker = fork();
    if (supervisor->worker == 0)
        be_worker(supervisor, parent);
    return supervisor->worker < 0 ? -errno : 0;
}

/* Until the worker ended; its wait status. */
static int watch(struct supervisor *supervisor)
{
    int status;
    for (;;) {
        int number = sigwaitinfo(&supervisor->watched, NULL);
        if (number == SIGCHLD && waitpid(supervisor->worker, &status, WNOHANG) > 0)
            return status;
        if (number > 0 && number != SIGCHLD) {
            supervisor->told_by = number == SIGHUP ? SIGTERM : number;
            kill(supervisor->worker, supervisor->told_by);
        }
    }
}

/* False: told to end meanwhile. */
static bool sleep_well(struct supervisor *supervisor, uint64_t ms)
{
    const struct timespec pause = {.tv_sec = (time_t)(ms / 1000),
                                   .tv_nsec = (long)(ms % 1000) * 1000000};
    sigset_t ends = supervisor->watched;
    sigdelset(&ends, SIGCHLD);
    return sigtimedwait(&ends, NULL, &pause) < 0;
}

static void say(const struct supervisor *supervisor, const char *what, int number)
{
    char line[256];
    struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};
    int bytes = snprintf(line, sizeof line,
                         "%s%s: the daemon crashed (%s %d), and was started "
                         "again\n",
                         getenv("JOURNAL_STREAM") ? "<3>" : "", supervisor->name, what, number);
    if (poll(&out, 1, 0) == 1 && (out.revents & POLLOUT) &&
        write(STDERR_FILENO, line, (size_t)bytes) < 0)
        return; /* there is nobody to tell */
}

/* True when that was the end of the daemon, and not a crash. */
static bool is_over(const struct supervisor *supervisor, int status)
{
    if (supervisor->shared->stopping || supervisor->told_by)
        return true;
    return WIFEXITED(status) && (WEXITSTATUS(status) == 0 || !supervisor->shared->lun_seen);
}

static int exit_status(const struct supervisor *supervisor, int status)
{
    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    return supervisor->told_by && WTERMSIG(status) == supervisor->told_by ? 0 : 1;
}

/* A worker that cannot be forked for want of memory is a crash, too. */
static bool restart(struct supervisor *supervisor, int status)
{
    do {
        if (!sleep_well(supervisor, supervisor_pause_ms(++supervisor->crashes)))
            return false;
    } while (start_worker(supervisor) != 0);
    if (WIFSIGNALED(status))
        say(supervisor, "signal", WTERMSIG(status));
    else
        say(supervisor, "exit status", WEXITSTATUS(status));
    return true;
}

static int run(struct supervisor *supervisor)
{
    if (start_worker(supervisor) != 0) {
        fprintf(stderr, "%s: no process for the daemon: %s\n", supervisor->name, strerror(errno));
        return 1;
    }
    for (;;) {
        uint64_t started_ms = clock_ms();
        int status = watch(supervisor);
        if (is_over(supervisor, status))
            return exit_status(supervisor, status);
        if (clock_ms() - started_ms >= HEALTHY_MS)
            supervisor->crashes = 0;
        if (!restart(supervisor, status))
            return 1; /* told to end while there was nobody to end */
    }
}

int supervise(const char *name, struct supervision *shared, int (*work)(void *owner), void *owner)
{
    struct supervisor supervisor = {.name = name, .shared = shared, .work = work, .owner = owner};
    sigemptyset(&supervisor.watched);
    sigaddset(&supervisor.watched, SIGCHLD);
    sigaddset(&supervisor.watched, SIGTERM);
    sigaddset(&supervisor.watched, SIGINT);
    sigaddset(&supervisor.watched, SIGHUP);
    sigprocmask(SIG_BLOCK, &supervisor.watched, &supervisor.before);
    int status = run(&supervisor);
    sigprocmask(SIG_SETMASK, &supervisor.before, NULL);
    return status;
}
