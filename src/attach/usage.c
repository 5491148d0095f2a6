/*
 * O_EXCL asks the kernel whether something is mounted or built upon the device: that is the proof,
 * the files in /proc only put it into words. Processes that merely have it open are found through
 * /proc; what udev or blkid do to a new device is over in a moment, so that is waited for. Of a
 * process that we may not look into nobody knows: a device is not taken away on a guess.
 */
#include "attach/usage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOOKS   20
#define LOOK_NS 100000000l

int att_is_part_of(const char *device, const char *path)
{
    size_t bytes = strlen(path);
    if (strncmp(device, path, bytes) != 0)
        return 0;
    const char *rest = device + bytes;
    if (*rest == 'p' && rest[1] >= '0' && rest[1] <= '9')
        rest += 1 + strspn(rest + 1, "0123456789");
    return *rest == '\0' || strcmp(rest, " (deleted)") == 0;
}

/* proc(5): ID PARENT MAJOR:MINOR ROOT MOUNT-POINT OPTIONS [FIELDS...] - TYPE SOURCE OPTIONS */
static int parse_mount(char *line, char **ret_point, char **ret_source)
{
    char *tail = strstr(line, " - ");
    if (!tail)
        return -EINVAL;
    *tail = '\0';
    char *save, *field = strtok_r(line, " ", &save);
    for (int i = 0; i < 4 && field; i++)
        field = strtok_r(NULL, " ", &save);
    *ret_point = field;
    *ret_source = strtok_r(tail + 3, " ", &save) ? strtok_r(NULL, " ", &save) : NULL;
    return *ret_point && *ret_source ? 0 : -EINVAL;
}

int att_find_mount(const char *mountinfo, const char *path, char *ret_where, size_t bytes)
{
    char *line = NULL, *point, *source;
    size_t room = 0;
    int found = 0;
    FILE *file = fopen(mountinfo, "re");
    while (file && !found && getline(&line, &room, file) > 0) {
        found = parse_mount(line, &point, &source) == 0 && att_is_part_of(source, path);
        if (found)
            snprintf(ret_where, bytes, "%s", point);
    }
    free(line);
    if (file)
        fclose(file);
    return found;
}

int att_find_swap(const char *swaps, const char *path)
{
    char line[512];
    int found = 0;
    FILE *file = fopen(swaps, "re");
    while (file && !found && fgets(line, sizeof line, file)) {
        line[strcspn(line, " \t\n")] = '\0';
        found = att_is_part_of(line, path);
    }
    if (file)
        fclose(file);
    return found;
}

enum opener { OPENER_NO, OPENER_UNKNOWN, OPENER_YES };

/* A process that ended meanwhile has nothing open. */
static enum opener unseen(int error)
{
    return error == EACCES || error == EPERM ? OPENER_UNKNOWN : OPENER_NO;
}

static enum opener look_at(int fds, const char *name, const char *path)
{
    char target[300];
    ssize_t bytes = readlinkat(fds, name, target, sizeof target - 1);
    if (bytes < 0)
        return unseen(errno);
    target[bytes] = '\0';
    return att_is_part_of(target, path) ? OPENER_YES : OPENER_NO;
}

/* Whether the process `pid` has it open. */
static enum opener has_open(const char *pid, const char *path)
{
    char name[300];
    enum opener found = OPENER_NO;
    snprintf(name, sizeof name, "/proc/%s/fd", pid);
    DIR *fds = opendir(name);
    if (!fds)
        return unseen(errno);
    for (struct dirent *entry = readdir(fds); entry && found != OPENER_YES; entry = readdir(fds)) {
        enum opener one = look_at(dirfd(fds), entry->d_name, path);
        if (one > found)
            found = one;
    }
    closedir(fds);
    return found;
}

static void name_of(const char *pid, char *ret_name, size_t bytes)
{
    char path[300];
    snprintf(path, sizeof path, "/proc/%s/comm", pid);
    FILE *file = fopen(path, "re");
    if (!file || !fgets(ret_name, (int)bytes, file))
        snprintf(ret_name, bytes, "?");
    ret_name[strcspn(ret_name, "\n")] = '\0';
    if (file)
        fclose(file);
}

/* The surest of all other processes; ret_who says which. */
static enum opener find_opener(const char *path, char *ret_who, size_t bytes)
{
    long self = getpid();
    enum opener found = OPENER_NO;
    DIR *processes = opendir("/proc");
    if (!processes)
        return OPENER_NO;
    for (struct dirent *entry = readdir(processes); entry && found != OPENER_YES;
         entry = readdir(processes)) {
        long pid = strtol(entry->d_name, NULL, 10);
        enum opener one = pid <= 0 || pid == self ? OPENER_NO : has_open(entry->d_name, path);
        if (one <= found)
            continue;
        char name[64];
        name_of(entry->d_name, name, sizeof name);
        snprintf(ret_who, bytes, "process %ld (%s)", pid, name);
        found = one;
    }
    closedir(processes);
    return found;
}

/* Not for writing: udev watches for the end of that, and then looks at the device; which would be
 * disconnected by then, and the kernel's log full of I/O errors. It can be flushed all the same. */
static int open_alone(const char *path)
{
    int fd = open(path, O_RDONLY | O_EXCL | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static void tell_claim(const char *path, char *ret_reason, size_t bytes)
{
    char where[128];
    /* Ours may be a namespace of its own; what people see is that of the first process. */
    if (att_find_mount("/proc/1/mountinfo", path, where, sizeof where) ||
        att_find_mount("/proc/self/mountinfo", path, where, sizeof where))
        snprintf(ret_reason, bytes, "%s is mounted on %s; unmount it first", path, where);
    else if (att_find_swap("/proc/swaps", path))
        snprintf(ret_reason, bytes, "%s is used as swap; swapoff first", path);
    else
        snprintf(ret_reason, bytes,
                 "%s is in use: by LVM, md or multipath, or mounted in another namespace", path);
}

static void tell_opener(const char *path, enum opener opener, const char *who, char *ret_reason,
                        size_t bytes)
{
    if (opener == OPENER_YES)
        snprintf(ret_reason, bytes, "%s is open in %s", path, who);
    else
        snprintf(ret_reason, bytes,
                 "%s may be open in %s, which the daemon may not look into (does it lack "
                 "CAP_SYS_PTRACE?); --force takes it away all the same",
                 path, who);
}

int att_claim(const char *path, int *ret_fd, char *ret_reason, size_t reason_bytes)
{
    const struct timespec pause = {.tv_nsec = LOOK_NS};
    char who[128] = "";
    enum opener opener;
    int fd = open_alone(path);
    if (fd == -EBUSY)
        tell_claim(path, ret_reason, reason_bytes);
    else if (fd < 0)
        snprintf(ret_reason, reason_bytes, "%s cannot be opened: %s", path, strerror(-fd));
    if (fd < 0)
        return fd;
    for (int looks = 0; (opener = find_opener(path, who, sizeof who)); looks++) {
        if (looks == LOOKS) {
            close(fd);
            tell_opener(path, opener, who, ret_reason, reason_bytes);
            return -EBUSY;
        }
        nanosleep(&pause, NULL);
    }
    *ret_fd = fd;
    return 0;
}
