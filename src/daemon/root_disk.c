/*
 * stderr stays what it is when that is a file in memory (an initramfs keeps the log there, for the
 * person at its prompt); else it is the kernel's log: a pipe or a socket would lead to a process
 * that the disk may be needed for.
 */
#include "daemon/root_disk.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "daemon/run_dir.h"
#include "os/private_root.h"

#define PRIVATE_ROOT RUN_DIR_BASE "/.root"

static bool is_numeric(const char *host)
{
    unsigned char address[16];
    return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

/* A link-local address carries its interface behind a '%'. */
static bool is_address(const char *host)
{
    char bare[URL_TARGET_BYTES];
    size_t bytes = strcspn(host, "%");
    if (bytes >= sizeof bare)
        return false;
    memcpy(bare, host, bytes);
    bare[bytes] = '\0';
    return is_numeric(bare);
}

int root_disk_check(const struct options *options, struct fault *fault)
{
    if (!options->root)
        return 0;
    if (options->fuse.count > 0)
        return fault_set(fault, -EINVAL,
                         "root: nobody else would see the file of fuse=; serve by device= or nbd=");
    for (unsigned i = 0; i < options->url.portal_count; i++) {
        const char *host = options->url.portals[i].host;
        if (!is_address(host))
            return fault_set(fault, -EINVAL,
                             "root: '%.64s' needs a resolver, whose files may lie on this very "
                             "disk; give the address",
                             host);
    }
    return 0;
}

static bool is_in_memory(int fd)
{
    struct stat file;
    struct statfs system;
    return fstat(fd, &file) == 0 && S_ISREG(file.st_mode) && fstatfs(fd, &system) == 0 &&
           (system.f_type == TMPFS_MAGIC || system.f_type == RAMFS_MAGIC);
}

/* The kernel's log wants the priority in front of each line, as systemd's journal does. */
static int take_output(struct fault *fault)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int log = is_in_memory(STDERR_FILENO) ? STDERR_FILENO : open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
        return fault_set(fault, -errno, "root: /dev/null: %s", strerror(errno));
    if (log < 0 || (log != STDERR_FILENO && dup2(log, STDERR_FILENO) < 0))
        return fault_set(fault, -errno, "root: /dev/kmsg: %s", strerror(errno));
    if (log != STDERR_FILENO)
        setenv("JOURNAL_STREAM", "kmsg", 1);
    close(null);
    if (log != STDERR_FILENO)
        close(log);
    return 0;
}

int root_disk_prepare(const struct options *options, struct fault *fault)
{
    if (!options->root)
        return 0;
    if (geteuid() != 0)
        return fault_set(fault, -EPERM, "root: serving the root disk needs root; start as root");
    mkdir(RUN_DIR_BASE, 0755); /* as run_dir_take() will */
    int error = private_root_enter(PRIVATE_ROOT);
    if (error)
        return fault_set(fault, error, "root: no file system of our own in %s: %s", PRIVATE_ROOT,
                         strerror(-error));
    program_invocation_name[0] = '@'; /* systemd spares us at the end */
    signal(SIGHUP, SIG_IGN);
    prctl(PR_SET_DUMPABLE, 0); /* a core would be written to the disk that nobody serves then */
    return take_output(fault);
}
